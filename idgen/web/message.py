"""One request: its head at once, its body in parts, judged by httptools (llhttp, strict).

Where a message ends is found by our own code: a head ends at its first empty line (inbox.py), a
body with a length by counting, a chunked one at the end of a line.  So the parser never sees a
byte of the next request, and nothing that one reader may take for a line end and another not (a
bare LF, an obs-fold) gets through.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import httptools

from idgen.errors import BadRequest, BodyTooLarge

MAX_BODY_BYTES = 1024
LARGER_BODIES = {"/quota/check": 256 * 1024}
"""By path, in bytes; with a Content-Length only, since a chunk is parsed line by line."""
MAX_CHUNKED_BYTES = 8 * 1024
"""What a chunked body may take with its chunk lines and trailers."""

MAX_LENGTH_DIGITS = 19
MAX_PARAMETERS = 1000
"""Of a query string; Tornado, which reads it for other routes than `/`, takes no more."""

MAX_KNOWN_FIELDS = 256
"""Blocks of header lines whose meaning is remembered: most clients send the same each time."""
MAX_KNOWN_BYTES = 2048
"""Longer ones are parsed each time: together these two bound the memory."""

# RFC 9112, section 3: three parts, a space between them.  This line is read here, since llhttp
# is too wide for it (several spaces, RTSP, HTTP/2.0) and too narrow (it knows some 50 methods, and
# any token is one); it gets a line of ours in its place.  Bytes past ASCII in the target are what
# `curl 127.0.0.1/é` sends.
_REQUEST_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) (?=HTTP/1\.[01]\r\n)"
)
_OUR_LINE = b"GET / "
_OUR_CHUNKED_HEAD = b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

# RFC 9110, section 7.2, with the host's syntax taken widely: what Tornado takes.
MAX_HOST = 300
"""Characters: 253 of a name, and a port (RFC 1035, section 2.3.4)."""
_HOST = re.compile(r"(?:[]\[:A-Za-z0-9._~!$&'()*+;=-]+|%[0-9A-Fa-f]{2})*")
_ABSOLUTE_FORM = re.compile(r"^https?://[^/?#]*(/|(?=\?)|$)", re.IGNORECASE)


class Fields(NamedTuple):
    """What the lines of a head but the first say."""

    version: str
    """`HTTP/1.0` or `HTTP/1.1`."""
    headers: Mapping[str, str]
    """By name in lower case; several values are joined as in RFC 9110, section 5.3."""
    keep_alive: bool
    body_bytes: int | None
    """What it is said to have; None where it is chunked."""


class Message:
    """A request; `body` holds once `complete` is true.

    Raises BadRequest where the head is malformed.
    """

    __slots__ = (
        "_chunks", "awaits_continue", "body", "complete", "fields", "head", "method",
        "target",
    )  # fmt: skip

    def __init__(self, head: bytes) -> None:
        line = _REQUEST_LINE.match(head)
        if line is None:
            raise BadRequest("malformed request line: it must be METHOD TARGET HTTP/1.1")
        self.head = head
        self.method = line[1].decode()
        self.target = line[2].decode("latin-1")
        if not self.target.startswith("/"):
            self.target = _ABSOLUTE_FORM.sub("/", self.target)
        if self.target.count("&") >= MAX_PARAMETERS:
            raise BadRequest(f"a query string may have at most {MAX_PARAMETERS} parameters")
        read = _fields if len(head) <= MAX_KNOWN_BYTES else _fields.__wrapped__
        self.fields = read(head[line.end() :])
        self.complete = not self.has_body
        self.awaits_continue = self.has_body and self._expects_to_continue()
        """Whether the client sends the body only once it is told to go on."""
        self.body = b""
        self._chunks: _Chunks | None = None

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head."""
        return self.fields.body_bytes != 0

    @property
    def persists_by_itself(self) -> bool:
        """Whether its connection stays open without a word about it: so in HTTP/1.1."""
        return self.fields.keep_alive and self.fields.version == "HTTP/1.1"

    def feed(self, inbox: bytearray) -> None:
        """Take from the front of the inbox what belongs to the body.

        Raises BadRequest where a chunk is malformed, BodyTooLarge.
        """
        if self.complete:
            return
        most = LARGER_BODIES.get(self.target.partition("?")[0], MAX_BODY_BYTES)
        if (self.fields.body_bytes or 0) > most:
            raise BodyTooLarge(most)
        if not inbox:
            return
        self.awaits_continue = False  # it didn't wait
        if self.fields.body_bytes is None:
            self._chunks = self._chunks or _Chunks()
            self._chunks.feed(inbox)
            self.complete, self.body = self._chunks.complete, self._chunks.body
            return
        part = bytes(inbox[: self.fields.body_bytes - len(self.body)])
        del inbox[: len(part)]
        self.body += part
        self.complete = len(self.body) == self.fields.body_bytes

    def _expects_to_continue(self) -> bool:
        expected = self.fields.headers.get("expect", "")
        return self.fields.version == "HTTP/1.1" and expected.lower() == "100-continue"


@lru_cache(MAX_KNOWN_FIELDS)
def _fields(lines: bytes) -> Fields:
    """Parse from the version on.  Raises BadRequest."""
    events = _Events()
    _parse(events.parser, _OUR_LINE + lines)
    if not events.head_complete:
        raise BadRequest("malformed request: its head doesn't end where it must")
    version, headers = lines[:8].decode(), events.headers
    host = headers.get("host")
    if host is None and version == "HTTP/1.1":
        raise BadRequest("malformed request: no Host header")
    if host and (len(host) > MAX_HOST or not _HOST.fullmatch(host)):  # two have a comma between
        raise BadRequest("malformed request: invalid Host header")
    return Fields(version, headers, events.keep_alive, _body_bytes(version, headers))


def _body_bytes(version: str, headers: Mapping[str, str]) -> int | None:
    coding = headers.get("transfer-encoding")
    if coding is None:
        length = headers.get("content-length", "0")
        if len(length) > MAX_LENGTH_DIGITS:
            raise BadRequest("malformed request: Content-Length has too many digits")
        return int(length)
    if coding.lower() == "chunked" and version == "HTTP/1.1":
        return None
    raise BadRequest("malformed request: of transfer codings only chunked is taken")


class _Chunks:
    """Decodes a chunked body, a line at a time, since it ends with one.

    Its head is ours: the client's may ask for an upgrade, and llhttp then takes the body for
    something else.
    """

    def __init__(self) -> None:
        self._events = _Events()
        self._taken = 0
        _parse(self._events.parser, _OUR_CHUNKED_HEAD)

    @property
    def complete(self) -> bool:
        return self._events.complete

    @property
    def body(self) -> bytes:
        return self._events.body

    def feed(self, inbox: bytearray) -> None:
        while inbox and not self.complete:
            line = bytes(inbox[: inbox.find(b"\n") + 1 or len(inbox)])
            del inbox[: len(line)]
            self._taken += len(line)
            _parse(self._events.parser, line)
            if len(self.body) > MAX_BODY_BYTES or self._taken > MAX_CHUNKED_BYTES:
                raise BodyTooLarge(MAX_BODY_BYTES)


class _Events:
    """What httptools calls for one message."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.headers: dict[str, str] = {}
        self.head_complete = self.keep_alive = self.complete = False
        self.body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_complete:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")
        self.headers[key] = f"{self.headers[key]},{text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.head_complete, self.keep_alive = True, self.parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def _parse(parser: httptools.HttpRequestParser, data: bytes) -> None:
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # nothing here is upgraded to; the request is answered as it is
    except httptools.HttpParserError as error:
        raise BadRequest(f"malformed request: {error}") from None
