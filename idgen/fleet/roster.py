"""Who belongs to the fleet, and who of them is to be asked.  Pure: the time is an argument."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from idgen.addresses import MAX_PEERS
from idgen.fleet.rows import Row

SILENT_AT_ONCE = 8
"""Of those who were silent, so many are asked anew at once: each may take its whole time-out."""

MISSED_FOR_S = 600.0
"""How long somebody whom Redis knows no more is shown after it was last heard."""


@dataclass(frozen=True, slots=True)
class Found:
    """Workers that nobody has named: those that are there, or ought to be, and those that left."""

    rows: list[Row]
    """Those that can't be asked have their trouble."""
    left: frozenset[str]
    """Addresses of processes that gave their worker_id back."""


@dataclass(slots=True)
class Peer:
    """A worker, as it is known now."""

    row: Row
    is_named: bool
    seen_s: float = 0.0
    """When it answered last, or was found last."""
    asked_s: float | None = None
    """When it was asked last; None: never yet."""
    is_asked: bool = False
    """Whether a question is under way."""


class Roster:
    """The peers by address.

    named: HOST:PORT of those that never leave.  own: that of this process, which is no peer.
    """

    def __init__(self, named: Iterable[str], own: str) -> None:
        self._own = own
        others = [address for address in named if address != own]
        self._peers = {address: Peer(Row(address, None), is_named=True) for address in others}

    @property
    def rows(self) -> list[Row]:
        """What is known of each."""
        return [peer.row for peer in self._peers.values()]

    def due(self) -> list[Peer]:
        """Those to ask now: all that answered or were never asked, and some that were silent."""
        askable = [peer for peer in self._peers.values() if peer.row.can_be_asked]
        silent = [peer for peer in askable if not peer.row.answers and peer.asked_s is not None]
        waiting = sorted((peer for peer in silent if not peer.is_asked), key=_asked_s)
        under_way = len(silent) - len(waiting)
        lively = [peer for peer in askable if peer.row.answers or peer.asked_s is None]
        return [
            *(peer for peer in lively if not peer.is_asked),
            *waiting[: max(0, SILENT_AT_ONCE - under_way)],
        ]

    def adopt(self, found: Found, now_s: float) -> None:
        """Take up who was found, and let go of who has left and who was missed for long."""
        rows = [row for row in found.rows if row.address != self._own]
        for row in rows:
            peer = self._peers.setdefault(row.address, Peer(row, is_named=False))
            peer.seen_s = now_s
            if not row.can_be_asked:
                peer.row = row
            elif peer.row.heard is None:  # else it has told better
                peer.row = replace(peer.row, worker_id=row.worker_id, can_be_asked=True)
        there = {row.address for row in rows}
        self._peers = {
            address: peer
            for address, peer in self._peers.items()
            if peer.is_named or address in there or self._stays(peer, found, now_s)
        }

    def _stays(self, peer: Peer, found: Found, now_s: float) -> bool:
        """Whether somebody is shown whom nobody names and Redis doesn't know."""
        if peer.row.answers:  # up without a worker_id, or, which mustn't be, with one of another's
            return True
        is_crowded = len(self._peers) > 2 * MAX_PEERS
        is_over = peer.row.address in found.left or is_crowded
        return not is_over and now_s - peer.seen_s <= MISSED_FOR_S


def _asked_s(peer: Peer) -> float:
    return peer.asked_s or 0.0
