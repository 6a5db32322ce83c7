"""Usage in this process's memory: exact, bounded, and gone with the process."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from idgen.quota.tally import OTHERS, Tally, UsageId, interface_in

MAX_DAYS = 35
MAX_APPS = 10_000
"""A day."""
MAX_INTERFACES_KEPT = 1_000_000
"""Of all apps and days; calls of further ones are counted under OTHERS."""
MAX_USERS = 1_000_000
"""User marks, of all apps and days: some 80 MB.  Past that those of the oldest day go, but for
their number."""

_log = logging.getLogger("flake.quota")


@dataclass(slots=True)
class _Used:
    """What one application has used on one day."""

    total: int = 0
    denied: int = 0
    interfaces: Counter[str] = field(default_factory=Counter)
    users: dict[int, None] = field(default_factory=dict)
    """Their names' hashes: 64 bits under a key that is drawn anew for each process.

    No set, since the garbage collector would go through a million of them at a time; it lets a
    dict of numbers be.
    """
    forgotten_users: int = 0
    """How many there were when their marks went."""

    @property
    def user_count(self) -> int:
        return self.forgotten_users + len(self.users)


class MemoryUsage:
    """The last MAX_DAYS days that somebody has called on."""

    def __init__(self) -> None:
        self._days: dict[str, dict[str, _Used]] = {}
        self._users = 0
        self._interfaces = 0
        self._told: set[str] = set()

    async def add(self, tallies: Mapping[UsageId, Tally]) -> None:
        """Add to what is there.  Never fails, and never lets others run in between."""
        for (day, app), tally in tallies.items():
            used = self._begun(day, app)
            if used is not None:
                used.total += tally.total
                used.denied += tally.denied
                self._add_interfaces(used.interfaces, tally.interfaces)
                self._add_users(day, used.users, tally.users)

    async def read(self, usage_id: UsageId) -> Tally:
        """All that was added of one application's day; empty where nothing was."""
        used = self._days.get(usage_id.day, {}).get(usage_id.app) or _Used()
        return Tally(used.total, used.denied, Counter(used.interfaces), user_count=used.user_count)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _begun(self, day: str, app: str) -> _Used | None:
        """Where it is counted; None past a bound."""
        if day not in self._days:
            if len(self._days) >= MAX_DAYS:
                if day < min(self._days):
                    return None  # older than all that are kept
                self._forget(min(self._days))
            self._days[day] = {}
        apps = self._days[day]
        if app not in apps:
            if len(apps) >= MAX_APPS:
                self._tell(f"more than {MAX_APPS} applications on one day")
                return None
            apps[app] = _Used()
        return apps[app]

    def _forget(self, day: str) -> None:
        for used in self._days.pop(day).values():
            self._users -= len(used.users)
            self._interfaces -= len(used.interfaces)

    def _add_interfaces(self, there: Counter[str], added: Counter[str]) -> None:
        before = len(there)
        for interface, calls in added.items():
            is_full = self._interfaces + len(there) - before >= MAX_INTERFACES_KEPT
            known = OTHERS if is_full and interface not in there else interface_in(there, interface)
            there[known] += calls
        self._interfaces += len(there) - before

    def _add_users(self, day: str, there: dict[int, None], added: set[str]) -> None:
        for mark in map(hash, added):
            if mark not in there:
                if self._users >= MAX_USERS and not self._forget_users_before(day):
                    self._tell(f"more than {MAX_USERS} users on one day")
                    break
                there[mark] = None
                self._users += 1

    def _forget_users_before(self, day: str) -> bool:
        """Keep only the number of the users of the oldest day that has marks; False: none is older.

        Should some of them call on that day once more, they are counted again.
        """
        for older in sorted(known for known in self._days if known < day):
            marks = sum(len(used.users) for used in self._days[older].values())
            if marks:
                for used in self._days[older].values():
                    used.forgotten_users += len(used.users)
                    used.users.clear()
                self._users -= marks
                return True
        return False

    def _tell(self, bound: str) -> None:
        if bound not in self._told:
            self._told.add(bound)
            _log.warning(f"usage in memory is full: {bound}; new ones aren't counted")
