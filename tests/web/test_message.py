"""What is well-formed, with Tornado's own HTTPServer as the oracle; each deviation has a reason."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idgen.errors import BadRequest, BodyTooLarge
from idgen.web.message import MAX_BODY_BYTES, MAX_KNOWN_BYTES, Message
from tests.web.serving import Lane, Serving, serving

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Serving, Serving]]:
    """Our own server and the oracle."""
    with serving() as ours, serving(lane=Lane.ORACLE) as oracle:
        yield ours, oracle


def first_status(served: Serving, request: bytes) -> int | None:
    """The status of the first answer, interim ones aside; None where there is none."""
    found = re.findall(rb"HTTP/1\.1 ([2-5][0-9][0-9]) ", served.send_raw(request))
    return int(found[0]) if found else None


SAME = [
    (b"", 200),
    (b"A: b\r\n", 200),
    (b"A:b\r\n", 200),
    (b"A: \r\n", 200),
    (b"A:\r\n", 200),
    (b"A: \xe9\r\n", 200),
    (b"A: b \t\r\n", 200),
    (b"!#$%&'*+-.^_`|~: b\r\n", 200),
    (b"Connection: close, x\r\n", 200),
    (b"Content-Length: 0\r\n", 200),
    (b"Content-Length: 00\r\n", 200),
    (b"Transfer-Encoding: Chunked\r\n", None),
    (b"A: b\r\n c\r\n", 400),
    (b"A: b\r\n\tc\r\n", 400),
    (b"A : b\r\n", 400),
    (b": b\r\n", 400),
    (b"A(: b\r\n", 400),
    (b"A\xe9: b\r\n", 400),
    (b"no colon\r\n", 400),
    (b"A: \0\r\n", 400),
    (b"A: \x01\r\n", 400),
    (b"A: \x7f\r\n", 400),
    (b"A: b\x0bc\r\n", 400),
    (b"A: b\rc\r\n", 400),
    (b"Host: x\r\n", 400),
    (b"Host: y\r\n", 400),
    (b"Content-Length: x\r\n", 400),
    (b"Content-Length: -1\r\n", 400),
    (b"Content-Length: +1\r\n", 400),
    (b"Content-Length: 1_0\r\n", 400),
    (b"Content-Length: 0x1\r\n", 400),
    (b"Content-Length: \r\n", 400),
    (b"Content-Length: 1, 2\r\n", 400),
    (b"Content-Length: 1\r\nContent-Length: 2\r\n", 400),
    (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
    (b"Transfer-Encoding: gzip\r\n", 400),
    (b"Transfer-Encoding: gzip, chunked\r\n", 400),
    (b"Transfer-Encoding: chunked, chunked\r\n", 400),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
]
"""Header lines, and the status that both give; None: both wait for a body."""


@pytest.mark.parametrize(("lines", "status"), SAME, ids=lambda value: repr(value)[:50])
def test_header_lines_are_judged_as_the_oracle_does(
    both: tuple[Serving, Serving], lines: bytes, status: int | None
) -> None:
    closing = HEAD.replace(b"\r\nHost", b"\r\nConnection: close\r\nHost")
    if b"Connection" in lines:
        closing = HEAD
    request = closing + lines + b"\r\n"
    if status is None:
        request += b"0\r\n\r\n"
        status = 200
    for served in both:
        with served.raw() as client:
            client.sendall(request)
            received = client.recv(65536)
        assert received.startswith(b"HTTP/1.1 %d " % status), served.lane


@pytest.mark.parametrize(
    "line",
    [
        b"GET /", b"GET", b"NONSENSE", b"GET / HTTP/2.0", b"GET / HTTP/1", b"GET / http/1.1",
        b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET  / HTTP/1.1", b"GET / x HTTP/1.1",
        b"GET /\x01 HTTP/1.1", b"GET /\t HTTP/1.1", b"GET /\x7f HTTP/1.1", b"G\0T / HTTP/1.1",
        b"G(T / HTTP/1.1", b"GET / ICE/1.0", b"GET / RTSP/1.0", b"GET\t/ HTTP/1.1",
        b"PRI * HTTP/2.0",
    ],
)  # fmt: skip
def test_broken_request_lines_are_refused_as_the_oracle_does(
    both: tuple[Serving, Serving], line: bytes
) -> None:
    for served in both:
        request = line + b"\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert first_status(served, request) == 400, served.lane


@dataclass(frozen=True)
class Deviation:
    """Where we differ from the oracle on purpose: our status, its status, and why."""

    request: bytes
    ours: int | None
    oracle: int | None
    reason: str


DEVIATIONS = [
    Deviation(
        b"GET / HTTP/1.1\nHost: x\nConnection: close\n\n", 400, 200,
        "a bare LF: section 2.2 lets a server take it, but two readers may then disagree",
    ),
    Deviation(
        HEAD + b"A: b\nConnection: close\r\n\r\n", 400, 200, "the same among others"
    ),
    Deviation(
        b"GET / HTTP/1.1\r\r\nHost: x\r\nConnection: close\r\n\r\n",
        400,
        200,
        "a bare CR: likewise",
    ),
    Deviation(
        b"GET / HTTP/1.2\r\nHost: x\r\nConnection: close\r\n\r\n", 400, 200,
        "there is no HTTP/1.2",
    ),
    Deviation(
        HEAD + b"Content-Length: 1, 1\r\nConnection: close\r\n\r\nx", 400, 200,
        "a length said twice: section 6.3 lets a server take or refuse it",
    ),
    Deviation(
        HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", 400, 200,
        "the same in two lines",
    ),
    Deviation(
        b"\r\n\r\n" + HEAD + b"Connection: close\r\n\r\n", 200, 400,
        "section 2.2: a server should pass over an empty line before a request",
    ),
    Deviation(
        b"GET http://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, 404,
        "section 3.2.2: a server must take the absolute form",
    ),
    Deviation(
        b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 200,
        "section 6.1: chunked in HTTP/1.0 is a faulty framing",
    ),
    Deviation(
        HEAD + b"A: " + b"a" * 9000 + b"\r\n\r\n", 431, None,
        "the contract; Tornado closes without a word",
    ),
    Deviation(
        HEAD + b"Content-Length: 1025\r\n\r\n", 413, 400,
        "RFC 9110, section 15.5.14",
    ),
]  # fmt: skip


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.reason[:30])
def test_deviations_from_the_oracle_are_these(
    both: tuple[Serving, Serving], deviation: Deviation
) -> None:
    ours, oracle = both
    assert first_status(ours, deviation.request) == deviation.ours
    assert first_status(oracle, deviation.request) == deviation.oracle


_BYTES = st.sampled_from(
    [b"\0", b"\t", b" ", b"\r", b"\x0b", b":", b"\x7f", b"\xe9", b"a", b"1", b","]
)


@given(st.integers(0, 10**6), _BYTES, st.booleans())
@settings(max_examples=500, deadline=None, derandomize=True)
def test_a_request_with_one_byte_wrong_is_judged_as_the_oracle_does(
    both: tuple[Serving, Serving], place: int, byte: bytes, replace: bool
) -> None:
    request = b"GET /?n=1&x=y HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAccept: */*\r\n\r\n"
    place %= len(request) - 4
    changed = request[:place] + byte + request[place + replace :]
    if re.search(rb"[^\r]\n|\r[^\n]|HTTP/1\.[^01]|,|Length:[^0-9]*0*1", changed):
        return  # one of the deviations, or a body is waited for
    statuses = []
    for served in both:
        served.clock.unix_ms += 1
        with served.raw() as client:
            client.sendall(changed)
            statuses.append(re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", client.recv(65536)))
    assert statuses[0] == statuses[1], changed


# Message itself


def test_a_message_has_what_its_head_says() -> None:
    message = Message(b"BREW /pot?a=1 HTTP/1.1\r\nhOST: x:1\r\nA: b\r\nA:\t c \r\n\r\n")
    assert (message.method, message.target) == ("BREW", "/pot?a=1")
    assert message.fields.version == "HTTP/1.1"
    assert message.fields.headers == {"host": "x:1", "a": "b,c"}
    assert message.complete
    assert message.persists_by_itself
    assert not message.has_body


@pytest.mark.parametrize("size", [1, MAX_BODY_BYTES])
def test_a_body_is_taken_from_the_inbox_and_nothing_after_it(size: int) -> None:
    next_one = b"GET / HTTP/1.1\r\n"
    for step in (1, 7, size + len(next_one)):
        message = Message(HEAD + b"Content-Length: %d\r\n\r\n" % size)
        assert message.has_body
        sent, inbox = b"b" * size + next_one, bytearray()
        while not message.complete:
            inbox += sent[:step]
            sent = sent[step:]
            message.feed(inbox)
        assert message.body == b"b" * size
        assert bytes(inbox) + sent == next_one


@pytest.mark.parametrize(
    "body",
    [
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"2;a=b;c\r\nhe\r\n3\r\nllo\r\n0\r\nT: x\r\nHost: y\r\n\r\n",
        b"0A\r\n12345\n7890\r\n0\r\n\r\n",
    ],
)
def test_a_chunked_body_ends_where_it_says(body: bytes) -> None:
    for step in range(1, len(body) + 2):
        message = Message(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        sent, inbox = body + b"GET / HTTP/1.1\r\n", bytearray()
        while not message.complete:
            inbox += sent[:step]
            sent = sent[step:]
            message.feed(inbox)
        assert bytes(inbox) + sent == b"GET / HTTP/1.1\r\n"
        assert message.body in (b"", b"hello", b"12345\n7890")
        assert message.fields.headers == {"host": "x", "transfer-encoding": "chunked"}


@pytest.mark.parametrize("body", [b"x\r\n", b"-1\r\n", b"1\r\nab\r\n", b"1\nx\r\n", b"1 \r\nx\r\n"])
def test_a_broken_chunk_is_a_bad_request(body: bytes) -> None:
    message = Message(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(BadRequest):
        message.feed(bytearray(body))


def test_a_length_past_the_bound_is_refused() -> None:
    Message(HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES)
    message = Message(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))
    with pytest.raises(BodyTooLarge, match="at most 1024 bytes"):
        message.feed(bytearray())


def test_what_lines_mean_is_remembered_with_the_version() -> None:
    lines = b"HTTP/1.1\r\nHost: x\r\nA: remembered\r\n\r\n"
    first, second = Message(b"GET /1 " + lines), Message(b"PUT /2 " + lines)
    assert first.fields is second.fields
    older = Message(b"GET / " + lines.replace(b"1.1", b"1.0"))
    assert (older.fields.version, older.persists_by_itself) == ("HTTP/1.0", False)
    long = lines.replace(b"remembered", b"x" * MAX_KNOWN_BYTES)
    assert Message(b"GET / " + long).fields is not Message(b"GET / " + long).fields
