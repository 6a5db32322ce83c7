"""A line on a terminal that says how far a program is, over and over."""

from collections.abc import Callable
from typing import TextIO

EVERY_S = 0.5


class Progress:
    """Writes to a terminal, to anything else nothing.  clock: seconds of any monotonic clock."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._shows = stream.isatty()
        self._told_s = clock()

    def tell(self, text: str) -> None:
        """Put the text in place of the one before, unless that is too young."""
        if self._shows and self._clock() - self._told_s > EVERY_S:
            self._told_s = self._clock()
            print(f"\r{text}\x1b[K", end="", file=self._stream, flush=True)

    def done(self) -> None:
        """Leave an empty line."""
        if self._shows:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
