"""A server on loopback that says what a test has written down, byte for byte."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Play = Callable[[socket.socket, bytes], None]
"""What is done about a request on a connection."""

RESET = struct.pack("ii", 1, 0)


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Play:
    """A whole answer; the connection is kept."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]

    def play(connection: socket.socket, _: bytes) -> None:
        connection.sendall("\r\n".join(lines).encode() + body)

    return play


def say(text: bytes) -> Play:
    """These bytes, and then the end of the connection."""

    def play(connection: socket.socket, _: bytes) -> None:
        connection.sendall(text)
        connection.close()

    return play


def reset(connection: socket.socket, _: bytes) -> None:
    """An error in place of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


def nothing(connection: socket.socket, _: bytes) -> None:
    """The request is read, and that is all."""


class Scripted:
    """Plays its plays one a request, the last one for all that follow."""

    def __init__(self, *plays: Play, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._plays = list(plays)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def hang_up(self) -> None:
        """End all connections, as a server does with those that are idle."""
        for connection in self._open:
            with suppress(OSError):  # it may have ended
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._tls:  # the handshake comes with the first read
                connection = self._tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            self._open.append(connection)
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            while request := self._request(connection):
                self.requests.append(request)
                play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
                play(connection, request)
        except OSError:
            pass  # the client has gone, or the play has ended the connection

    def _request(self, connection: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(65_536)
            if not byte:
                return b""
            head += byte
        return head
