"""Listening, the bounds of connections, and the drain, on Tornado's own HTTPServer."""

import asyncio
import errno
import resource
import socket
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, UnsatisfiableReadError
from tornado.netutil import bind_sockets
from tornado.web import Application

from idgen.errors import BadSetting, CannotListen
from idgen.web.site import Site

MAX_HEAD_BYTES = 8 * 1024
MAX_BODY_BYTES = 1024
HEAD_TIMEOUT_S = 5.0
IDLE_TIMEOUT_S = 75.0
"""Above the 30 s after which nginx closes: the side that sends must be the one that closes."""

MAX_CONNECTIONS = 16_384
RESERVED_FILES = 64
"""File descriptors kept for all that isn't a connection, so that accept() never runs out."""

LISTEN_BACKLOG = 1024
ACCEPT_REST_S = 0.1
"""How long nothing is accepted after descriptors ran out all the same."""
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

DRAIN_LINGER_S = 1.0
"""How long idle connections may still ask, and hear 503 and `Connection: close`."""
DRAIN_LIMIT_S = 4.5
"""Everything is closed after that, and the process exits within 5 s."""
_DRAIN_POLL_S = 0.01

_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"


class Server:
    """One process's sockets."""

    def __init__(self, app: Application, site: Site) -> None:
        self._site = site
        self._http = _BoundedHttpServer(
            app,
            max_header_size=MAX_HEAD_BYTES,
            max_body_size=MAX_BODY_BYTES,
            body_timeout=HEAD_TIMEOUT_S,
            idle_connection_timeout=IDLE_TIMEOUT_S,
        )

    def listen(self, address: str, port: int) -> list[str]:
        """Serve from now on; gives the HOST:PORT that are listened on.

        Raises BadSetting where the name stands for no address, CannotListen where it or the
        port can't be had.  port 0 picks a free one.
        """
        try:
            bound = bind_sockets(port, address, backlog=LISTEN_BACKLOG)
        except (socket.gaierror, UnicodeError) as error:
            raise BadSetting(f"--address: {address!r} is no address: {error}") from None
        except OSError as error:
            raise CannotListen(f"{address} port {port}: {error.strerror}") from None
        sockets = [_Listener(fileno=listener.detach()) for listener in bound]
        self._http.add_sockets(sockets)
        return [_host_and_port(*listener.getsockname()[:2]) for listener in sockets]

    async def drain(self) -> None:
        """Stop accepting, answer what is under way, refuse the rest, close; within 5 s."""
        clock = asyncio.get_running_loop().time
        begun_s = clock()
        self._site.draining = True
        self._http.stop()
        while self._http.open_streams and clock() - begun_s < DRAIN_LIMIT_S:
            busy = self._site.in_flight or any(s.writing() for s in self._http.open_streams)
            if not busy and clock() - begun_s >= DRAIN_LINGER_S:
                break
            await asyncio.sleep(_DRAIN_POLL_S)
        await self._http.close_all_connections()


class _Listener(socket.socket):
    """A listening socket that rests where accept() finds no descriptor or memory left.

    Tornado would call it again at once, for ever.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        """As socket.accept; BlockingIOError, nothing to accept now, where there is no room."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            loop = IOLoop.current()
            loop.update_handler(self.fileno(), 0)
            loop.call_later(ACCEPT_REST_S, self._wake)
            raise BlockingIOError from error

    def _wake(self) -> None:
        if self.fileno() >= 0:
            IOLoop.current().update_handler(self.fileno(), IOLoop.READ)


def _host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _BoundedHttpServer(HTTPServer):
    """Tornado's, with a bound on connections and on the time and size of a request's head."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self.open_streams: set[_BoundedStream] = set()
        room = max(1, _raise_file_limit() - RESERVED_FILES)
        self._max_connections = min(MAX_CONNECTIONS, room)

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Tornado's hook for a new connection."""
        if len(self.open_streams) >= self._max_connections:
            stream.close()
            return
        # Nothing has been read through the first stream, so the socket can change hands.
        super().handle_stream(_BoundedStream(stream.socket, self.open_streams), address)


class _BoundedStream(IOStream):
    """A connection whose request heads arrive within a time and a size, or it is closed."""

    def __init__(self, connection: socket.socket, open_streams: "set[_BoundedStream]") -> None:
        super().__init__(connection)
        self._open_streams = open_streams
        self._reading_head = False
        self._head_timer: asyncio.TimerHandle | None = None
        open_streams.add(self)

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """Tornado's way to read a head."""
        self._reading_head = True
        head = asyncio.ensure_future(super().read_until_regex(regex, max_bytes))
        head.add_done_callback(self._head_read)
        if self._read_buffer_size and not head.done():
            self._start_head_timer()  # its first bytes came with the request before
        return head

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """The clock starts with the first byte of a head."""
        count = super().read_from_fd(buf)
        if count and self._reading_head:
            self._start_head_timer()
        return count

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(HEAD_TIMEOUT_S, self.close)

    def _head_read(self, _: object) -> None:
        self._reading_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def close(self, exc_info: Any = False) -> None:
        """A head that is too large gets an answer first; Tornado has none for it."""
        if isinstance(exc_info, UnsatisfiableReadError) and not self.closed():
            with suppress(OSError):
                self.socket.send(_HEAD_TOO_LARGE)
        super().close(exc_info)

    def close_fd(self) -> None:
        """The connection no longer counts."""
        self._open_streams.discard(self)
        super().close_fd()


def _raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else MAX_CONNECTIONS + RESERVED_FILES
