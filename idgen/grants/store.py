"""What a store of grants does, and the ways in which it can fail."""

from collections.abc import Coroutine
from typing import Any, Protocol

from idgen.grant import Grant


class GrantStore(Protocol):
    """Grants for one process.  One call at a time; a call may take as long as a disk does.

    Of two grants that any stores ever gave for a worker_id the later one's floor is at least
    the ceiling that the earlier one has or can still get.
    """

    grant_ms: int
    """How far ahead of the wall clock a ceiling is set."""

    extend_every_ms: int
    """How often a grant is to be extended."""

    longest_wait_ms: int
    """How far ahead of a right clock the floor of a new grant is at most."""

    skew_ms: int | None
    """How far ahead of the store's clock the wall clock was last; None: it has none, or not yet."""

    def acquire(self) -> Coroutine[Any, Any, Grant]:
        """A new grant.  Raises StoreUnavailable, StoreRefused, BadSetting (another epoch)."""

    def extend(self, grant: Grant, unix_ms: int) -> Coroutine[Any, Any, Grant]:
        """The same grant with a ceiling of at least unix_ms + grant_ms, once that is durable.

        Raises StoreUnavailable: nothing has changed, try again; TokenLost, StoreRestarted:
        acquire anew; GrantLost: never again.
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

    reason = "refused"
    """The word for the cause, for metrics and logs."""


class StoreUnavailable(StoreError):
    """It may work again by itself: busy, full, out of reach."""

    def __init__(self, message: str, reason: str = "unavailable") -> None:
        super().__init__(message)
        self.reason = reason


class StoreRefused(StoreError):
    """It won't work until somebody mends something; the message says what."""


class GrantLost(StoreError):
    """The grant can't be extended any more, nor another be had; it holds up to its ceiling."""

    reason = "lost"


class TokenLost(StoreError):
    """The grant has ended, this very moment; another can be had."""

    reason = "lost"


class StoreRestarted(StoreError):
    """The grant can't be extended any more, but holds up to its ceiling; another can be had."""

    reason = "restarted"
