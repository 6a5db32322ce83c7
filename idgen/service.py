"""The only place where an ID is made: clock, grant and generator meet here, and are counted."""

from collections import Counter
from collections.abc import Callable

from idgen.errors import BadRequest, ClockRegression, NotReady, SequenceOverflow
from idgen.generator import Generator
from idgen.grant import Grant, GrantCounts
from idgen.layout import Layout

REASONS = tuple(error.reason for error in (ClockRegression, SequenceOverflow, NotReady, BadRequest))
"""The errors that any process may come to answer: counted from 0 on, so that rates start there."""


class IdService:
    """The IDs of this process, at the time of the wall clock, within its grant.

    worker_id is what the process was started with, None where its grants tell; IDs carry the
    grant's.  longest_wait_ms: how far ahead of a right clock a new grant's floor may be.
    """

    def __init__(
        self,
        layout: Layout,
        worker_id: int | None,
        wall_clock_ms: Callable[[], int],
        longest_wait_ms: int,
    ) -> None:
        self.layout = layout
        self._worker_id = worker_id
        self.wall_clock_ms = wall_clock_ms
        self.ids_taken = 0
        self.errors: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        """Errors answered, by reason; who answers one counts it."""
        self.grant_counts = GrantCounts()
        self._generator = Generator(layout, longest_wait_ms)

    @property
    def last_unix_ms(self) -> int | None:
        """The millisecond of the last ID; None before the first."""
        return self._generator.last_unix_ms

    @property
    def worker_id(self) -> int | None:
        """Of the grant, else what the process was started with."""
        return self.grant.worker_id if self.grant else self._worker_id

    @property
    def grant(self) -> Grant | None:
        """The right to issue; None while there is none."""
        return self._generator.grant

    @property
    def grant_now(self) -> Grant | None:
        """The grant, if the wall clock stands within it."""
        grant, unix_ms = self.grant, self.wall_clock_ms()
        return grant if grant and grant.floor_unix_ms < unix_ms <= grant.ceiling_unix_ms else None

    @property
    def grant_remaining_ms(self) -> int:
        """Until the grant ends, unless it is extended; 0 without one."""
        return max(0, self.grant.ceiling_unix_ms - self.wall_clock_ms()) if self.grant else 0

    def take_peak(self) -> int:
        """The most IDs taken of one millisecond since this was last asked."""
        peak, self._generator.peak = self._generator.peak, 0
        return peak

    def begin_grant(self, grant: Grant) -> None:
        """Issue by this grant from now on."""
        self._generator.grant = grant
        self._generator.trouble = ""

    def end_grant(self, trouble: str) -> None:
        """Issue nothing from now on, and say why."""
        self._generator.grant = None
        self._generator.trouble = trouble

    def explain(self, trouble: str) -> None:
        """What keeps the grant from being had or extended."""
        self._generator.trouble = trouble

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

    def peek_ids(self, n: int) -> list[range]:
        """The IDs that a batch of n would get, millisecond after millisecond, without taking any.

        Raises as next_id does, but for the overflow, which a batch waits out.
        """
        return self._generator.peek_ids(self.wall_clock_ms(), n)

    def reason_not_ready(self) -> str | None:
        """Why no ID can be had now; None if it can, or after a passing overflow."""
        try:
            self.peek_id()
        except SequenceOverflow:
            return None
        except (ClockRegression, NotReady) as error:
            return str(error)
        return None
