"""Keeps the service in grants: acquires, extends, releases.

An answer of the store counts only for the grant that asked for it.  What goes wrong with the
store never ends the process while the store may work again: IDs go on to the ceiling, then the
service says why there are none.
"""

import logging
from collections.abc import Awaitable, Callable

from idgen.errors import BadSetting
from idgen.grant import Grant
from idgen.grants.jump import MAX_JUMP_MS, JumpGuard
from idgen.grants.store import (
    GrantLost,
    GrantStore,
    StoreError,
    StoreRestarted,
    StoreUnavailable,
    TokenLost,
)
from idgen.service import IdService

MIN_RETRY_MS = 50
MAX_RETRY_MS = 1000

_log = logging.getLogger("flake.grants")


class Keeper:
    """One service's grants from one store.

    boot_clock_ms counts milliseconds whatever is done to the wall clock, suspended or not.
    jitter gives a random number from 0 to 1, so that processes don't retry in step.
    """

    def __init__(
        self,
        store: GrantStore,
        service: IdService,
        boot_clock_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[object]],
        jitter: Callable[[], float],
    ) -> None:
        self._store = store
        self._service = service
        self._boot_clock_ms = boot_clock_ms
        self._sleep = sleep
        self._jitter = jitter
        self._guard = JumpGuard()
        self._retry_ms = MIN_RETRY_MS
        self._grant: Grant | None = None
        """What the store extends.  The service may still use up the one before."""
        self._worker_id: int | None = None
        """Of the last grant; None before the first."""
        self._has_ended = False
        """For good: what is still on its way counts for nothing."""

    async def run(self, delay_ms: int) -> None:
        """Step after step, the first after delay_ms.

        Returns never; raises StoreRefused, BadSetting before the first grant, and GrantLost once
        the grant that was lost has run out.
        """
        while True:
            await self._sleep(min(delay_ms, self._ms_to_hand_over()) / 1000)
            delay_ms = await self.step()

    async def step(self) -> int:
        """Acquire or extend, and tell after how many milliseconds to take the next step."""
        if self._has_ended:
            return self._store.extend_every_ms
        begun_ms = self._boot_clock_ms()
        self._hand_over()
        try:
            await (self._acquire() if self._grant is None else self._extend(self._grant))
        except (StoreUnavailable, TokenLost, StoreRestarted) as trouble:
            return self._refused(trouble)
        except BadSetting as another_epoch:
            if self._worker_id is None:
                raise
            return self._refused(StoreUnavailable(str(another_epoch), "pinned"))
        except GrantLost as loss:
            self._service.explain(str(loss))
            await self._run_out(str(loss))
            raise
        finally:
            self._service.grant_counts.skew_ms = self._store.skew_ms
        if self._retry_ms > MIN_RETRY_MS:
            _log.info("the grant store answers again")
        self._retry_ms = MIN_RETRY_MS
        # Counted from the beginning of this step: a slow disk has the whole interval.
        return max(0, self._store.extend_every_ms - (self._boot_clock_ms() - begun_ms))

    async def release(self) -> None:
        """End the grant, then tell the store how far it was used.  For a clean stop.

        What fails here costs the next process a wait of a grant at most.
        """
        self._has_ended = True
        grant, self._grant = self._grant, None
        self._service.end_grant("stopping")
        if grant is not None:
            try:
                await self._store.release(grant, self._service.last_unix_ms)
            except StoreError as trouble:
                _log.warning(f"the grant was not released: {trouble}")

    def abandon(self) -> None:
        """In a forked child: issue nothing, and leave the grant to the parent."""
        self._has_ended = True
        self._grant = None
        self._service.end_grant("a forked child issues no IDs")
        self._store.abandon()

    async def _acquire(self) -> None:
        grant = await self._store.acquire()
        if self._has_ended:
            return
        self._believe(grant.ceiling_unix_ms - self._store.grant_ms)
        self._grant = grant
        if self._worker_id not in (None, grant.worker_id):
            self._service.grant_counts.worker_id_changes += 1
            _log.warning(f"worker_id {grant.worker_id} takes the place of {self._worker_id}")
        elif self._service.worker_id is None:
            _log.info(f"worker_id {grant.worker_id} is granted")
        self._worker_id = grant.worker_id
        self._hand_over()

    async def _extend(self, asked: Grant) -> None:
        unix_ms = self._service.wall_clock_ms()
        jump_ms = self._guard.jump_ms(unix_ms, self._boot_clock_ms(), asked.floor_unix_ms)
        if jump_ms:
            raise StoreUnavailable(
                f"clock jumped ahead {jump_ms} ms; not believed until it has lasted "
                f"{MAX_JUMP_MS // 1000} s",
                "clock_jumped",
            )
        extended = await self._store.extend(asked, unix_ms)
        if self._grant is not asked:
            return
        self._believe(unix_ms)
        self._grant = extended
        self._service.grant_counts.extensions += 1
        if self._service.grant is asked:
            self._service.begin_grant(extended)

    def _refused(self, trouble: StoreError) -> int:
        """Say why, let go of what is lost, and tell when to try again."""
        if self._has_ended:
            return self._store.extend_every_ms
        what = "extended" if self._grant else "acquired"
        _log.warning(f"the grant was not {what}: {trouble}", extra={"reason": trouble.reason})
        self._service.grant_counts.refusals[trouble.reason] += 1
        self._service.explain(str(trouble))
        if isinstance(trouble, TokenLost) and self._grant is self._service.grant:
            self._service.end_grant(str(trouble))
        if isinstance(trouble, TokenLost | StoreRestarted):
            self._grant = None
        self._retry_ms = min(2 * self._retry_ms, MAX_RETRY_MS)
        return int(self._retry_ms * (1 + self._jitter()) / 2)

    def _hand_over(self) -> None:
        """Begin the grant, unless one that was lost is still to be used up."""
        before = self._service.grant
        if self._grant is None or self._grant is before:
            return
        if before is None or self._service.wall_clock_ms() > before.ceiling_unix_ms:
            self._service.begin_grant(self._grant)

    def _ms_to_hand_over(self) -> int:
        """Until one that was lost is used up, if there is another; else a long time."""
        before = self._service.grant
        if before is None or self._grant is None or self._grant is before:
            return self._store.grant_ms
        left_ms = before.ceiling_unix_ms + 1 - self._service.wall_clock_ms()
        return max(MIN_RETRY_MS, left_ms)

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
