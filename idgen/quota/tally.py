"""What an application has used on a day.  Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


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
    """The users of allowed calls.  Of a tally that was read from a store: see user_count."""
    user_count: int | None = None
    """How many users there were where the store knows only that; None: those in `users`."""
