"""A requests adapter whose time-out is for a whole answer, from connecting to the last byte.

The time-out of a socket is for each of its reads: a head or body that trickles in, byte after
byte, never meets it.  Here each read has what is left.
"""

import http.client
import io
import socket
from time import monotonic
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Reader(socket.SocketIO):
    """Reads from a socket whose time-out, when an answer begins, is for all of the answer."""

    def __init__(self, endpoint: socket.socket) -> None:
        super().__init__(endpoint, "r")
        self._endpoint = endpoint
        timeout_s = endpoint.gettimeout()
        assert timeout_s is not None
        self._ends_s = monotonic() + timeout_s

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._ends_s - monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._endpoint.settimeout(left_s)
        return super().readinto(buffer)


class _Endpoint:
    """What http.client wants of a socket that it reads an answer from."""

    def __init__(self, endpoint: socket.socket) -> None:
        self._endpoint = endpoint

    def makefile(self, _: str) -> io.BufferedReader:
        self._endpoint._io_refs += 1  # type: ignore[attr-defined] # as socket.makefile does
        return io.BufferedReader(_Reader(self._endpoint))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **others: Any) -> None:
        super().__init__(_Endpoint(sock), *arguments, **others)  # type: ignore[arg-type] # makefile is all it uses


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class TimedAdapter(HTTPAdapter):
    """As HTTPAdapter; to be given a urllib3 Timeout with a total."""

    def init_poolmanager(self, *arguments: Any, **others: Any) -> None:
        super().init_poolmanager(*arguments, **others)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
