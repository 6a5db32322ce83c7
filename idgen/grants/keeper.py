"""Keeps the service in grants: acquires, extends, releases.

An answer of the store counts only for the grant that asked for it.  What goes wrong with the
store never ends the process while the store may work again: IDs go on to the ceiling, then the
service says why there are none.
"""

import logging
from collections.abc import Awaitable, Callable

from idgen.grants.jump import MAX_JUMP_MS, JumpGuard
from idgen.grants.store import GrantLost, GrantStore, StoreError, StoreUnavailable
from idgen.service import IdService

MIN_RETRY_MS = 50
MAX_RETRY_MS = 1000

_log = logging.getLogger("flake.grants")


class Keeper:
    """One service's grants from one store.

    boot_clock_ms counts milliseconds whatever is done to the wall clock, suspended or not.
    """

    def __init__(
        self,
        store: GrantStore,
        service: IdService,
        boot_clock_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._store = store
        self._service = service
        self._boot_clock_ms = boot_clock_ms
        self._sleep = sleep
        self._guard = JumpGuard()
        self._retry_ms = MIN_RETRY_MS

    async def run(self, delay_ms: int) -> None:
        """Step after step, the first after delay_ms.

        Returns never; raises StoreRefused or BadSetting, and GrantLost once the grant that was
        lost has run out.
        """
        while True:
            await self._sleep(delay_ms / 1000)
            delay_ms = await self.step()

    async def step(self) -> int:
        """Acquire or extend, and tell after how many milliseconds to take the next step."""
        begun_ms = self._boot_clock_ms()
        try:
            await (self._acquire() if self._service.grant is None else self._extend())
        except StoreUnavailable as trouble:
            _log.warning(
                f"the grant was not extended: {trouble}", extra={"reason": "store_unavailable"}
            )
            self._service.explain(str(trouble))
            self._retry_ms = min(2 * self._retry_ms, MAX_RETRY_MS)
            return self._retry_ms
        except GrantLost as loss:
            self._service.explain(str(loss))
            await self._run_out(str(loss))
            raise
        self._retry_ms = MIN_RETRY_MS
        # Counted from the beginning of this step: a slow disk has half a grant, whatever it took.
        return max(0, self._store.grant_ms // 2 - (self._boot_clock_ms() - begun_ms))

    async def release(self) -> None:
        """End the grant, then tell the store how far it was used.  For a clean stop.

        What fails here costs the next process a wait of a grant at most.
        """
        grant = self._service.grant
        self._service.end_grant("stopping")
        if grant is not None:
            try:
                await self._store.release(grant, self._service.last_unix_ms)
            except StoreError as trouble:
                _log.warning(f"the grant was not released: {trouble}")

    def abandon(self) -> None:
        """In a forked child: issue nothing, and leave the grant to the parent."""
        self._service.end_grant("a forked child issues no IDs")
        self._store.abandon()

    async def _acquire(self) -> None:
        grant = await self._store.acquire()
        self._believe(grant.ceiling_unix_ms - self._store.grant_ms)
        self._service.begin_grant(grant)

    async def _extend(self) -> None:
        asked = self._service.grant
        assert asked is not None
        unix_ms = self._service.wall_clock_ms()
        jump_ms = self._guard.jump_ms(unix_ms, self._boot_clock_ms(), asked.floor_unix_ms)
        if jump_ms:
            self._service.explain(
                f"clock jumped ahead {jump_ms} ms; not believed until it has lasted "
                f"{MAX_JUMP_MS // 1000} s"
            )
            return
        extended = await self._store.extend(asked, unix_ms)
        if self._service.grant is asked:
            self._believe(unix_ms)
            self._service.begin_grant(extended)

    async def _run_out(self, loss: str) -> None:
        grant = self._service.grant
        if grant is None:
            return
        begun_ms = self._boot_clock_ms()
        while (
            self._service.wall_clock_ms() <= grant.ceiling_unix_ms
            and self._boot_clock_ms() - begun_ms < self._store.grant_ms
        ):
            await self._sleep(MIN_RETRY_MS / 1000)
        self._service.end_grant(loss)

    def _believe(self, unix_ms: int) -> None:
        self._guard.believe(unix_ms, self._boot_clock_ms())
