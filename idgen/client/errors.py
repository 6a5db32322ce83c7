"""What can go wrong for a caller: one exception a cause, each with the attempts that were made."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from idgen.errors import FlakeError


class Outcome(Enum):
    """How an attempt failed."""

    REFUSED = "could not be connected to"
    TIMED_OUT = "timed out"
    BROKE_OFF = "broke off"
    FAILED = "failed"
    """Another status than 200."""
    STRANGE = "gave no IDs"
    """A 200 that isn't what was asked for."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A server that was asked in vain, and how long that took."""

    server: str
    outcome: Outcome
    detail: str
    took_s: float

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.server} {self.outcome.value}{detail} after {self.took_s * 1000:.1f} ms"


class ClientError(FlakeError):
    """Base of what a client raises for want of IDs.  attempts: in the order they were made."""

    said: ClassVar[str]

    def __init__(self, attempts: tuple[Attempt, ...] = ()) -> None:
        super().__init__(attempts)
        self.attempts = attempts

    def __str__(self) -> str:
        tried = "; ".join(map(str, self.attempts))
        return self.said + (f": {tried}" if tried else "")


class NoServerAnswered(ClientError):
    """Each server was asked in vain."""

    reason = "no_server_answered"
    said = "no server gave IDs"


class DeadlinePassed(ClientError):
    """The call's time was up before a server gave IDs."""

    reason = "deadline_passed"
    said = "no server gave IDs before the deadline"


class RetryBudgetSpent(ClientError):
    """This client has asked again too often lately; further attempts would only add load."""

    reason = "retry_budget_spent"
    said = "no server gave IDs, and too many calls were retried lately"


class RequestRefused(ClientError):
    """A server understood the request and won't have it (400).  detail: its words."""

    reason = "request_refused"

    def __init__(self, server: str, detail: str, attempts: tuple[Attempt, ...] = ()) -> None:
        super().__init__(attempts)
        self.args = server, detail, attempts
        self.server, self.detail = server, detail

    def __str__(self) -> str:
        before = "".join(f"; before: {attempt}" for attempt in self.attempts)
        return f"{self.server} refused the request: {self.detail}{before}"


class ClientClosed(ClientError):
    """The client was closed."""

    reason = "client_closed"
    said = "this client is closed"
