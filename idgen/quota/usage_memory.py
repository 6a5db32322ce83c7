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
"""User marks, of all apps and days: some 80 MB."""

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
                self._add_users(used.users, tally.users)

    async def read(self, usage_id: UsageId) -> Tally:
        """All that was added of one application's day; empty where nothing was."""
        used = self._days.get(usage_id.day, {}).get(usage_id.app) or _Used()
        return Tally(used.total, used.denied, Counter(used.interfaces), user_count=len(used.users))

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

    def _add_users(self, there: dict[int, None], added: set[str]) -> None:
        before = len(there)
        for mark in map(hash, added):
            if mark not in there:
                if self._users + len(there) - before >= MAX_USERS:
                    self._tell(f"more than {MAX_USERS} users")
                    break
                there[mark] = None
        self._users += len(there) - before

    def _tell(self, bound: str) -> None:
        if bound not in self._told:
            self._told.add(bound)
            _log.warning(f"usage in memory is full: {bound}; new ones aren't counted")
