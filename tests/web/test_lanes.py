"""Both lanes say the same: byte for byte, for whatever clients send, in whatever pieces."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idgen.web import lanes
from idgen.web.message import MAX_KNOWN_BYTES
from tests.web.serving import FIRST, NOW, Lane, Serving, read_to_end, serving

BOTH = (Lane.FAST, Lane.HANDLERS)
_DATE = re.compile(rb"\r\nDate: [^\r]{29}\r\n")


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Serving, Serving]]:
    """A server of each lane, whose clocks the test moves together."""
    with serving(lane=BOTH[0]) as fast, serving(lane=BOTH[1]) as handlers:
        yield fast, handlers


def next_millisecond(pair: tuple[Serving, Serving]) -> None:
    for served in pair:
        served.clock.unix_ms += 1


def said(served: Serving, pieces: list[bytes]) -> bytes:
    """All that is answered to these pieces, with the Date struck out."""
    with served.raw() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place, piece in enumerate(pieces):
            if place:
                time.sleep(0.0005)
            try:
                client.sendall(piece)
            except OSError:
                break  # refused and closed already
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        return _DATE.sub(b"\r\n", read_to_end(client))


ACCEPTS = [
    "",
    "*/*",
    "application/json",
    "application/octet-stream",
    "application/problem+json",
    "text/plain;q=0.5, application/json",
    "application/json;q=0",
    "nonsense",
    "é",
]
TARGETS = [
    *[
        "/",
        "/?",
        "/?n=1",
        "/?n=50",
        "/?n=500",
        "/?n=0",
        "/?n=65537",
        "/?n=",
        "/?n",
        "/?x=1",
        "?n=2",
    ],
    *["/?n=1&n=2", "/?x&n=3", "/?n=%31", "/?n=+1", "/?n=%D9%A3", "/?n=1#f", "/?N=4", "/?n=3&é"],
    *["//", "/%2f", "http://x/?n=2", "/decode/7", "/livez", "/nowhere", "*"],
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("accept", ACCEPTS)
def test_plan_and_handler_give_the_same_bytes(
    pair: tuple[Serving, Serving], target: str, accept: str
) -> None:
    next_millisecond(pair)
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode("latin-1")
    answers = [said(served, [request, request]) for served in pair]
    assert answers[0] == answers[1]
    assert answers[0].count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("back_ms", [0, 5, 3_600_000, 2_000_000_000_000])
def test_plan_and_handler_refuse_with_the_same_bytes(
    pair: tuple[Serving, Serving], accept: str, back_ms: int
) -> None:
    next_millisecond(pair)
    for served in pair:
        served.use_up_this_millisecond()
        served.clock.unix_ms -= back_ms
    requests = [
        f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode("latin-1")
        for target in ("/", "/?n=5", "/")
    ]
    answers = [said(served, [b"".join(requests[:1]), requests[0]]) for served in pair]
    waited = [serve_to_end(served, requests[1]) for served in pair]
    for served in pair:
        served.clock.unix_ms += back_ms
    assert answers[0] == answers[1]
    assert waited[0] == waited[1]
    status = {0: b"500", 5: b"500", 3_600_000: b"500", 2_000_000_000_000: b"503"}[back_ms]
    assert answers[0].startswith(b"HTTP/1.1 " + status)
    assert waited[0].startswith(b"HTTP/1.1 " + status)


def serve_to_end(served: Serving, request: bytes) -> bytes:
    """The answer to one request, which may have to be waited for."""
    closing = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    return _DATE.sub(b"\r\n", served.send_raw(closing))


# A fuzzer: sequences of requests, whole and broken, cut anywhere.

_TOKENS = st.sampled_from(
    [b"GET", b"HEAD", b"POST", b"get", b" ", b"  ", b"/", b"/?n=3", b"/?n=9&x=", b"/decode/12",
     b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"\t", b":",
     b"Host: x", b"Host: y", b"host:x", b"Accept: application/json", b"Accept: */*;q=0",
     b"Connection: close", b"Connection: keep-alive", b"Content-Length: 3", b"Content-Length: 0",
     b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"0\r\n\r\n", b"3\r\nabc\r\n", b"abc",
     b" folded", b"\xff", b"Upgrade: x", b"HTTP://x/"]
)  # fmt: skip
_TARGETS = st.sampled_from([target.encode("latin-1") for target in TARGETS])
_HEADERS = st.lists(
    st.sampled_from(
        [b"Accept: application/json", b"accept: application/octet-stream", b"Connection: close",
         b"Connection: keep-alive", b"X: y", b"Accept: application/problem+json",
         b"Content-Length: 0", b"Connection: Upgrade", b"Upgrade: x",
         b"If-None-Match: *", b"Cookie: a=b; c=d"]
    ),
    max_size=3,
)  # fmt: skip
_WELL_FORMED = st.builds(
    lambda method, target, version, headers: b"\r\n".join(
        [method + b" " + target + b" " + version, b"Host: x", *headers, b"", b""]
    ),
    st.sampled_from([b"GET", b"GET", b"GET", b"GET", b"HEAD", b"POST"]),
    _TARGETS,
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]),
    _HEADERS,
)
_ANYTHING = st.one_of(
    _WELL_FORMED, _WELL_FORMED, _WELL_FORMED, st.lists(_TOKENS, max_size=12).map(b"".join)
)


@given(st.lists(_ANYTHING, min_size=1, max_size=6), st.lists(st.integers(1, 400), max_size=3))
@settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_nothing_that_is_sent_tells_the_lanes_apart(
    pair: tuple[Serving, Serving], requests: list[bytes], cuts: list[int]
) -> None:
    next_millisecond(pair)
    taken = [served.service.ids_taken for served in pair]
    sent = b"".join(requests)
    edges = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    pieces = [sent[a:b] for a, b in pairwise(edges)]
    fast = said(pair[0], pieces)
    assert fast == said(pair[1], [sent])
    taken = [served.service.ids_taken - before for served, before in zip(pair, taken, strict=True)]
    assert taken[0] == taken[1], "nothing is spent on one lane that isn't on the other"
    ids = [int(text) for text in re.findall(rb"(?<![0-9/-])2[0-9]{18}(?![0-9])", fast)]
    assert len(ids) == len(set(ids)), "no ID twice"
    assert b"internal error" not in fast


# The table of plans


@pytest.fixture
def fast() -> Iterator[Serving]:
    with serving() as served:
        yield served


def test_a_plan_is_made_once_and_known_by_the_exact_bytes(fast: Serving) -> None:
    with fast.raw() as client:
        for count, target in [(1, b"/"), (1, b"/"), (2, b"/?n=1"), (3, b"/?n=1&x"), (3, b"/livez")]:
            client.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
            assert len(fast.lanes.known) == count


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * MAX_KNOWN_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\nConnection: close\r\n\r\n",
    ],
    ids=["1.0", "close", "body", "head", "long", "malformed"],
)
def test_requests_that_end_or_need_care_are_never_known(
    fast: Serving, request_bytes: bytes
) -> None:
    with fast.raw() as client:
        client.sendall(request_bytes)
        assert client.recv(65536).startswith(b"HTTP/1.1 ")
    assert not fast.lanes.known


def test_a_variety_of_requests_does_not_grow_the_table(fast: Serving) -> None:
    with fast.raw() as client:
        for start in range(0, 3 * lanes.MAX_KNOWN_REQUESTS, 64):
            client.sendall(
                b"".join(
                    b"GET /?x=%d HTTP/1.1\r\nHost: x\r\nAccept: x/%d\r\n\r\n" % (number, number)
                    for number in range(start, start + 64)
                )
            )
            received = b""
            while received.count(b"HTTP/1.1 200 OK") < 64:
                received += client.recv(1 << 20)
            assert len(fast.lanes.known) <= lanes.MAX_KNOWN_REQUESTS


def test_while_draining_no_plan_is_run_or_made(
    fast: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fast.raw() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(65536).endswith(b"%d" % FIRST)
        fast.begin_drain()
        while not fast.site.draining:
            time.sleep(0.001)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"draining" in read_to_end(client)
    assert not fast.lanes.known
    assert fast.service.ids_taken == 1
    assert fast.service.last_unix_ms == NOW
