"""How often a client may ask again: an outage must not be multiplied by its callers.  Pure.

As in gRPC's retry throttling: calls that succeed earn a part of a retry each, so that in the
long run at most one call in ten is retried, and a burst of as many as the budget holds.
"""

MAX_RETRIES = 100
EARNED_BY_A_CALL = 0.1


class RetryBudget:
    """Full at the start."""

    def __init__(self) -> None:
        self._retries = float(MAX_RETRIES)

    @property
    def has_some(self) -> bool:
        """Whether a retry can be paid."""
        return self._retries >= 1

    def spend(self) -> None:
        """A retry is made."""
        assert self.has_some
        self._retries -= 1

    def earn(self) -> None:
        """A call has succeeded."""
        self._retries = min(self._retries + EARNED_BY_A_CALL, MAX_RETRIES)
