"""The bits of an ID.

     63 62                                   22 21        12 11         0
     ┌─┬───────────────────────────────────────┬────────────┬────────────┐
     │0│ timestamp: 41 bits, ms since the epoch│ worker_id  │  sequence  │
     └─┴───────────────────────────────────────┴────────────┴────────────┘

`timestamp` counts milliseconds since the epoch, `unix_ms` since 1970; only this module
converts.  The top bit stays 0, so that an ID is positive in a signed 64-bit integer.
"""

from dataclasses import dataclass

from idgen.errors import ClockOutOfRange

TIMESTAMP_BITS = 41
WORKER_ID_BITS = 10
SEQUENCE_BITS = 12

MAX_TIMESTAMP = (1 << TIMESTAMP_BITS) - 1
MAX_WORKER_ID = (1 << WORKER_ID_BITS) - 1
MAX_SEQUENCE = (1 << SEQUENCE_BITS) - 1
MAX_ID = (1 << (TIMESTAMP_BITS + WORKER_ID_BITS + SEQUENCE_BITS)) - 1
IDS_PER_MS = MAX_SEQUENCE + 1

WORKER_ID_SHIFT = SEQUENCE_BITS
TIMESTAMP_SHIFT = SEQUENCE_BITS + WORKER_ID_BITS

DEFAULT_EPOCH_MS = 1_259_193_600_000
"""2009-11-26T00:00:00Z, the epoch of earlier Flake fleets: one can be replaced without a gap."""

LAST_CALENDAR_UNIX_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last millisecond that ISO 8601 writes with a four-digit year."""

MAX_EPOCH_MS = LAST_CALENDAR_UNIX_MS - MAX_TIMESTAMP


@dataclass(frozen=True, slots=True)
class Parts:
    """What an ID is made of: ms since the epoch, 0..1023, 0..4095."""

    timestamp: int
    worker_id: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The bits together with the epoch that they count from, in Unix milliseconds."""

    epoch_ms: int = DEFAULT_EPOCH_MS

    @property
    def last_unix_ms(self) -> int:
        """The last millisecond that an ID can carry."""
        return self.epoch_ms + MAX_TIMESTAMP

    def unix_ms(self, timestamp: int) -> int:
        """Unix milliseconds of a timestamp, 0..MAX_TIMESTAMP."""
        return timestamp + self.epoch_ms

    def pack(self, unix_ms: int, worker_id: int, sequence: int) -> int:
        """The ID, 0..MAX_ID, of these parts.

        Raises ClockOutOfRange where unix_ms doesn't fit 41 bits after the epoch.
        """
        assert 0 <= worker_id <= MAX_WORKER_ID
        assert 0 <= sequence <= MAX_SEQUENCE
        timestamp = unix_ms - self.epoch_ms
        if not 0 <= timestamp <= MAX_TIMESTAMP:
            raise ClockOutOfRange(unix_ms, self.epoch_ms, self.last_unix_ms)
        return timestamp << TIMESTAMP_SHIFT | worker_id << WORKER_ID_SHIFT | sequence

    def bounds(self, from_unix_ms: int, to_unix_ms: int) -> tuple[int, int]:
        """The smallest and the largest ID that any worker can issue from..to inclusive.

        Raises ClockOutOfRange as pack does.
        """
        smallest = self.pack(from_unix_ms, worker_id=0, sequence=0)
        return smallest, self.pack(to_unix_ms, worker_id=MAX_WORKER_ID, sequence=MAX_SEQUENCE)


def unpack(flake_id: int) -> Parts:
    """The parts of an ID, 0..MAX_ID; the reverse of Layout.pack."""
    assert 0 <= flake_id <= MAX_ID
    return Parts(
        timestamp=flake_id >> TIMESTAMP_SHIFT,
        worker_id=flake_id >> WORKER_ID_SHIFT & MAX_WORKER_ID,
        sequence=flake_id & MAX_SEQUENCE,
    )
