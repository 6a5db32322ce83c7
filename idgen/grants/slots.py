"""The bytes of a grant file: two slots, each in a block of its own.  Pure.

A slot is a line of text, so that an operator can read it with `cat`:

    flake-grant counter=17 ceiling=1795219200123 layout=41.10.12 epoch=1259193600000 pid=4711 \
crc32=0a1b2c3d

The newer slot (the larger counter) tells the ceiling; a write always goes over the older one,
so that a torn write leaves the newer one whole.
"""

import re
import zlib
from dataclasses import dataclass

from idgen.layout import SEQUENCE_BITS, TIMESTAMP_BITS, WORKER_ID_BITS

BLOCK_BYTES = 4096
"""The largest unit that a torn write can leave half done on its own."""
FILE_BYTES = 2 * BLOCK_BYTES

LAYOUT = f"{TIMESTAMP_BITS}.{WORKER_ID_BITS}.{SEQUENCE_BITS}"

_SLOT = re.compile(
    rb"(flake-grant counter=([0-9]{1,19}) ceiling=([0-9]{1,19}) layout=([0-9.]{1,19})"
    rb" epoch=([0-9]{1,19}) pid=([0-9]{1,19})) crc32=([0-9a-f]{8})\n *"
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One durable record: ceiling in Unix ms, epoch in Unix ms, who wrote it."""

    counter: int
    ceiling_unix_ms: int
    layout: str
    epoch_ms: int
    pid: int

    def to_bytes(self) -> bytes:
        """A whole block."""
        facts = (
            f"flake-grant counter={self.counter} ceiling={self.ceiling_unix_ms}"
            f" layout={self.layout} epoch={self.epoch_ms} pid={self.pid}"
        ).encode()
        return (b"%b crc32=%08x\n" % (facts, zlib.crc32(facts))).ljust(BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, by block: a Slot, or None where it isn't one."""

    slots: tuple[Slot | None, Slot | None]
    blank: bool
    """The file is new or empty: not a byte in it, or zeros alone."""

    @property
    def newer(self) -> Slot | None:
        """The slot that counts; None where none is whole."""
        return max(filter(None, self.slots), key=lambda slot: slot.counter, default=None)

    @property
    def older_place(self) -> int:
        """The block to write over: the one that isn't the newer, 0 or 1."""
        newer = self.newer
        return 1 if newer is not None and self.slots[0] is newer else 0


def parse(data: bytes) -> Contents:
    """The contents of a file's first FILE_BYTES bytes, of which there may be fewer."""
    return Contents(
        slots=(_slot(data[:BLOCK_BYTES]), _slot(data[BLOCK_BYTES:FILE_BYTES])),
        blank=not data.strip(b"\0"),
    )


def _slot(block: bytes) -> Slot | None:
    match = _SLOT.fullmatch(block)
    if match is None or int(match[7], 16) != zlib.crc32(match[1]):
        return None
    counter, ceiling, epoch_ms, pid = (int(match[group]) for group in (2, 3, 5, 6))
    return Slot(counter, ceiling, match[4].decode(), epoch_ms, pid)
