"""What a request may cost, counted instead of timed: calls and bytecodes of CPython 3.11.

They are the same on any machine, so a slow-down of the fast lane fails here, not only in a
benchmark on a quiet day.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, cast

import pytest

from idgen.errors import SequenceOverflow
from idgen.quota.memory import MemoryStore
from idgen.web.app import application
from idgen.web.connection import Connection
from idgen.web.lanes import Lanes
from idgen.web.plans import Planner
from tests.clocks import WallClock, granted_service
from tests.web.quota.limited import CALL, EXAMPLE, QuotaClock, quota_of
from tests.web.serving import site_of


class Transport:
    """Takes what is written; costs one call."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return ("127.0.0.1", 1)


class Bench:
    """A connection of the fast lane without a socket."""

    def __init__(self) -> None:
        self.clock = WallClock()
        self.service = granted_service(7, self.clock)
        site = site_of(self.service)
        site.quota = quota_of(EXAMPLE.read_text(), MemoryStore(QuotaClock()))
        self.transport = Transport()
        self.connection = Connection(Lanes(application(site), site, Planner(site).plan), set())
        self.connection.connection_made(cast(asyncio.Transport, self.transport))


def counted(work: Callable[[], None]) -> tuple[int, int]:
    """Calls (of Python and of C) and bytecodes that some work takes."""
    calls = opcodes = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal opcodes
        frame.f_trace_opcodes = True
        opcodes += event == "opcode"
        return trace

    before = sys.gettrace(), sys.getprofile()
    sys.setprofile(profile)
    work()
    sys.setprofile(before[1])
    sys.settrace(trace)
    work()
    sys.settrace(before[0])
    return calls, opcodes


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".encode()


def overflow(bench: Bench) -> None:
    with suppress(SequenceOverflow):
        while True:
            bench.service.next_id()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions count differently")
@pytest.mark.parametrize(
    ("name", "requests", "before", "calls", "opcodes"),
    [
        ("a single ID", ["/"] * 3, None, 17, 195),
        ("an overflow", ["/"] * 3, overflow, 18, 197),
        ("another query string", ["/?x=1", "/?x=2", "/?x=3", "/?x=4"], None, 68, 775),
        ("a batch of 1,000", ["/?n=1000"] * 3, None, 56, 530),
        ("a bad request", ["/?n=0"] * 3, None, 14, 120),
        ("a check", [CALL] * 3, None, 62, 850),
        ("another check", [f"{CALL}{n}" for n in range(4)], None, 200, 2420),
    ],
)
def test_a_request_keeps_within_its_budget(
    name: str,
    requests: list[str],
    before: Callable[[Bench], None] | None,
    calls: int,
    opcodes: int,
) -> None:
    async def main() -> tuple[int, int]:
        bench = Bench()
        data = map(get, requests)
        bench.connection.data_received(get("/"))  # what the first request ever has to make
        bench.connection.data_received(next(data))
        if before is not None:
            before(bench)
            bench.connection.data_received(get("/"))
        found = counted(lambda: bench.connection.data_received(next(data)))
        assert len(bench.transport.written) >= 4
        return found

    found = asyncio.run(main())
    print(name, found)
    assert found[0] <= calls
    assert found[1] <= opcodes
