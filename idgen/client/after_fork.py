"""A child that was forked starts its clients anew: no ID and no connection is in two processes."""

import os
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_watched: "weakref.WeakKeyDictionary[Any, Callable[[Any], None]]" = weakref.WeakKeyDictionary()


def watch(client: T, start_anew: Callable[[T], None]) -> None:
    """From now on, in each child, start_anew(client) is called before anything else is.

    Locks and threads of the client are the parent's: it has to make its own.
    """
    _watched[client] = start_anew


def _start_anew() -> None:
    for client, start_anew in list(_watched.items()):
        start_anew(client)


if hasattr(os, "register_at_fork"):  # not on Windows, which doesn't fork
    os.register_at_fork(after_in_child=_start_anew)
