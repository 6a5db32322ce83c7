"""What a plan is: what to do with a request, prepared once and run for each that is the same."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple


class Later(NamedTuple):
    """A response that has to be waited for: `render` makes it of the future, once that is done.

    What it makes may have to be waited for again.  Who has lost interest cancels the future.
    """

    future: "asyncio.Future[Any]"
    render: "Callable[[asyncio.Future[Any]], bytes | Later]"


Plan = Callable[[str], bytes | Later]
"""Takes the address of the peer, which the bytes of a request don't tell."""
