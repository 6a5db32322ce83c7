"""The generator: within its grant (timestamp, sequence) strictly increases, or it refuses.

Pure: the time is an argument.  A refusal leaves the generator as it was.  Not safe for
threads; a process has one generator, and one thread that calls it.
"""

from idgen.errors import ClockRegression, FlakeError, NotReady, SequenceOverflow
from idgen.grant import Grant
from idgen.layout import IDS_PER_MS, Layout

RESERVED_PER_MS = 64
"""Numbers of each millisecond that batches leave to single IDs.

Without them nearly all single IDs are refused while batches run.
"""

BATCH_IDS_PER_MS = IDS_PER_MS - RESERVED_PER_MS


class Generator:
    """Issues the IDs of its grant's worker_id, in its grant's milliseconds.

    longest_wait_ms: a floor that is further ahead of the clock than that is the clock's fault.
    """

    def __init__(self, layout: Layout, longest_wait_ms: int) -> None:
        self._layout = layout
        self._longest_wait_ms = longest_wait_ms
        self.grant: Grant | None = None
        self.trouble = "starting: no grant yet"
        """Why there is no grant, or why it was not extended; in words for a refusal."""
        self.last_unix_ms: int | None = None
        """The millisecond issued last; None before the first ID."""
        self.peak = 0
        """The most IDs taken of one millisecond since somebody set this to 0."""
        self._sequence = 0
        """The next sequence of that millisecond; IDS_PER_MS where all are taken."""
        self._packed_unix_ms: int | None = None
        self._packed_grant: Grant | None = None
        self._first_id = 0
        """The ID with sequence 0 of that millisecond and that grant's worker_id."""

    def next_id(self, unix_ms: int) -> int:
        """The next ID, which carries unix_ms.

        Raises ClockRegression, SequenceOverflow, NotReady.
        """
        flake_id, sequence = self._next(unix_ms, IDS_PER_MS)
        self.last_unix_ms, self._sequence = unix_ms, sequence + 1
        if sequence >= self.peak:
            self.peak = sequence + 1
        return flake_id

    def next_ids(self, unix_ms: int, n: int) -> range:
        """The next consecutive IDs, which carry unix_ms: at least 1, at most n.

        Fewer than n where the millisecond has no more for a batch.  Raises as next_id does.
        """
        first_id, sequence = self._next(unix_ms, BATCH_IDS_PER_MS)
        n = min(n, BATCH_IDS_PER_MS - sequence)
        self.last_unix_ms, self._sequence = unix_ms, sequence + n
        if sequence + n > self.peak:
            self.peak = sequence + n
        return range(first_id, first_id + n)

    def peek_id(self, unix_ms: int) -> int:
        """What next_id would return, or raise, without taking it."""
        return self._next(unix_ms, IDS_PER_MS)[0]

    def peek_ids(self, unix_ms: int, n: int) -> list[range]:
        """What batches would take from unix_ms on until they are n, without taking it."""
        try:
            first_id, sequence = self._next(unix_ms, BATCH_IDS_PER_MS)
            ranges = [range(first_id, first_id + min(n, BATCH_IDS_PER_MS - sequence))]
        except SequenceOverflow:
            ranges = []
        assert self.grant is not None
        while missing := n - sum(map(len, ranges)):
            unix_ms += 1
            first_id = self._layout.pack(unix_ms, self.grant.worker_id, sequence=0)
            ranges.append(range(first_id, first_id + min(missing, BATCH_IDS_PER_MS)))
        return ranges

    def _next(self, unix_ms: int, limit: int) -> tuple[int, int]:
        """The next ID and its sequence, which is less than the limit.

        THE PLACE where an ID is checked: the unix_ms that goes into it lies in the very grant
        whose worker_id goes into it, and after what was issued before.
        """
        grant, last_unix_ms = self.grant, self.last_unix_ms
        if grant is not None and grant.floor_unix_ms < unix_ms <= grant.ceiling_unix_ms:
            if unix_ms == last_unix_ms:
                sequence = self._sequence
            elif last_unix_ms is None or unix_ms > last_unix_ms:
                sequence = 0
            else:
                raise self._refusal(unix_ms, limit)
            if sequence < limit:
                if unix_ms != self._packed_unix_ms or grant is not self._packed_grant:
                    self._first_id = self._layout.pack(unix_ms, grant.worker_id, sequence=0)
                    self._packed_unix_ms, self._packed_grant = unix_ms, grant
                return self._first_id + sequence, sequence
            raise SequenceOverflow(unix_ms, limit)
        raise self._refusal(unix_ms, limit)

    def _refusal(self, unix_ms: int, limit: int) -> FlakeError:
        """Why unix_ms is no time for an ID; raises ClockOutOfRange itself."""
        self._layout.pack(unix_ms, worker_id=0, sequence=0)
        grant, last_unix_ms = self.grant, self.last_unix_ms
        if grant is None:
            return NotReady(self.trouble)
        after_floor_unix_ms = grant.floor_unix_ms + 1
        if last_unix_ms is not None and unix_ms < last_unix_ms:
            free_unix_ms = last_unix_ms + (self._sequence >= limit)
            next_unix_ms = max(free_unix_ms, after_floor_unix_ms)
            return ClockRegression(last_unix_ms - unix_ms, next_unix_ms)
        behind_ms = grant.floor_unix_ms - unix_ms
        if behind_ms > self._longest_wait_ms:
            return ClockRegression(behind_ms, after_floor_unix_ms)
        if behind_ms >= 0:
            return NotReady(
                f"clock is {behind_ms} ms behind the floor of the grant; "
                f"no IDs until {after_floor_unix_ms}"
            )
        reason = self.trouble or "it is about to be extended"
        return NotReady(f"the grant ends at {grant.ceiling_unix_ms}: {reason}")
