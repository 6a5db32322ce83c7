"""IDs in Python, from whichever server answers.

    from idgen.client import Client

    with Client(["10.0.0.1:8080", "10.0.0.2:8080"], prefetch=1000) as ids:
        ids.next_id()

Client needs requests (pip install '.[client]'), AsyncClient aiohttp (pip install
'.[async-client]'); what is imported needs to be there, and nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from idgen.client.errors import (
    Attempt,
    ClientClosed,
    ClientError,
    DeadlinePassed,
    NoServerAnswered,
    Outcome,
    RequestRefused,
    RetryBudgetSpent,
)
from idgen.decoding import Decoded, decode
from idgen.errors import BadArgument, FlakeError

if TYPE_CHECKING:
    from idgen.client.asynchronous import AsyncClient
    from idgen.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "Attempt",
    "BadArgument",
    "Client",
    "ClientClosed",
    "ClientError",
    "DeadlinePassed",
    "Decoded",
    "FlakeError",
    "NoServerAnswered",
    "Outcome",
    "RequestRefused",
    "RetryBudgetSpent",
    "decode",
]

_MODULES = {
    "Client": ("synchronous", "requests", "client"),
    "AsyncClient": ("asynchronous", "aiohttp", "async-client"),
}


def __getattr__(name: str) -> Any:
    """Client and AsyncClient, with what they need, when they are asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    module, package, extra = _MODULES[name]
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as missing:
        raise ImportError(
            f"{__name__}.{name} needs {package}: pip install '.[{extra}]' ({missing})"
        ) from missing
