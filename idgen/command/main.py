"""From arguments to an exit status: 0 fine, 1 no IDs or wrong ones, 2 a mistake in the call."""

import os
import sys
import time
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from idgen import __version__
from idgen.client.errors import ClientError
from idgen.command import audit, bench, bounds, decode, get
from idgen.command.options import Parser
from idgen.command.surroundings import Surroundings
from idgen.command.telling import tell
from idgen.errors import BadArgument

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130
"""As a shell tells SIGINT: 128 and the signal's number."""
CLOSED_PIPE = 141
"""As it tells SIGPIPE, which isn't let loose: a server that hangs up would send it too."""


def run(arguments: Sequence[str]) -> int:
    """The exit status of a command; never raises."""
    _open_what_is_closed()
    if sys.stdout is None:  # before an ID is spent that nobody would see
        tell("standard output is closed")
        return FAILED
    try:
        status = _status(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        status = CLOSED_PIPE
    except OSError as error:
        tell(error)
        status = FAILED
    except KeyboardInterrupt:
        _drop(sys.stdout)  # whoever reads may never take what is left
        _drop(sys.stderr)  # what was cut off complains there when it is thrown away
        status = INTERRUPTED
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _drop(stream)
    return status


def _status(arguments: Sequence[str]) -> int:
    around = Surroundings(os.environ, lambda: time.time_ns() // 1_000_000, time.monotonic)
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options, around))
    except SystemExit as ended:  # --help and --version
        return int(ended.code or 0)
    except (BadArgument, ImportError) as error:
        tell(error)
        return BAD_USAGE
    except ClientError as error:
        tell(error)
        return FAILED


def _parser() -> Parser:
    parser = Parser(
        prog="flake-client",
        description="Unique 64-bit IDs at the shell: new ones, and what is in those there are.",
        epilog="flake-client COMMAND --help tells more, with an example.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"flake-client {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (get, decode, bounds, audit, bench):
        command.add_to(commands)
    return parser


def _open_what_is_closed() -> None:
    """A standard stream that the caller has closed (`<&-`) is None in Python."""
    nowhere = Path(os.devnull)
    sys.stdin = sys.stdin or nowhere.open()
    sys.stderr = sys.stderr or nowhere.open("w")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a picture has more than ASCII


def _drop(stream: TextIO) -> None:
    """What is left in it isn't written: Python would try that at its end, and show a trace."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
