"""What usage.lua is handed, piece by piece, and where it keeps that.  Pure."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from idgen.quota.tally import MAX_INTERFACES, OTHERS, Tally, UsageId

KEPT_S = 35 * 86_400
"""How long a day's usage is kept after it was added to last."""

KEPT_NUMBER_S = 86_400
"""How long a process that can't reach Redis may still hand in a piece of which the reply was lost.

After that the piece would be added a second time.
"""

MAX_NAMES = 100
"""Applications, interfaces and users in one piece: checks wait for Redis as long as that takes."""


class Piece(NamedTuple):
    """KEYS and ARGV of the script, but for the number, which comes first in ARGV."""

    keys: list[str]
    arguments: list[str | int]


class _Entry(NamedTuple):
    """What a piece has of one application's day."""

    usage_id: UsageId
    total: int
    denied: int
    interfaces: list[tuple[str, int]]
    users: list[str]

    @property
    def names(self) -> int:
        return 1 + len(self.interfaces) + len(self.users)

    @property
    def arguments(self) -> list[str | int]:
        counts = (self.total, self.denied, len(self.interfaces), len(self.users))
        flat = [part for interface in self.interfaces for part in interface]
        return [self.usage_id.app, *counts, *flat, *self.users]


def counts_key(namespace: str, usage_id: UsageId) -> str:
    """A hash: total, denied, and `i:` + interface for each."""
    return f"{namespace}:usage:{usage_id.day}:{{{usage_id.app}}}"


def users_key(namespace: str, usage_id: UsageId) -> str:
    """A HyperLogLog."""
    return f"{namespace}:usage_users:{usage_id.day}:{{{usage_id.app}}}"


def apps_key(namespace: str, day: str) -> str:
    """A set."""
    return f"{namespace}:usage_apps:{day}"


def number_key(namespace: str, token: str) -> str:
    """The number of the last piece that was added under the token."""
    return f"{namespace}:usage_number:{token}"


def pieces(namespace: str, token: str, tallies: Mapping[UsageId, Tally]) -> Iterator[Piece]:
    """All of it, in pieces of up to MAX_NAMES.  The mapping doesn't change meanwhile."""
    gathered: list[_Entry] = []
    names = 0
    for usage_id, tally in tallies.items():
        for entry in _entries(usage_id, tally):
            if names + entry.names > MAX_NAMES:
                yield _piece(namespace, token, gathered)
                gathered, names = [], 0
            gathered.append(entry)
            names += entry.names
    if gathered:
        yield _piece(namespace, token, gathered)


def _entries(usage_id: UsageId, tally: Tally) -> Iterator[_Entry]:
    """One, or several where it has more names than a piece may have."""
    total, denied = tally.total, tally.denied
    interfaces, users = iter(tally.interfaces.items()), iter(tally.users)
    while True:
        some = list(islice(interfaces, MAX_NAMES - 1))
        some_users = list(islice(users, MAX_NAMES - 1 - len(some)))
        if not (total or denied or some or some_users):
            return
        yield _Entry(usage_id, total, denied, some, some_users)
        total = denied = 0


def _piece(namespace: str, token: str, entries: list[_Entry]) -> Piece:
    keys = [number_key(namespace, token)]
    arguments: list[str | int] = [KEPT_NUMBER_S, KEPT_S, MAX_INTERFACES, OTHERS]
    for entry in entries:
        usage_id = entry.usage_id
        keys += (counts_key(namespace, usage_id), users_key(namespace, usage_id))
        keys.append(apps_key(namespace, usage_id.day))
        arguments += entry.arguments
    return Piece(keys, arguments)
