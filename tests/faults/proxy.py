"""A TCP proxy on loopback that fails as networks fail, in the event loop of whoever runs it.

async with Proxy(port_of_the_server) as proxy:
    ...  # clients connect to proxy.port
    await proxy.switch(Mode.BLACK_HOLE)
"""

import asyncio
import socket
import struct
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Self

from tests.end_to_end.fleet import free_port

CHUNK_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a close that is an error (RST) to the other end, and loses what is on the way."""


class Mode(Enum):
    """What becomes of the bytes, on connections that are there and on new ones."""

    PASSING = auto()
    BLACK_HOLE = auto()
    """Connections are accepted and kept; what is sent waits, either way, until this ends."""
    REFUSING = auto()
    """Nobody listens, and what was connected is reset."""
    LOSING_REPLIES = auto()
    """Requests arrive; a connection that has lost a reply gives no later one, but a reset."""


class Proxy:
    """Between clients of `port` and a server on target_port; passing once it is entered.

    delay_ms is what each chunk waits, each way, in any mode; it can be set at any time.
    """

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.target_port = target_port
        self.delay_ms = 0.0
        self.mode = Mode.REFUSING
        self._flows = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.switch(Mode.PASSING)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.switch(Mode.REFUSING)

    async def switch(self, mode: Mode) -> None:
        """Returns when it is so, to the last connection."""
        self.mode = mode
        if mode is Mode.BLACK_HOLE:
            self._flows.clear()
        else:
            self._flows.set()
        if mode is Mode.REFUSING:
            await self._refuse()
        elif self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _refuse(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        await asyncio.sleep(0)  # a link that is cancelled before it begins resets nothing
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.REFUSING:  # it was accepted just before
            _reset(writer)
            return
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its last, or to a reset."""
        writers = [writer]
        ended = False
        try:
            await self._flows.wait()
            there, to_there = await asyncio.open_connection("127.0.0.1", self.target_port)
            writers.append(to_there)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass_requests(reader, to_there))
                ways.create_task(self._pass_replies(there, writer))
            ended = True
        except* OSError:
            pass  # the reset tells
        finally:
            for each in writers:
                each.close() if ended else _reset(each)

    async def _pass_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await self._next(reader):
            writer.write(chunk)
            await writer.drain()
        _end(writer)

    async def _pass_replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        has_lost = False
        while chunk := await self._next(reader):
            if self.mode is Mode.LOSING_REPLIES:
                has_lost = True
            elif has_lost:
                raise ConnectionResetError("no stream has a hole in it")
            else:
                writer.write(chunk)
                await writer.drain()
        if not has_lost:
            _end(writer)

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        """What may be passed on now; empty at the end."""
        chunk = await reader.read(CHUNK_BYTES)
        await asyncio.sleep(self.delay_ms / 1000)
        await self._flows.wait()
        return chunk


def _end(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # the other end may be gone
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    endpoint = writer.get_extra_info("socket")
    with suppress(OSError):
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
