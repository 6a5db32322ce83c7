"""Asking real sockets, which answer whatever a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idgen.fleet.asking import MAX_AT_ONCE, MAX_BODY_BYTES, TIMEOUT_MS, Asking, NoFigures
from idgen.fleet.rows import Heard
from idgen.web.answer_handler import DRAINING
from tests.clocks import MonotonicClock, WallClock
from tests.end_to_end.fleet import free_port
from tests.fleet.workers import FIGURES, NOW


def response(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Peer:
    """Answers each connection with the same bytes, or never where there are none."""

    def __init__(self, data: bytes | None, clocks: "tuple[WallClock, MonotonicClock]") -> None:
        self._data = data
        self._wall_clock, self._monotonic = clocks
        self.takes_s = 0.01
        self.asked: list[bytes] = []
        self.at_once = self.most_at_once = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            await asyncio.sleep(self.takes_s)
            self._monotonic.now_s += 0.01
            if self._data is None:
                await reader.read()
            else:
                writer.write(self._data)
        finally:
            self.at_once -= 1
            writer.close()


@asynccontextmanager
async def peer(data: bytes | None) -> AsyncIterator[tuple[Peer, Asking, str]]:
    clocks = WallClock(NOW), MonotonicClock()
    answering = Peer(data, clocks)
    server = await asyncio.start_server(answering.serve, "127.0.0.1", port := free_port())
    async with server:
        yield answering, Asking(*clocks), f"127.0.0.1:{port}"


def ask(data: bytes | None) -> Heard:
    async def main() -> Heard:
        async with peer(data) as (_, asking, address):
            return await asking.ask(address)

    return asyncio.run(main())


def test_figures_come_with_the_offset_of_their_clock_halfway() -> None:
    heard = ask(response(json.dumps(FIGURES.document()).encode()))
    assert heard.figures == FIGURES
    assert heard.round_trip_ms == 10
    assert heard.unix_ms == NOW + 10
    assert heard.offset_ms == -5, "its clock said NOW in the middle of 10 ms that began at NOW"


@pytest.mark.parametrize(
    ("data", "told", "answers"),
    [
        (None, f"no answer within {TIMEOUT_MS} ms", False),
        (b"", "no answer in HTTP: ", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no answer in HTTP: ", False),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "no answer in HTTP: ", False),
        (response(b"x" * (MAX_BODY_BYTES + 1)), "no answer in HTTP: ", False),
        (response(b"", "404 Not Found"), "/worker.json is answered with 404", False),
        (response(b"", "302 Found"), "/worker.json is answered with 302", False),
        (response(b"<html>"), "/worker.json is no JSON", False),
        (response(b"[" * 60_000), "/worker.json is no JSON", False),
        (response(b"{}"), "/worker.json is of another version: instance is missing", False),
        (response(DRAINING.encode(), "503 x"), DRAINING, True),
        (response(b"not ready", "503 x"), "/worker.json is answered with 503", False),
    ],
)
def test_what_is_no_answer_is_told_in_words(data: bytes | None, told: str, answers: bool) -> None:
    with pytest.raises(NoFigures) as refused:
        ask(data)
    assert str(refused.value).startswith(told)
    assert refused.value.answers is answers


def test_where_nobody_listens_that_is_told() -> None:
    async def main() -> None:
        await Asking(WallClock(), MonotonicClock()).ask(f"127.0.0.1:{free_port()}")

    with pytest.raises(NoFigures, match=r"^Connection refused$"):
        asyncio.run(main())


def test_so_many_are_asked_at_once_and_the_others_are_not_late_for_that() -> None:
    async def main() -> None:
        async with peer(response(json.dumps(FIGURES.document()).encode())) as (met, asking, at):
            met.takes_s = TIMEOUT_MS / 1000 / 2
            await asyncio.gather(*(asking.ask(at) for _ in range(3 * MAX_AT_ONCE)))
            assert len(met.asked) == 3 * MAX_AT_ONCE
            assert met.most_at_once <= MAX_AT_ONCE
            assert met.asked[0].startswith(b"GET /worker.json HTTP/1.1\r\n")

    asyncio.run(main())
