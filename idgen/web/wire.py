"""Answers as the bytes of HTTP/1.1.  A head is rendered once between two ticks of the lanes."""

from email.utils import formatdate
from http import HTTPStatus

from idgen.web.answers import Answer

MAX_LENGTHS = 1024
"""Heads that are kept of each kind; past that they start anew."""


class Heads(dict[int, bytes]):
    """The heads of one kind of answer, by Content-Length in bytes, with a Date since the tick."""

    def __init__(self, status: int, content_type: str) -> None:
        super().__init__()
        self._before_date = (
            f"HTTP/1.1 {status:d} {HTTPStatus(status).phrase}\r\nContent-Type: {content_type}\r\n"
        )

    def __missing__(self, length: int) -> bytes:
        if len(self) >= MAX_LENGTHS:
            self.clear()
        date = formatdate(usegmt=True)
        head = (
            f"{self._before_date}Date: {date}\r\nCache-Control: no-store\r\n"
            f"Content-Length: {length}\r\n\r\n"
        ).encode()
        self[length] = head
        return head


class Wire:
    """Renders answers; there are as many kinds as there are statuses and media types."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, str], Heads] = {}

    def heads(self, status: int, content_type: str) -> Heads:
        """The heads of one kind of answer, for those who have a body at hand."""
        kind = (status, content_type)
        if kind not in self._kinds:
            self._kinds[kind] = Heads(status, content_type)
        return self._kinds[kind]

    def render(self, answer: Answer) -> bytes:
        """The whole response."""
        head = self.heads(answer.status, answer.content_type)[len(answer.body)]
        if answer.headers:
            lines = "".join([f"{name}: {value}\r\n" for name, value in answer.headers.items()])
            head = head.replace(b"Content-Length", lines.encode("latin-1") + b"Content-Length", 1)
        return head + answer.body

    def tick(self) -> None:
        """A second has gone by: the Date is another."""
        for heads in self._kinds.values():
            heads.clear()


def with_connection(response: bytes, value: str) -> bytes:
    """The same response with a Connection header, after the status line."""
    return response.replace(b"\r\n", b"\r\nConnection: " + value.encode() + b"\r\n", 1)
