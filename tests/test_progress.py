import io

import pytest

from idgen.progress import EVERY_S, Progress
from tests.clocks import MonotonicClock


class Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_from_time_to_time_in_one_line() -> None:
    terminal, clock = Terminal(), MonotonicClock()
    progress = Progress(terminal, clock)
    clock.now_s += EVERY_S / 2
    progress.tell("too early")
    clock.now_s += EVERY_S
    progress.tell("one")
    clock.now_s += EVERY_S / 2
    progress.tell("too early again")
    clock.now_s += EVERY_S
    progress.tell("two")
    progress.done()
    assert terminal.getvalue() == "\rone\x1b[K\rtwo\x1b[K\r\x1b[K"


@pytest.mark.parametrize("waited_s", [0.0, 10.0])
def test_what_is_no_terminal_gets_nothing(waited_s: float) -> None:
    stream, clock = io.StringIO(), MonotonicClock()
    progress = Progress(stream, clock)
    clock.now_s += waited_s
    progress.tell("one")
    progress.done()
    assert stream.getvalue() == ""
