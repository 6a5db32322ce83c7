"""Lookups by a name server that the test scripts, in the real threads."""

import asyncio
import socket
import threading
from collections import Counter
from typing import Any

import pytest

from idgen.fleet.names import KEPT_S, MAX_THREADS, Names
from tests.clocks import MonotonicClock


class NameServer:
    """Knows `here`, answers nothing while it is silenced, and counts."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.talks = threading.Event()
        self.talks.set()

    def __call__(self, host: str, port: int, **_: Any) -> Any:
        self.asked[host] += 1
        assert self.talks.wait(30)
        if host != "here":
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_a_name_is_looked_up_once_in_a_while() -> None:
    async def main() -> None:
        server, clock = NameServer(), MonotonicClock()
        names = Names(monotonic_s=clock, look_up=server)
        for _ in range(3):
            assert await names.resolve("here", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]
            clock.now_s += KEPT_S / 3 - 0.1
        assert server.asked == {"here": 1}
        clock.now_s += 1
        await names.resolve("here", 80)
        assert server.asked == {"here": 2}

    asyncio.run(main())


def test_a_name_that_nobody_knows_is_an_error_each_time() -> None:
    async def main() -> None:
        server = NameServer()
        names = Names(monotonic_s=MonotonicClock(), look_up=server)
        for _ in range(2):
            with pytest.raises(OSError, match="not known"):
                await names.resolve("nowhere", 80)
        assert server.asked == {"nowhere": 1}

    asyncio.run(main())


def test_while_no_name_server_answers_numbers_still_go_and_questions_do_not_pile_up() -> None:
    async def main() -> None:
        server, clock = NameServer(), MonotonicClock()
        names = Names(monotonic_s=clock, look_up=server)
        server.talks.clear()
        for _ in range(20):
            for host in ("here", "one", "two"):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(names.resolve(host, 80), 0.001)
            clock.now_s += 1
        assert server.asked.total() <= MAX_THREADS
        assert await names.resolve("::1", 80) == [(socket.AF_INET6, ("::1", 80))]
        assert await names.resolve("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]
        server.talks.set()
        assert await names.resolve("here", 80)
        assert server.asked["here"] == 1

    asyncio.run(main())
