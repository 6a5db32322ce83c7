"""What a store of grants does, and the ways in which it can fail."""

from collections.abc import Coroutine
from typing import Any, Protocol

from idgen.grant import Grant


class GrantStore(Protocol):
    """Grants of one worker_id.  One call at a time; a call may take as long as a disk does.

    Of two grants that any stores ever gave for a worker_id the later one's floor is at least
    the ceiling that the earlier one has or can still get.
    """

    grant_ms: int
    """How far ahead of the wall clock a ceiling is set."""

    def acquire(self) -> Coroutine[Any, Any, Grant]:
        """A new grant.  Raises StoreUnavailable, StoreRefused, BadSetting (another epoch)."""

    def extend(self, grant: Grant, unix_ms: int) -> Coroutine[Any, Any, Grant]:
        """The same grant with a ceiling of at least unix_ms + grant_ms, once that is durable.

        Raises StoreUnavailable: nothing has changed, try again; GrantLost: never again.
        """

    def release(self, grant: Grant, last_unix_ms: int | None) -> Coroutine[Any, Any, None]:
        """Give the grant back: nothing after last_unix_ms was issued, None: nothing at all.

        The grant has ended before the call; none of its IDs may come after.  Raises as
        extend does; then the next grant's floor is this one's ceiling.
        """

    def abandon(self) -> None:
        """Let go of everything without a word.  For a forked child."""


class StoreError(Exception):
    """Base of what goes wrong with a store; the message says what and where."""


class StoreUnavailable(StoreError):
    """It may work again by itself: busy, full, out of reach."""


class StoreRefused(StoreError):
    """It won't work until somebody mends something; the message says what."""


class GrantLost(StoreError):
    """The grant can't be extended any more; it holds up to its ceiling."""
