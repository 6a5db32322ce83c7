"""`flake-client bench`: how fast servers are for a client in Python."""

import argparse
import sys
from typing import TYPE_CHECKING

from idgen.client.settings import MAX_ATTEMPTS
from idgen.command.options import add_command, add_servers, seconds, servers, whole_number
from idgen.command.surroundings import Surroundings
from idgen.limits import MAX_BATCH_IDS
from idgen.progress import Progress

if TYPE_CHECKING:
    from idgen.command.options import Commands

TIMEOUT_S = 2.0
DEADLINE_S = 4.0
"""Longer than a program would wait: a stall is to be seen as latency, not as a retry."""


def add_to(commands: "Commands") -> None:
    """The command and its options."""
    parser = add_command(
        commands,
        "bench",
        run,
        "rate and latency of GET / as a client in Python gets them",
        "So many tasks of idgen.client.AsyncClient ask, each again as soon as it has its answer\n"
        "(closed loop).  The client is most of what is measured; wrk measures a server.  An\n"
        f"attempt may take {TIMEOUT_S:g} s here.  Exit status 1: no call succeeded.\n\n"
        "example: flake-client bench --seconds=10 --connections=16 --servers=127.0.0.1:8080",
    )
    add_servers(parser)
    parser.add_argument(
        "--seconds", type=seconds, default=5.0, metavar="S", help="how long (default: %(default)g)"
    )
    parser.add_argument(
        "--connections",
        type=whole_number(1, MAX_ATTEMPTS),
        default=8,
        metavar="C",
        help=f"tasks at a time, up to {MAX_ATTEMPTS}, as many as a client has under way "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "-n", type=whole_number(1, MAX_BATCH_IDS), default=1, help="IDs a call (default: 1)"
    )


def run(options: argparse.Namespace, around: Surroundings) -> int:
    """Measure.  Raises BadArgument, and ImportError where aiohttp is missing."""
    named = servers(options, around)
    import asyncio  # takes as long to import as all of the other commands

    from idgen.client import AsyncClient  # needs aiohttp, which they do without
    from idgen.command.asking import ask_all

    client = AsyncClient(named, timeout_s=TIMEOUT_S, deadline_s=DEADLINE_S)
    progress = Progress(sys.stderr, around.monotonic_s)
    asking = ask_all(
        client, options.connections, options.n, options.seconds, around.monotonic_s, progress
    )
    try:
        tally = asyncio.run(asking)
    except asyncio.CancelledError:  # so Python 3.11 tells a Ctrl-C that comes before the first step
        raise KeyboardInterrupt from None
    finally:
        progress.done()
    print("\n".join(tally.lines(options.n)))
    return 0 if tally.latencies.count else 1
