"""`flake-client get`: IDs, one a line."""

import argparse
import sys
from typing import TYPE_CHECKING

from idgen.client.settings import DEADLINE_S, TIMEOUT_S
from idgen.command.options import add_command, add_servers, seconds, servers, whole_number
from idgen.command.surroundings import Surroundings

if TYPE_CHECKING:
    from idgen.command.options import Commands

MAX_IDS = 1_000_000_000
IDS_PER_REQUEST = 4096
"""Of few enough that nginx, which waits 200 ms, gets them in time from a busy process."""


def add_to(commands: "Commands") -> None:
    """The command and its options."""
    parser = add_command(
        commands,
        "get",
        run,
        "new IDs from a server, one decimal a line",
        f"More than {IDS_PER_REQUEST} come in several requests.  Exit status 1: no server gave\n"
        "any, or no more of them.\n\n"
        "example: flake-client get -n 3 --servers=10.0.0.1:8080,10.0.0.2:8080",
    )
    parser.add_argument(
        "-n", type=whole_number(1, MAX_IDS), default=1, help="how many (default: %(default)s)"
    )
    add_servers(parser)
    parser.add_argument(
        "--timeout_s",
        type=seconds,
        default=TIMEOUT_S,
        metavar="S",
        help="for one attempt at one server (default: %(default)s)",
    )
    parser.add_argument(
        "--deadline_s",
        type=seconds,
        default=DEADLINE_S,
        metavar="S",
        help="for a request, all its attempts together (default: %(default)s)",
    )


def run(options: argparse.Namespace, around: Surroundings) -> int:
    """Print them.  Raises BadArgument, ClientError, and ImportError where requests is missing."""
    named = servers(options, around)
    from idgen.client import Client  # needs requests, which the other commands do without

    with Client(named, timeout_s=options.timeout_s, deadline_s=options.deadline_s) as client:
        for given in range(0, options.n, IDS_PER_REQUEST):
            ids = client.next_ids(min(IDS_PER_REQUEST, options.n - given))
            sys.stdout.write("\n".join(map(str, ids)) + "\n")
    return 0
