"""`flake-client decode`: what IDs are made of."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, Protocol

from idgen.command.options import add_command, add_epoch_ms
from idgen.command.picture import picture
from idgen.command.surroundings import Surroundings
from idgen.command.telling import tell
from idgen.decoding import Decoded, decode
from idgen.errors import BadArgument, shown
from idgen.layout import MAX_ID
from idgen.moments import rfc_3339

if TYPE_CHECKING:
    from idgen.command.options import Commands

ALLOWED = f"a whole number from 0 to {MAX_ID}, in decimal or in hex with 0x"
STANDARD_INPUT = "-"
MAX_LINE_BYTES = 4096
"""So much of a line is held; no ID is that long."""


class Told(Protocol):
    """Writes of an ID what is asked for."""

    def __call__(self, decoded: Decoded) -> str: ...


def add_to(commands: "Commands") -> None:
    """The command and its options."""
    parser = add_command(
        commands,
        "decode",
        run,
        "what IDs are made of: time, worker_id and sequence",
        "Asks no server.  On a terminal it draws the bits, elsewhere it prints a line an ID.\n"
        "Exit status 1: one of them was no ID.\n\n"
        "example: flake-client decode 2248254318702493695 0x1f3367641effffff",
    )
    parser.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help=f"decimal, or hex with 0x; {STANDARD_INPUT} or none: one a line of standard input",
    )
    parser.add_argument("--json", action="store_true", help="as the service's /decode/ID has it")
    add_epoch_ms(parser)


def run(options: argparse.Namespace, around: Surroundings) -> int:
    """Print them all; a wrong one is told, and the others go on."""
    told = _told(options.json, around)
    status = 0
    for place, text in _texts(options.ids or [STANDARD_INPUT]):
        try:
            print(told(decode(id_of(text), options.epoch_ms)))
        except BadArgument as error:
            tell(f"{place}{error}")
            status = 1
    return status


def id_of(text: str) -> int:
    """The number that is written there.  Raises BadArgument where that is no ID."""
    is_hex = re.fullmatch("0[xX][0-9a-fA-F]{1,16}", text)
    if not is_hex and not re.fullmatch("[0-9]{1,19}", text):
        raise BadArgument(f"{shown(text)} is no ID; an ID is {ALLOWED}")
    number = int(text, 16 if is_hex else 10)
    if number > MAX_ID:
        raise BadArgument(f"{shown(text)} is too large; an ID is {ALLOWED}")
    return number


def as_line(decoded: Decoded) -> str:
    """ID, time and parts, for awk and grep."""
    return (
        f"{decoded.id} {rfc_3339(decoded.unix_ms)} "
        f"worker_id={decoded.worker_id} sequence={decoded.sequence}"
    )


def as_json(decoded: Decoded) -> str:
    """The service's answer."""
    return json.dumps(decoded.document(), separators=(",", ":"))


def _told(wants_json: bool, around: Surroundings) -> Told:
    if wants_json:
        return as_json
    if not sys.stdout.isatty():
        return as_line
    has_colours = not around.environment.get("NO_COLOR")  # https://no-color.org
    return lambda decoded: picture(decoded, around.wall_clock_ms(), has_colours)


def _texts(arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each ID as it is written, and before it the place to name where it is wrong."""
    for argument in arguments:
        if argument == STANDARD_INPUT:
            yield from _lines(sys.stdin.buffer)
        else:
            yield "", argument


def _lines(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(iter(partial(file.readline, MAX_LINE_BYTES), b""), 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES)
        if text := line.strip().decode("ascii", "backslashreplace"):
            yield f"line {number}: ", text
