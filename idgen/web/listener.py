"""A listening socket that takes many connections in a turn of the loop.

libuv takes one: with a thousand busy connections, each turn of a saturated loop takes 10 ms, and
the last of as many new clients then waits for seconds.
"""

import asyncio
import errno
import socket
from collections.abc import Callable

ACCEPTS_PER_TURN = 128
ACCEPT_REST_S = 0.1
"""How long nothing is accepted after descriptors or memory ran out."""
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_GONE = (BlockingIOError, ConnectionAbortedError, InterruptedError)


class Listener:
    """Hands each connection that is made to `serve`, which owns it from then on."""

    def __init__(self, listening: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = listening
        self._serve = serve
        self._rest: asyncio.TimerHandle | None = None
        self._wake()

    def close(self) -> None:
        """Take those that have connected by now, and no more."""
        if self._rest is not None:
            self._rest.cancel()
        self._accept()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _wake(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            for _ in range(ACCEPTS_PER_TURN):
                connection, _ = self._socket.accept()
                self._serve(connection)
        except _GONE:
            pass  # no more for now
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._loop.remove_reader(self._socket)
            self._rest = self._loop.call_later(ACCEPT_REST_S, self._wake)
