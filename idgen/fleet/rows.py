"""The fleet as rows, one a worker: what each was last heard to say, and who collides.  Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from idgen.fleet.figures import Figures, dumps

Ownership = tuple[int | None, int]
"""worker_id and epoch_ms: what two processes may never issue with at once."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Figures, and how they came; by the clock of the process that asked."""

    figures: Figures
    text: str
    """The same as JSON, made once: of many workers it takes a while."""
    unix_ms: int
    offset_ms: float
    """How far ahead of ours its clock was, halfway: right to half the round trip."""
    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class Row:
    """One worker."""

    address: str
    worker_id: int | None
    """Of its figures, else as somebody told who knows; None where nobody does."""
    heard: Heard | None = None
    """Its last figures; None before the first."""
    trouble: str = ""
    """Why there are none of now; "" where there are."""
    answers: bool = False
    """Whether it answered at all when it was asked last."""
    can_be_asked: bool = True

    @property
    def now(self) -> Figures | None:
        """Its figures, if they are of now."""
        return None if self.heard is None or self.trouble else self.heard.figures

    def is_of(self, instance: str) -> bool:
        """Whether that process was heard last."""
        return self.heard is not None and self.heard.figures.instance == instance

    @property
    def ownership(self) -> Ownership | None:
        """What it may issue with at this moment."""
        return (self.now.worker_id, self.now.epoch_ms) if self.now and self.now.owns else None

    @property
    def detail(self) -> str:
        """Why it gives no IDs, or doesn't answer; "" while it serves."""
        return self.now.trouble if self.now else self.trouble

    @property
    def state(self) -> str:
        """`serving`, `refusing` (it answers, and gives no IDs) or `silent`."""
        if not self.answers:
            return "silent"
        return "refusing" if self.detail else "serving"

    def json(self, two_owners: bool) -> str:
        """As the fleet's document has it."""
        heard = self.heard
        told = {
            "address": self.address,
            "worker_id": self.worker_id,
            "state": self.state,
            "detail": self.detail,
            "two_owners": two_owners,
            "heard_unix_ms": heard and heard.unix_ms,
            "offset_ms": heard and heard.offset_ms,
            "round_trip_ms": heard and heard.round_trip_ms,
        }
        return f'{dumps(told)[:-1]},"figures":{heard.text if heard else "null"}}}'


def each_once(rows: Iterable[Row]) -> list[Row]:
    """By worker_id; of a process that is known by several addresses one that answers, if any."""
    met: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: not row.answers):
        met.setdefault(row.heard.figures.instance if row.heard else row.address, row)
    return sorted(
        met.values(), key=lambda row: (row.worker_id is None, row.worker_id or 0, row.address)
    )


def collisions(rows: Iterable[Row]) -> dict[Ownership, list[Row]]:
    """What more than one of these may issue with at this moment, and who they are."""
    owners = defaultdict(list)
    for row in rows:
        if row.ownership is not None:
            owners[row.ownership].append(row)
    return {ownership: rows for ownership, rows in owners.items() if len(rows) > 1}
