"""An ID's bits as a picture of at most 80 columns.  Pure: the time of looking is an argument.

     63 62                                     22 21      12 11         0
      0 00111110011001101100111011001000001111011 1111111111 111111111111
        └───────────────────────────────────────┘ └────────┘ └──────────┘
                        timestamp                 worker_id    sequence

Each part has one colour, wherever it stands.
"""

from dataclasses import dataclass

from idgen.decoding import Decoded
from idgen.layout import SEQUENCE_BITS, TIMESTAMP_BITS, WORKER_ID_BITS
from idgen.moments import distance, rfc_3339

CYAN, YELLOW, MAGENTA = 36, 33, 35
INDENT = "  "


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    value: int
    bits: int
    last_bit: int
    colour: int

    @property
    def ends(self) -> str:
        """The numbers of its first and last bit, above these."""
        first = str(self.last_bit + self.bits - 1)
        return first + str(self.last_bit).rjust(self.bits - len(first))

    @property
    def digits(self) -> str:
        return f"{self.value:0{self.bits}b}"

    @property
    def brace(self) -> str:
        return "└" + "─" * (self.bits - 2) + "┘"

    @property
    def title(self) -> str:
        return self.name.center(self.bits)


def picture(decoded: Decoded, now_unix_ms: int, has_colours: bool) -> str:
    """The bits, the parts by name, and the time with how long ago that is; then an empty line."""
    parts = _parts(decoded)

    def paint(text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if has_colours else text

    def row(start: str, texts: list[str]) -> str:
        painted = [paint(text, part.colour) for text, part in zip(texts, parts, strict=True)]
        return (INDENT + " ".join([start, *painted])).rstrip()

    time = rfc_3339(decoded.unix_ms).replace("T", " ").replace("Z", " UTC")
    values = [f"{INDENT}{part.name:<9}  {paint(str(part.value), part.colour)}" for part in parts]
    values[0] += f" ms since the epoch, unix_ms {decoded.unix_ms}"
    lines = [
        f"{decoded.id}  0x{decoded.id:x}",
        row("63", [part.ends for part in parts]),
        row(" 0", [part.digits for part in parts]),
        row("  ", [part.brace for part in parts]),
        row("  ", [part.title for part in parts]),
        f"{INDENT}time       {paint(time, CYAN)}, {distance(decoded.unix_ms, now_unix_ms)}",
        *values,
        "",
    ]
    return "\n".join(lines)


def _parts(decoded: Decoded) -> list[_Part]:
    return [
        _Part("timestamp", decoded.timestamp, TIMESTAMP_BITS, SEQUENCE_BITS + WORKER_ID_BITS, CYAN),
        _Part("worker_id", decoded.worker_id, WORKER_ID_BITS, SEQUENCE_BITS, YELLOW),
        _Part("sequence", decoded.sequence, SEQUENCE_BITS, 0, MAGENTA),
    ]
