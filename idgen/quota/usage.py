"""What applications use: gathered in the process, handed to the store each second.

A process that is killed loses what it has gathered since.  A store that is away costs nothing
while what waits for it stays within the bounds.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from idgen.errors import QuotaUnavailable
from idgen.quota.days import Days
from idgen.quota.rules import Check
from idgen.quota.store import UsageStore
from idgen.quota.tally import OTHERS, Tally, UsageId, interface_in

FLUSH_EVERY_S = 1

# Bounds of what is gathered.  As much again may wait in the batch that is being handed over.
MAX_WAITING_APPS = 10_000
MAX_WAITING_USERS = 200_000
MAX_WAITING_INTERFACES = 200_000

_log = logging.getLogger("flake.quota")


class Usage:
    """The usage of this process's callers, and what the store knows of everybody's."""

    def __init__(self, store: UsageStore, days: Days, wall_clock_ms: Callable[[], int]) -> None:
        self.dropped = 0
        """Calls of which something isn't in the statistics, there being too much of it waiting."""
        self._store = store
        self._days = days
        self._wall_clock_ms = wall_clock_ms
        self._turn = asyncio.Lock()
        self._failures = 0
        self._trouble = ""
        """Of the last failure."""
        self._is_away = False
        """Whether the last answer of the store was that it can't be asked."""
        self._batch: dict[UsageId, Tally] = {}
        """What is being handed over: as it is, until the store has it."""
        self._gathered: dict[UsageId, Tally] = {}
        self._users = 0
        self._interfaces = 0
        self._day = ""
        """Of the last call."""
        self._of_day: dict[str, Tally] = {}
        """What is gathered of that day, by app."""

    def note(self, check: Check, allowed: bool) -> None:
        """Count a call on which was decided; a look (cost 0), or one without an app, is none."""
        app, user, interface, _, cost = check
        if app is None or not cost:
            return
        day = self._days.day_of(self._wall_clock_ms())
        if day is not self._day:
            self._day, self._of_day = day, {}
        try:
            tally = self._of_day[app]
        except KeyError:
            if not self._begin(app):
                return
            tally = self._of_day[app]
        if not allowed:
            tally.denied += 1
            return
        tally.total += 1
        if interface is not None:
            interfaces = tally.interfaces
            if interface in interfaces:
                interfaces[interface] += 1
            else:
                self._begin_interface(interfaces, interface)
        if user is not None and user not in tally.users:
            self._begin_user(tally.users, user)

    async def flush(self) -> None:
        """Hand over what was noted before the call.  Raises QuotaUnavailable: it waits then.

        Who has waited for a turn in which the store failed is told that, without another try.
        """
        failures = self._failures
        async with self._turn:
            if self._failures != failures:
                raise QuotaUnavailable(self._trouble)
            if self._batch:
                await self._hand_over()
            if self._gathered:
                self._batch = self._gathered
                self._gathered, self._of_day = {}, {}
                self._users = self._interfaces = 0
                await self._hand_over()

    async def run(self, sleep: Callable[[float], Awaitable[object]]) -> None:
        """Flush every FLUSH_EVERY_S, whatever happens.  Returns never."""
        while True:
            await sleep(FLUSH_EVERY_S)
            try:
                await self.flush()
            except QuotaUnavailable:
                pass  # it is logged, and there is another time
            except Exception:  # a mistake of ours must not end the statistics until a restart
                _log.exception("usage isn't stored")

    async def read(self, app: str, day: str | None) -> tuple[str, Tally]:
        """The day, and what the application has used on it; of today where day is None.

        The calls that this process has noted are in it.  Raises QuotaUnavailable.
        """
        day = day or self._days.day_of(self._wall_clock_ms())
        await self.flush()
        return day, await self._store.read(UsageId(day, app))

    async def close(self) -> None:
        """Let go of the store's connections."""
        await self._store.close()

    async def _hand_over(self) -> None:
        try:
            await self._store.add(self._batch)
        except QuotaUnavailable as trouble:
            self._failures += 1
            self._trouble = str(trouble)
            if not self._is_away:
                self._is_away = True
                _log.warning(f"usage isn't stored, and waits: {trouble}")
            raise
        self._batch = {}
        if self._is_away:
            self._is_away = False
            _log.info("usage is stored again")

    def _begin(self, app: str) -> bool:
        usage_id = UsageId(self._day, app)
        if usage_id not in self._gathered:  # it can be there, of before the clock went back
            if len(self._gathered) >= MAX_WAITING_APPS:
                self.dropped += 1
                return False
            self._gathered[usage_id] = Tally()
        self._of_day[app] = self._gathered[usage_id]
        return True

    def _begin_interface(self, interfaces: Counter[str], interface: str) -> None:
        known = interface_in(interfaces, interface)
        if self._interfaces >= MAX_WAITING_INTERFACES:
            self.dropped += 1
            known = OTHERS
        self._interfaces += known not in interfaces
        interfaces[known] += 1

    def _begin_user(self, users: set[str], user: str) -> None:
        if self._users >= MAX_WAITING_USERS:
            self.dropped += 1
            return
        self._users += 1
        users.add(user)
