"""The only place where an ID is made: clock and generator meet here, and are counted."""

from collections import Counter
from collections.abc import Callable

from idgen.errors import ClockRegression, NotReady, SequenceOverflow
from idgen.generator import Generator
from idgen.layout import Layout


class IdService:
    """The IDs of this process's worker_id, at the time of the wall clock."""

    def __init__(self, layout: Layout, worker_id: int, wall_clock_ms: Callable[[], int]) -> None:
        self.layout = layout
        self.worker_id = worker_id
        self.wall_clock_ms = wall_clock_ms
        self.ids_taken = 0
        self.errors: Counter[str] = Counter()
        """Errors answered, by reason; who answers one counts it."""
        self._generator = Generator(layout, worker_id)

    @property
    def last_unix_ms(self) -> int:
        """The millisecond of the last ID; 0 before the first."""
        return self._generator.last_unix_ms or 0

    def next_id(self) -> int:
        """A new ID.  Raises ClockRegression, SequenceOverflow, NotReady."""
        flake_id = self._generator.next_id(self.wall_clock_ms())
        self.ids_taken += 1
        return flake_id

    def next_ids(self, n: int) -> range:
        """New consecutive IDs of one millisecond: at least 1, at most n.  Raises as next_id."""
        ids = self._generator.next_ids(self.wall_clock_ms(), n)
        self.ids_taken += len(ids)
        return ids

    def peek_id(self) -> int:
        """What next_id would return or raise now, without taking it."""
        return self._generator.peek_id(self.wall_clock_ms())

    def peek_ids(self, n: int) -> range:
        """As many IDs as a batch of n would get now or soon, without taking any."""
        try:
            first_id = self.peek_id()
        except SequenceOverflow as overflow:
            first_id = self.layout.pack(overflow.next_unix_ms, self.worker_id, sequence=0)
        return range(first_id, first_id + n)

    def reason_not_ready(self) -> str | None:
        """Why no ID can be had now; None if it can, or after a passing overflow."""
        try:
            self.peek_id()
        except SequenceOverflow:
            return None
        except (ClockRegression, NotReady) as error:
            return str(error)
        return None
