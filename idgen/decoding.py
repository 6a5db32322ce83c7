"""What an ID is made of.  Pure."""

from dataclasses import dataclass
from datetime import datetime

from idgen.errors import BadArgument, shown
from idgen.layout import DEFAULT_EPOCH_MS, MAX_ID, Layout, unpack
from idgen.moments import rfc_3339, utc


@dataclass(frozen=True, slots=True)
class Decoded:
    """An ID, 0..MAX_ID, and its parts: ms since 1970, ms since the epoch, 0..1023, 0..4095."""

    id: int
    unix_ms: int
    timestamp: int
    worker_id: int
    sequence: int

    @property
    def time(self) -> datetime:
        """The millisecond of unix_ms, in UTC."""
        return utc(self.unix_ms)

    def document(self) -> dict[str, str | int]:
        """What is told as JSON; the ID is a string, since JavaScript numbers stop at 2^53."""
        return {
            "id": str(self.id),
            "unix_ms": self.unix_ms,
            "time": rfc_3339(self.unix_ms),
            "timestamp": self.timestamp,
            "worker_id": self.worker_id,
            "sequence": self.sequence,
        }


def decode(flake_id: int, epoch_ms: int = DEFAULT_EPOCH_MS) -> Decoded:
    """The parts of an ID of a fleet whose epoch is epoch_ms.

    Raises BadArgument for what is no ID: those are whole numbers from 0 to MAX_ID.
    """
    if not isinstance(flake_id, int) or not 0 <= flake_id <= MAX_ID:
        raise BadArgument(f"an ID is a whole number from 0 to {MAX_ID}, not {shown(flake_id)}")
    parts = unpack(flake_id)
    unix_ms = Layout(epoch_ms).unix_ms(parts.timestamp)
    return Decoded(flake_id, unix_ms, parts.timestamp, parts.worker_id, parts.sequence)
