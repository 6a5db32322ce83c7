"""Listening, the bounds of all connections together, and the drain."""

import asyncio
import resource
import socket

from tornado.netutil import bind_sockets

from idgen.addresses import host_and_port
from idgen.errors import BadSetting, CannotListen
from idgen.web.connection import Connection
from idgen.web.lanes import TICK_S, Lanes
from idgen.web.listener import Listener

MAX_CONNECTIONS = 16_384
RESERVED_FILES = 64
"""File descriptors kept for all that isn't a connection, so that accept() never runs out."""

LISTEN_BACKLOG = 1024

DRAIN_LINGER_S = 1.0
"""How long idle connections may still ask, and hear 503 and `Connection: close`."""
DRAIN_LIMIT_S = 4.5
"""Everything is closed after that, and the process exits within 5 s."""
_DRAIN_POLL_S = 0.01


class Server:
    """One process's sockets."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._listeners: list[Listener] = []
        self._connecting: set[asyncio.Task[object]] = set()
        self._connections: set[Connection] = set()
        self._max_connections = max(1, min(MAX_CONNECTIONS, _raise_file_limit() - RESERVED_FILES))
        self._ticking: asyncio.TimerHandle | None = None

    def listen(self, address: str, port: int) -> list[str]:
        """Serve from now on; gives the HOST:PORT that are listened on.

        Raises BadSetting where the name stands for no address, CannotListen where it or the
        port can't be had.  port 0 picks a free one.
        """
        try:
            sockets = bind_sockets(port, address, backlog=LISTEN_BACKLOG)
        except (socket.gaierror, UnicodeError) as error:
            raise BadSetting(f"--address: {address!r} is no address: {error}") from None
        except OSError as error:
            raise CannotListen(f"{address} port {port}: {error.strerror}") from None
        self._listeners = [Listener(listening, self._serve) for listening in sockets]
        self._tick()
        return [host_and_port(*listening.getsockname()[:2]) for listening in sockets]

    async def drain(self) -> None:
        """Stop accepting, answer what is under way, refuse the rest, close; within 5 s."""
        clock = asyncio.get_running_loop().time
        begun_s = clock()
        self._lanes.drain()
        for listener in self._listeners:
            listener.close()
        while (self._connecting or self._connections) and clock() - begun_s < DRAIN_LIMIT_S:
            busy = self._connecting or any(connection.busy for connection in self._connections)
            if not busy and clock() - begun_s >= DRAIN_LINGER_S:
                break
            await asyncio.sleep(_DRAIN_POLL_S)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)
        if self._ticking is not None:
            self._ticking.cancel()

    def _serve(self, accepted: socket.socket) -> None:
        """Those past the bound are closed at once."""
        if len(self._connections) + len(self._connecting) >= self._max_connections:
            accepted.close()
            return
        accepted.setblocking(False)
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(loop.connect_accepted_socket(self._connection, accepted))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    def _connection(self) -> Connection:
        return Connection(self._lanes, self._connections)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._lanes.tick(loop.time())
        self._ticking = loop.call_later(TICK_S, self._tick)


def _raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else MAX_CONNECTIONS + RESERVED_FILES
