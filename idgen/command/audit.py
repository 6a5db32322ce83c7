"""`flake-client audit`: the checker of idgen/audit.py."""

import argparse
import sys
from typing import TYPE_CHECKING

from idgen.command.options import add_command, add_epoch_ms
from idgen.command.surroundings import Surroundings
from idgen.command.telling import tell
from idgen.progress import Progress

if TYPE_CHECKING:
    from idgen.command.options import Commands


BAD_INPUT = 2


def add_to(commands: "Commands") -> None:
    """The command and its options."""
    parser = add_command(
        commands,
        "audit",
        run,
        "reads any number of IDs and says whether one came twice",
        "Binary is 8 bytes an ID, big-endian, as the service gives them.  Needs numpy.\n"
        "Exit status 1: duplicates; 2: a file can't be read.\n\n"
        "example: flake-client get -n 1000000 | flake-client audit",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="default: standard input")
    parser.add_argument("--format", choices=("text", "binary"), help="default: told by a look")
    add_epoch_ms(parser)


def run(options: argparse.Namespace, around: Surroundings) -> int:
    """Check them.  Raises SystemExit where numpy is missing."""
    from idgen import audit  # needs numpy, which the other commands do without

    progress = Progress(sys.stderr, around.monotonic_s)
    try:
        report = audit.audit(options.files, options.format, progress)
    except (OSError, ValueError) as error:
        progress.done()
        tell(error)
        return BAD_INPUT
    progress.done()
    print(audit.told(report, options.epoch_ms))
    return 1 if report.duplicates else 0
