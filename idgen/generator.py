"""The generator of one worker: (timestamp, sequence) strictly increases, or it refuses.

Pure: the time is an argument.  A refusal leaves the generator as it was.  Not safe for
threads; a process has one generator, and one thread that calls it.
"""

from idgen.errors import ClockRegression, SequenceOverflow
from idgen.layout import IDS_PER_MS, Layout

RESERVED_PER_MS = 64
"""Numbers of each millisecond that batches leave to single IDs.

Without them nearly all single IDs are refused while batches run.
"""

BATCH_IDS_PER_MS = IDS_PER_MS - RESERVED_PER_MS


class Generator:
    """Issues the IDs of one worker_id, 0..1023."""

    def __init__(self, layout: Layout, worker_id: int) -> None:
        self._layout = layout
        self._worker_id = worker_id
        self.last_unix_ms: int | None = None
        """The millisecond issued last; None before the first ID."""
        self._first_id = 0
        """The ID of that millisecond with sequence 0."""
        self._sequence = 0
        """The next sequence of that millisecond; IDS_PER_MS where all are taken."""

    def next_id(self, unix_ms: int) -> int:
        """The next ID, which carries unix_ms.

        Raises ClockRegression, SequenceOverflow, ClockOutOfRange.
        """
        return self._take(unix_ms, 1, IDS_PER_MS).start

    def next_ids(self, unix_ms: int, n: int) -> range:
        """The next consecutive IDs, which carry unix_ms: at least 1, at most n.

        Fewer than n where the millisecond has no more for a batch.  Raises as next_id does.
        """
        return self._take(unix_ms, n, BATCH_IDS_PER_MS)

    def peek_id(self, unix_ms: int) -> int:
        """What next_id would return, or raise, without taking it."""
        first_id, sequence = self._position(unix_ms, IDS_PER_MS)
        return first_id + sequence

    def _take(self, unix_ms: int, n: int, limit: int) -> range:
        first_id, sequence = self._position(unix_ms, limit)
        end = min(sequence + n, limit)
        self.last_unix_ms, self._first_id, self._sequence = unix_ms, first_id, end
        return range(first_id + sequence, first_id + end)

    def _position(self, unix_ms: int, limit: int) -> tuple[int, int]:
        """First ID of the millisecond and next sequence, which is less than the limit."""
        last_unix_ms = self.last_unix_ms
        if unix_ms == last_unix_ms:
            if self._sequence >= limit:
                raise SequenceOverflow(unix_ms, limit)
            return self._first_id, self._sequence
        first_id = self._layout.pack(unix_ms, self._worker_id, sequence=0)
        if last_unix_ms is not None and unix_ms < last_unix_ms:
            next_unix_ms = last_unix_ms + (self._sequence >= limit)
            raise ClockRegression(last_unix_ms - unix_ms, next_unix_ms)
        return first_id, 0
