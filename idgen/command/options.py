"""What the commands' options have in common: how they are read, refused and explained."""

import argparse
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from idgen.client.settings import LONGEST_S, SERVERS_VARIABLE, servers_from
from idgen.command.surroundings import Surroundings
from idgen.errors import BadArgument, shown
from idgen.layout import DEFAULT_EPOCH_MS, MAX_EPOCH_MS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]  # argparse has no public name for it

Run = Callable[[argparse.Namespace, Surroundings], int]
"""Does a command's work and gives its exit status."""


class Parser(argparse.ArgumentParser):
    """Refuses with one line in place of a usage and a line."""

    def error(self, message: str) -> NoReturn:
        """Raises BadArgument."""
        said = message.removeprefix("argument ")
        raise BadArgument(f"{said}; {self.prog} --help tells what there is")


def add_command(commands: "Commands", name: str, run: Run, about: str, more: str) -> Parser:
    """A command whose help says what it is about, and then more, with an example."""
    parser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=more,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_servers(parser: Parser) -> None:
    """--servers."""
    parser.add_argument(
        "--servers", metavar="HOST:PORT,…", help=f"or URLs (default: {SERVERS_VARIABLE})"
    )


def add_epoch_ms(parser: Parser) -> None:
    """--epoch_ms."""
    parser.add_argument(
        "--epoch_ms",
        type=whole_number(0, MAX_EPOCH_MS),
        default=DEFAULT_EPOCH_MS,
        metavar="MS",
        help="the fleet's (default: %(default)s)",
    )


def servers(options: argparse.Namespace, around: Surroundings) -> str:
    """Those of --servers, or else of the environment.  Raises BadArgument where neither is set."""
    if options.servers is not None:
        return str(options.servers)
    try:
        return servers_from(around.environment)
    except BadArgument as error:
        raise BadArgument(f"--servers is missing, and {error}") from None


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Reads an option's value: a number in ASCII digits, from low to high."""

    def read(text: str) -> int:
        if re.fullmatch("[0-9]{1,19}", text) and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"{shown(text)} is not a whole number from {low} to {high}"
        )

    return read


def seconds(text: str) -> float:
    """Reads an option's value: a decimal number, above 0 and at most LONGEST_S."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?|\.[0-9]{1,9}", text):
        value = float(text)
        if 0 < value <= LONGEST_S:
            return value
    raise argparse.ArgumentTypeError(
        f"{shown(text)} is not a number of seconds above 0 and at most {LONGEST_S:g}"
    )
