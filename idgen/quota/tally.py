"""What an application has used on a day.  Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_INTERFACES = 1000
"""How many interfaces are told apart, of an application and day; further ones share OTHERS."""

OTHERS = "*"
"""The interface under which all further ones are counted."""


class UsageId(NamedTuple):
    """Whose usage, and of which day."""

    day: str
    """YYYY-MM-DD, in the time zone of the settings."""
    app: str


@dataclass(slots=True)
class Tally:
    """Calls of one application.  A look (cost 0) is no call; each other counts once."""

    total: int = 0
    """Allowed calls."""
    denied: int = 0
    interfaces: Counter[str] = field(default_factory=Counter)
    """Allowed calls by interface; those that named none are in the total alone."""
    users: set[str] = field(default_factory=set)
    """The users of allowed calls, where calls are gathered; a store doesn't give names back."""
    user_count: int = 0
    """How many users a store knows of; 0 where calls are gathered."""


def interface_in(interfaces: Counter[str], interface: str) -> str:
    """Under which name a call is counted: its interface's, or OTHERS once there are too many."""
    if interface in interfaces or len(interfaces) < MAX_INTERFACES:
        return interface
    return OTHERS
