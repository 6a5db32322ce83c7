"""One request as it arrives: parsed strictly by httptools, a head at once, a body in parts.

Where a message ends is found here, before the parser sees it, and the parser is held to it:
a head ends at the first empty line, a body with a length by counting, a chunked one at the end
of a line.  So the parser never sees a byte of the next request, and nothing that it might take
for a line end (a bare LF, an obs-fold) can make two readers of the same bytes disagree.
"""

import re

import httptools

from idgen.errors import BadRequest, BodyTooLarge, HeadTooLarge

MAX_HEAD_BYTES = 8 * 1024
MAX_BODY_BYTES = 1024
MAX_CHUNKED_BYTES = 8 * 1024
"""What a chunked body may take with its chunk lines and trailers."""

HEAD_END = b"\r\n\r\n"

# RFC 9112, section 3: three parts, a space between them.  This line is read here, since llhttp
# is too wide for it (several spaces, RTSP, HTTP/2.0) and too narrow (it knows some 50 methods, and
# any token is one); it gets a line of ours in its place.  Bytes past ASCII in the target are what
# `curl 127.0.0.1/é` sends.
_REQUEST_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])\r\n"
)
_OUR_LINE = b"GET / "

# RFC 9110, section 7.2, with the host's syntax taken widely: what Tornado takes.
_HOST = re.compile(r"(?:[]\[:A-Za-z0-9._~!$&'()*+;=-]+|%[0-9A-Fa-f]{2})*")
_ABSOLUTE_FORM = re.compile(r"^https?://[^/?#]*(/|(?=\?)|$)", re.IGNORECASE)
_BARE_LF = re.compile(rb"(?<!\r)\n")


def head_length(inbox: bytearray) -> int:
    """How many bytes the head at the front of the inbox has, with its empty line; 0: not all.

    Raises HeadTooLarge, and BadRequest where it has ended as no head may.
    """
    if inbox and inbox[0] in b"\r\n":  # RFC 9112, section 2.2: empty lines before it
        del inbox[: len(inbox) - len(inbox.lstrip(b"\r\n"))]
    end = inbox.find(HEAD_END, 0, MAX_HEAD_BYTES)
    if _BARE_LF.search(inbox, 0, end if end >= 0 else MAX_HEAD_BYTES):
        raise BadRequest("malformed request: lines must end in CR LF")
    if end >= 0:
        return end + len(HEAD_END)
    if len(inbox) >= MAX_HEAD_BYTES:
        raise HeadTooLarge(MAX_HEAD_BYTES)
    return 0


class Message:
    """A request, 0..MAX_BODY_BYTES of body included.

    Raises BadRequest where it is malformed, BodyTooLarge.  The attributes hold once the
    constructor has returned, body once `complete` is true.
    """

    __slots__ = (
        "_missing", "_parser", "_taken", "awaits_continue", "body", "complete", "has_body", "head",
        "headers", "keep_alive", "method", "target", "version",
    )  # fmt: skip

    awaits_continue: bool
    """Whether the client sends the body only once it is told to go on."""
    has_body: bool

    def __init__(self, head: bytes) -> None:
        line = _REQUEST_LINE.match(head)
        if line is None:
            raise BadRequest("malformed request line: it must be METHOD TARGET HTTP/1.1")
        self.head = head
        self.method = line[1].decode()
        self.target = _ABSOLUTE_FORM.sub("/", line[2].decode("latin-1"))
        self.version = line[3].decode()
        self.headers: dict[str, str] = {}
        """By name in lower case; several values are joined as in RFC 9110, section 5.3."""
        self.keep_alive: bool | None = None
        self.body = b""
        self.complete = False
        self._missing: int | None = 0
        """Bytes of the body still to come; None where it is chunked."""
        self._taken = 0
        self._parser = httptools.HttpRequestParser(self)
        self._parse(_OUR_LINE + head[line.start(3) :])
        if self.keep_alive is None:
            raise BadRequest("malformed request: its head doesn't end where it must")
        self._check_host()
        self._measure_body()
        self.has_body = not self.complete
        self.awaits_continue = (
            self.has_body
            and self.version == "HTTP/1.1"
            and self.headers.get("expect", "").lower() == "100-continue"
        )

    @property
    def persists_by_itself(self) -> bool:
        """Whether its connection stays open without a word about it: so in HTTP/1.1."""
        return bool(self.keep_alive) and self.version == "HTTP/1.1"

    def feed(self, inbox: bytearray) -> None:
        """Take from the front of the inbox what belongs to the body."""
        while inbox and not self.complete:
            self.awaits_continue = False  # it didn't wait
            end = inbox.find(b"\n") + 1 if self._missing is None else self._missing
            part = bytes(inbox[: end or len(inbox)])
            del inbox[: len(part)]
            self._taken += len(part)
            if self._missing is not None:
                self._missing -= len(part)
            self._parse(part)
            if len(self.body) > MAX_BODY_BYTES or self._taken > MAX_CHUNKED_BYTES:
                raise BodyTooLarge(MAX_BODY_BYTES)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # nothing here is upgraded to; the request is answered as it is
        except httptools.HttpParserError as error:
            raise BadRequest(f"malformed request: {error}") from None

    def _check_host(self) -> None:
        host = self.headers.get("host")
        if host is None and self.version == "HTTP/1.1":
            raise BadRequest("malformed request: no Host header")
        if host and not _HOST.fullmatch(host):  # two of them have a comma between them
            raise BadRequest("malformed request: invalid Host header")

    def _measure_body(self) -> None:
        coding = self.headers.get("transfer-encoding")
        if coding is None:
            self._missing = int(self.headers.get("content-length", 0))
            if self._missing > MAX_BODY_BYTES:
                raise BodyTooLarge(MAX_BODY_BYTES)
        elif coding.lower() == "chunked" and self.version == "HTTP/1.1":
            self._missing = None
        else:
            raise BadRequest("malformed request: of transfer codings only chunked is taken")

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.keep_alive is not None:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")
        self.headers[key] = f"{self.headers[key]},{text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.keep_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True
