"""Lookups by a name server that the test scripts, in the real threads."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import pytest

from idgen.fleet import names as names_module
from idgen.fleet.names import KEPT_S, MAX_LOOKUPS, Names
from tests.clocks import MonotonicClock
from tests.end_to_end.fleet import TOP


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


def test_while_no_name_server_answers_numbers_still_go_and_questions_do_not_pile_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        server, clock = NameServer(), MonotonicClock()
        names = Names(monotonic_s=clock, look_up=server)
        server.talks.clear()
        monkeypatch.setattr(names_module, "LOOK_UP_WITHIN_MS", 1)
        for _ in range(20):
            for host in ("here", "one", "two", "three", "four", "five"):
                with pytest.raises(OSError, match="isn't found within"):
                    await names.resolve(host, 80)
            clock.now_s += 1
        assert server.asked.total() <= MAX_LOOKUPS
        assert await names.resolve("::1", 80) == [(socket.AF_INET6, ("::1", 80))]
        assert await names.resolve("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]
        server.talks.set()
        monkeypatch.undo()
        assert await names.resolve("here", 80)
        assert server.asked["here"] == 1

    asyncio.run(main())


def test_a_process_ends_though_a_lookup_does_not() -> None:
    program = """
import asyncio, time
from idgen.fleet.names import Names

async def main():
    names = Names(monotonic_s=time.monotonic, look_up=lambda *_, **__: time.sleep(600))
    try:
        await names.resolve("slow", 80)
    except OSError as error:
        print(error)

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "its name isn't found within 400 ms\n"
    assert (ended.returncode, ended.stderr) == (0, "")
