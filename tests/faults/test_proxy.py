"""Each mode of the proxy, between a real client and a real echo server."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.proxy import Mode, Proxy

SOON_S = 0.2
"""Longer than a round trip on loopback ever takes, also on a busy machine."""
LONG_S = 5.0


class Echo:
    """A server that gives back what it gets, and notes it."""

    def __init__(self) -> None:
        self.heard = b""
        self.has_heard = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            self.heard += chunk
            self.has_heard.set()
            writer.write(chunk)
        writer.write(b"bye")
        writer.close()


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, text: bytes, within_s: float = LONG_S) -> bytes:
        """What comes back of it; raises TimeoutError where nothing does."""
        self.writer.write(text)
        return await self.hears(len(text), within_s)

    async def hears(self, count: int, within_s: float = LONG_S) -> bytes:
        async with asyncio.timeout(within_s):
            return await self.reader.readexactly(count)


Connect = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Proxy, Echo, Connect]]:
    echo = Echo()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    clients: list[Client] = []
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:

        async def connect() -> Client:
            clients.append(Client(*await asyncio.open_connection("127.0.0.1", proxy.port)))
            return clients[-1]

        yield proxy, echo, connect
        for client in clients:
            client.writer.close()


def test_what_passes_arrives_whole_both_ways() -> None:
    async def scenario() -> None:
        async with echoing() as (_, echo, connect):
            client = await connect()
            much = bytes(range(256)) * 4096
            assert await client.says(much) == much
            assert echo.heard == much

    asyncio.run(scenario())


def test_the_end_of_the_requests_leaves_the_replies() -> None:
    async def scenario() -> None:
        async with echoing() as (_, _, connect):
            client = await connect()
            client.writer.write(b"that is all")
            client.writer.write_eof()
            async with asyncio.timeout(LONG_S):
                assert await client.reader.read() == b"that is allbye"

    asyncio.run(scenario())


def test_a_black_hole_keeps_old_and_new_connections_and_what_they_send_until_it_ends() -> None:
    async def scenario() -> None:
        async with echoing() as (proxy, echo, connect):
            old = await connect()
            assert await old.says(b"before") == b"before"
            await proxy.switch(Mode.BLACK_HOLE)
            new = await connect()
            for client in (old, new):
                with pytest.raises(TimeoutError):
                    await client.says(b"during", SOON_S)
            assert echo.heard == b"before"
            await proxy.switch(Mode.PASSING)
            assert [await old.hears(6), await new.hears(6)] == [b"during", b"during"]

    asyncio.run(scenario())


def test_a_black_hole_holds_a_reply_that_is_on_its_way() -> None:
    async def scenario() -> None:
        async with echoing() as (proxy, echo, connect):
            client = await connect()
            proxy.delay_ms = 50
            client.writer.write(b"asked")
            await echo.has_heard.wait()
            await proxy.switch(Mode.BLACK_HOLE)
            with pytest.raises(TimeoutError):
                await client.hears(5, SOON_S)
            await proxy.switch(Mode.PASSING)
            assert await client.hears(5) == b"asked"

    asyncio.run(scenario())


def test_refusing_resets_what_was_connected_and_lets_nobody_in_until_it_ends() -> None:
    async def scenario() -> None:
        async with echoing() as (proxy, _, connect):
            client = await connect()
            assert await client.says(b"before") == b"before"
            await proxy.switch(Mode.REFUSING)
            with pytest.raises(ConnectionResetError):
                await client.hears(1)
            with pytest.raises(ConnectionRefusedError):
                await connect()
            await proxy.switch(Mode.PASSING)
            assert await (await connect()).says(b"after") == b"after"

    asyncio.run(scenario())


def test_a_connection_that_lost_replies_is_reset_once_they_come_again() -> None:
    async def scenario() -> None:
        async with echoing() as (proxy, echo, connect):
            client = await connect()
            await proxy.switch(Mode.LOSING_REPLIES)
            with pytest.raises(TimeoutError):
                await client.says(b"lost", SOON_S)
            assert echo.heard == b"lost"
            await proxy.switch(Mode.PASSING)
            with pytest.raises(ConnectionResetError):
                await client.says(b"more")
            assert await (await connect()).says(b"after") == b"after"

    asyncio.run(scenario())


def test_a_delay_is_taken_each_way() -> None:
    async def scenario() -> None:
        async with echoing() as (proxy, _, connect):
            client = await connect()
            proxy.delay_ms = 100
            begun_s = time.monotonic()
            assert await client.says(b"slow") == b"slow"
            assert 0.2 <= time.monotonic() - begun_s < LONG_S

    asyncio.run(scenario())


def test_without_the_server_a_client_is_reset() -> None:
    async def scenario() -> None:
        async with echoing() as (proxy, _, connect):
            client = await connect()
            assert await client.says(b"there") == b"there"
            proxy.target_port = 1  # nobody listens there
            with pytest.raises(ConnectionResetError):
                await (await connect()).hears(1)
            assert await client.says(b"still") == b"still"

    asyncio.run(scenario())
