"""A request at Tornado's application, by Tornado's own interface between server and handlers."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application

from idgen.errors import BadRequest
from idgen.web.message import Message


class Context(NamedTuple):
    """What Tornado wants to know of a connection."""

    remote_ip: str
    protocol: str = "http"


class Exchange(HTTPConnection):
    """One request and its response, which is handed over whole when the handler finishes.

    An empty one means that there is none, and that the connection is to be closed.
    """

    def __init__(self, context: Context, respond: Callable[[bytes], None]) -> None:
        self.context = context
        self._respond = respond
        self._close_callback: Callable[[], None] | None = None
        self._parts: list[bytes] = []
        self._abandoned = False

    def begin(self, app: Application, message: Message) -> None:
        """Hand a request to the application.  Raises BadRequest where Tornado refuses it."""
        fields = message.fields
        start_line = RequestStartLine(message.method, message.target, fields.version)
        headers = HTTPHeaders(fields.headers)
        headers.pop("Content-Type", None)  # Tornado would read forms that no handler asks for
        delegate = app.start_request(self, self)
        try:
            delegate.headers_received(start_line, headers)
            if message.body:
                delegate.data_received(message.body)
            delegate.finish()
        except HTTPInputError as error:
            raise BadRequest(f"malformed request: {error}") from None

    def client_gone(self) -> None:
        """Nobody will hear the response."""
        if self._close_callback is not None:
            self._close_callback()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Tornado's way to hear of that."""
        self._close_callback = callback

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        """The head, in Tornado's order of headers."""
        assert isinstance(start_line, ResponseStartLine)
        lines = [f"HTTP/1.1 {start_line.code} {start_line.reason}"]
        lines += [f"{name}: {value}" for name, value in headers.get_all()]
        self._parts.append(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        """More of the body."""
        self._parts.append(chunk)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        """The response is whole."""
        self._respond(b"" if self._abandoned else b"".join(self._parts))

    def abandon(self) -> None:
        """Let the connection end without a response, since the client has gone."""
        self._abandoned = True
