"""`flake-client bounds`: the IDs of a span of time, for a range query in a database."""

import argparse
import json
from typing import TYPE_CHECKING

from idgen.command.options import add_command, add_epoch_ms
from idgen.command.surroundings import Surroundings
from idgen.errors import BadArgument, shown
from idgen.layout import Layout
from idgen.moments import ALLOWED, unix_ms_of

if TYPE_CHECKING:
    from idgen.command.options import Commands


def add_to(commands: "Commands") -> None:
    """The command and its options."""
    parser = add_command(
        commands,
        "bounds",
        run,
        "the smallest and the largest ID of a span of time, inclusive",
        "A time is " + ALLOWED.replace(", such", ",\nsuch") + ".\n\n"
        "example: flake-client bounds 2026-11-21T00:00:00Z 2026-11-21T23:59:59.999Z",
    )
    parser.add_argument("first", metavar="FROM", help="the first millisecond")
    parser.add_argument("last", metavar="TO", help="the last one")
    parser.add_argument("--json", action="store_true", help="as the service's /bounds has it")
    add_epoch_ms(parser)


def run(options: argparse.Namespace, around: Surroundings) -> int:
    """Print them.  Raises BadArgument."""
    layout = Layout(options.epoch_ms)
    first = _unix_ms("FROM", options.first, layout)
    last = _unix_ms("TO", options.last, layout)
    if first > last:
        raise BadArgument(f"FROM {shown(options.first)} is after TO {shown(options.last)}")
    smallest, largest = layout.bounds(first, last)
    if options.json:
        bounds = {"min": str(smallest), "max": str(largest)}
        print(json.dumps(bounds, separators=(",", ":")))
    else:
        print(smallest, largest)
    return 0


def _unix_ms(name: str, text: str, layout: Layout) -> int:
    unix_ms = unix_ms_of(text)
    if unix_ms is None:
        raise BadArgument(f"{name} must be {ALLOWED}, not {shown(text)}")
    if not layout.epoch_ms <= unix_ms <= layout.last_unix_ms:
        raise BadArgument(
            f"{name} {shown(text)} is outside the 41 bits; "
            f"IDs exist from {layout.epoch_ms} to {layout.last_unix_ms}"
        )
    return unix_ms
