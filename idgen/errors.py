"""What can go wrong: one exception a cause, its facts as attributes.

Each message states the fact, the amount and the next event.  `reason` is the word for the
cause that answers, logs and metrics share.  No exception here knows HTTP.
"""

from typing import ClassVar

MAX_SHOWN = 64
"""How much of a wrong value a message repeats, in characters."""


def shown(value: object) -> str:
    """A wrong value as a message repeats it, whatever it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "…")
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python is ready to write
        return "a number of thousands of digits"
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


class FlakeError(Exception):
    """Base of all errors that Flake raises on purpose."""

    reason: ClassVar[str]


class ClockRegression(FlakeError):
    """The wall clock stands before the last millisecond that was issued.

    backwards_ms: how far, at least 1; next_unix_ms: the first that can be issued again.
    """

    reason = "clock_regression"

    def __init__(self, backwards_ms: int, next_unix_ms: int) -> None:
        super().__init__(f"clock moved backwards {backwards_ms} ms; no IDs until {next_unix_ms}")
        self.backwards_ms = backwards_ms
        self.next_unix_ms = next_unix_ms


class SequenceOverflow(FlakeError):
    """All numbers of a millisecond that the caller may have are taken.

    Its arguments are unix_ms, that millisecond, and limit, how many those are.  It is worded only
    when it is read: it comes in storms, and in each turn of the loop in which a batch waits.
    """

    reason = "sequence_overflow"
    args: tuple[int, int]

    @property
    def unix_ms(self) -> int:
        """The millisecond."""
        return self.args[0]

    @property
    def limit(self) -> int:
        """How many numbers of it the caller may have."""
        return self.args[1]

    @property
    def next_unix_ms(self) -> int:
        """The first millisecond that has some again."""
        return self.unix_ms + 1

    def __str__(self) -> str:
        return (
            f"sequence overflow: {self.limit} IDs of {self.unix_ms} are taken; "
            f"no IDs until {self.next_unix_ms}"
        )


class NotReady(FlakeError):
    """No ID can be issued now, for a cause that is said in the message and passes."""

    reason = "not_ready"


class ClockOutOfRange(NotReady):
    """The wall clock stands outside the milliseconds that 41 bits can hold."""

    def __init__(self, unix_ms: int, first_unix_ms: int, last_unix_ms: int) -> None:
        super().__init__(
            f"clock at {unix_ms} is outside the 41 bits; "
            f"IDs exist from {first_unix_ms} to {last_unix_ms}"
        )
        self.unix_ms = unix_ms
        self.first_unix_ms = first_unix_ms
        self.last_unix_ms = last_unix_ms


class BadRequest(FlakeError):
    """A request asks for what does not exist; the message names the part and its range."""

    reason = "bad_request"


class HeadTooLarge(BadRequest):
    """A request's head is longer than the limit, in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a request's head may have at most {limit} bytes")
        self.limit = limit


class BodyTooLarge(BadRequest):
    """A request's body is longer than the limit, in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a request's body may have at most {limit} bytes")
        self.limit = limit


class QuotaExceeded(FlakeError):
    """A call is more than the rules allow; the message names the rule and the next reset."""

    reason = "quota_exceeded"


class QuotaUnavailable(FlakeError):
    """The store of quotas can't be asked now; the message says why."""

    reason = "quota_unavailable"


class CannotListen(FlakeError):
    """An address or port can't be had; the message names it and the system's reason."""

    reason = "cannot_listen"


class BadSetting(FlakeError):
    """A setting is not what it may be; the message names the option, value and range."""

    reason = "bad_setting"


class BadArgument(FlakeError, ValueError):
    """A caller's argument is not what it may be; the message names it, its value and range."""

    reason = "bad_argument"
