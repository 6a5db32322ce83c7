"""Connections, byte by byte: framing, order, back-pressure, time, and how they end."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from idgen.generator import BATCH_IDS_PER_MS
from idgen.web import connection
from tests.web.serving import FIRST, NOW, Lane, Serving, read_to_end

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def bodies(received: bytes) -> list[bytes]:
    """The bodies of responses, each of which states its length."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(rest[:length])
        received = rest[length:]
    return found


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


# Framing


@pytest.mark.parametrize("request_bytes", [LAST, LAST.replace(b"/ ", b"/?n=2 "),
    b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n",
])  # fmt: skip
def test_a_request_may_arrive_in_two_pieces_cut_anywhere(
    served: Serving, request_bytes: bytes
) -> None:
    whole = bodies(served.send_raw(request_bytes))
    for cut in range(1, len(request_bytes)):
        with served.raw() as client:
            client.sendall(request_bytes[:cut])
            time.sleep(0.001)
            client.sendall(request_bytes[cut:])
            pieces = bodies(read_to_end(client))
        assert len(pieces) == len(whole) == 1
        assert pieces == whole or int(pieces[0].split()[0]) > int(whole[0].split()[0])


def test_a_request_may_arrive_byte_by_byte(served: Serving) -> None:
    with served.raw() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GET + LAST:
            client.sendall(bytes([byte]))
        assert bodies(read_to_end(client)) == [b"%d" % FIRST, b"%d" % (FIRST + 1)]


def test_pipelined_requests_are_answered_in_order(served: Serving) -> None:
    many = [b"/decode/%d" % n if n % 3 else b"/?n=%d" % (n % 7 + 1) for n in range(200)]
    requests = [b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target for target in many]
    found = bodies(served.send_raw(b"".join([*requests, LAST])))
    assert len(found) == 201
    next_id = FIRST
    for target, body in zip([*many, b"/"], found, strict=True):
        if target.startswith(b"/decode/"):
            assert body.startswith(b'{"id":"%b"' % target.removeprefix(b"/decode/"))
        else:
            ids = [int(line) for line in body.split(b"\n")]
            assert ids == list(range(next_id, next_id + len(ids)))
            next_id += len(ids)


def test_thousands_of_pipelined_requests_in_one_go_lose_no_answer(served: Serving) -> None:
    count = 3000
    with served.raw() as client:
        client.sendall(GET * count + LAST)
        found = bodies(read_to_end(client))
    assert found == [b"%d" % (FIRST + place) for place in range(count + 1)]


def test_empty_lines_before_a_request_are_passed_over(served: Serving) -> None:
    assert bodies(served.send_raw(b"\r\n\r\n" + GET + b"\r\n" + LAST)) == [
        b"%d" % FIRST,
        b"%d" % (FIRST + 1),
    ]


@pytest.mark.parametrize("header", [b"accept: application/json", b"ACCEPT:application/json"])
def test_header_names_have_no_case(served: Serving, header: bytes) -> None:
    request = LAST.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\n").replace(b"Host", b"host")
    assert bodies(served.send_raw(request)) == [b'{"id":"%d"}' % FIRST]


def test_several_accept_headers_count_as_one(served: Serving) -> None:
    request = LAST.replace(
        b"\r\n\r\n", b"\r\nAccept: text/plain;q=0.1\r\nAccept: application/json\r\n\r\n"
    )
    assert bodies(served.send_raw(request)) == [b'{"id":"%d"}' % FIRST]


def test_the_absolute_form_of_a_target_is_taken(served: Serving) -> None:
    for target, body in [
        (b"http://x/", b"%d" % FIRST),
        (b"HTTP://x:80?n=2", b"%d\n%d" % (FIRST + 1, FIRST + 2)),
        (b"https://x", b"%d" % (FIRST + 3)),
        (b"http://x/livez", b"alive"),
    ]:
        assert bodies(served.send_raw(LAST.replace(b"/ ", target + b" ", 1))) == [body]


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"", b""),
        (b"Content-Length: 3\r\n", b"GET"),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nGET\r\n0\r\n\r\n"),
    ],
    ids=["no body", "length", "chunked"],
)
def test_an_upgrade_that_is_not_offered_is_passed_over(
    served: Serving, framing: bytes, body: bytes
) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    request = head + framing + b"\r\n" + body
    assert bodies(served.send_raw(request + LAST)) == [b"%d" % FIRST, b"%d" % (FIRST + 1)]


# Bodies


def test_a_body_on_a_get_is_read_and_passed_over(served: Serving) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n"
    requests = [
        head + b"Content-Length: 5\r\n\r\nGET /",
        head + b"Content-Length: 0\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n",
        LAST,
    ]
    assert bodies(served.send_raw(b"".join(requests))) == [
        b"%d" % (FIRST + place) for place in range(4)
    ]


def test_a_client_that_waits_to_send_its_body_is_told_to_go_on(served: Serving) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with served.raw() as client:
        client.sendall(head)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ab")
        time.sleep(0.01)
        client.sendall(b"c" + LAST)
        assert bodies(read_to_end(client)) == [b"%d" % FIRST, b"%d" % (FIRST + 1)]


def test_a_client_that_does_not_wait_is_told_nothing(served: Serving) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    assert bodies(served.send_raw(head + b"abc" + LAST))[0] == b"%d" % FIRST


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 1025\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n401\r\n" + b"x" * 1025 + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1;%b\r\nx\r\n" % (b"e" * 1000) * 9,
    ],
    ids=["length", "no int64", "chunked", "chunk extensions"],
)
def test_a_body_past_the_bound_is_refused_without_being_read(
    served: Serving, framing: bytes
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
    received = served.send_raw(head + framing)
    assert received.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
    assert b"\r\nConnection: close\r\n" in received
    assert (b"application/problem+json" in received) == received.startswith(b"HTTP/1.1 413 ")


# HTTP/1.0, and who closes


def test_http_1_0_closes_unless_it_is_asked_not_to(served: Serving) -> None:
    received = served.send_raw(b"GET / HTTP/1.0\r\n\r\n" + GET)
    assert bodies(received) == [b"%d" % FIRST]
    assert b"\r\nConnection: close\r\n" in received
    kept = served.send_raw(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + LAST)
    assert len(bodies(kept)) == 2
    assert b"\r\nConnection: keep-alive\r\n" in kept.partition(b"\r\n\r\n")[0]


def test_what_follows_a_close_is_not_answered(served: Serving) -> None:
    assert bodies(served.send_raw(LAST + GET * 100)) == [b"%d" % FIRST]
    assert served.service.ids_taken == 1


@pytest.mark.parametrize(
    ("request_bytes", "start"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (LAST, b"HTTP/1.1 200 OK"),
        (LAST.replace(b"/ ", b"/livez "), b"HTTP/1.1 200 OK"),
        (LAST.replace(b"/ ", b"/?n=20000 "), b"HTTP/1.1 200 OK"),
    ],
    ids=["refused", "single", "handler", "batch"],
)
def test_the_last_answer_is_heard_whole_even_by_a_client_that_sends_on(
    served: Serving, request_bytes: bytes, start: bytes
) -> None:
    served.clock_runs()
    begun_s = time.monotonic()
    with served.raw() as client:
        client.sendall(request_bytes)
        received = b""
        with suppress(OSError):
            for _ in range(300):
                client.sendall(b"x" * 65536)
        received = read_to_end(client)
    assert received.startswith(start)
    assert len(bodies(received)) == 1
    assert time.monotonic() - begun_s < connection.SEND_TIMEOUT_S / 2


def test_a_client_that_half_closes_and_never_reads_is_cut_off(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SEND_TIMEOUT_S", 0.3)
    served.clock_runs()
    with served.raw() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = GET.replace(b"/ ", b"/?n=2000 ")
        until(lambda: bool(served.server._connections))
        (stuck,) = served.server._connections
        while not 0 < stuck._transport.get_write_buffer_size() < 65536:
            client.sendall(request)
            time.sleep(0.01)
        client.shutdown(socket.SHUT_WR)
        until(lambda: not served.server._connections)


def test_an_exception_of_tornados_is_an_answer_and_costs_no_connection(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("idgen.web.exchange.HTTPHeaders", broken)
    singles = connection.PIPELINED_PER_TURN + 1 if served.lane is Lane.FAST else 0
    for before in (b"", GET * singles):
        received = served.send_raw(before + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert bodies(received)[-1] == b"internal error"
        assert len(bodies(received)) == before.count(b"GET") + 1
    until(lambda: not served.server._connections)


@pytest.mark.parametrize("digits", [19, 20, 4301])
def test_a_length_is_a_number_of_bounded_digits(served: Serving, digits: int) -> None:
    request = LAST.replace(b"\r\n\r\n", b"\r\nContent-Length: " + b"0" * digits + b"\r\n\r\n")
    status = b"200" if digits == 19 else b"400"
    assert served.send_raw(request).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_parameters_are_bounded_on_every_route(served: Serving, method: bytes) -> None:
    for target in (b"/?n=1", b"/livez?x"):
        for more, status in ((999, b"200"), (1000, b"400")):
            query = target + b"&a" * more
            request = LAST.replace(b"GET / ", method + b" " + query + b" ")
            assert served.send_raw(request).startswith(b"HTTP/1.1 " + status)


def test_a_body_is_passed_over_whatever_it_claims_to_be(served: Serving) -> None:
    for target in (b"/ ", b"/livez "):
        for kind in (b'multipart/form-data; boundary="', b"application/x-www-form-urlencoded"):
            lines = b"\r\nContent-Length: 3\r\nContent-Type: " + kind + b"\r\n\r\n%zz"
            request = LAST.replace(b"/ ", target).replace(b"\r\n\r\n", lines)
            assert served.send_raw(request).startswith(b"HTTP/1.1 200 ")


def test_a_host_no_name_can_have_is_refused(served: Serving) -> None:
    for target in (b"/", b"/livez"):
        request = LAST.replace(b"x", b"x:" + b"9" * 5000).replace(b"/ ", target + b" ", 1)
        assert served.send_raw(request).startswith(b"HTTP/1.1 400 Bad Request")


def test_a_half_closed_client_gets_every_answer_that_is_not_waited_for(served: Serving) -> None:
    with served.raw() as client:
        client.sendall(
            GET * 3 + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + GET.replace(b"/ ", b"/?n=9 ")
        )
        client.shutdown(socket.SHUT_WR)
        found = bodies(read_to_end(client))
    assert found[:4] == [b"%d" % FIRST, b"%d" % (FIRST + 1), b"%d" % (FIRST + 2), b"alive"]
    assert len(found[4].split(b"\n")) == 9


def test_a_half_closed_client_that_pipelined_many_requests_loses_no_answer(
    served: Serving,
) -> None:
    with served.raw() as client:
        client.sendall(GET * 1000)
        client.shutdown(socket.SHUT_WR)
        assert bodies(read_to_end(client)) == [b"%d" % (FIRST + place) for place in range(1000)]


def test_a_half_closed_client_in_the_middle_of_a_request_is_let_go(served: Serving) -> None:
    with served.raw() as client:
        client.sendall(GET + GET[:-2])
        client.shutdown(socket.SHUT_WR)
        assert bodies(read_to_end(client)) == [b"%d" % FIRST]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("more", [b"", GET], ids=["alone", "pipelined"])
@pytest.mark.parametrize("reset", [True, False])
def test_a_batch_whose_client_has_gone_leaves_the_queue(
    served: Serving, more: bytes, reset: bool
) -> None:
    with served.raw() as client:
        client.sendall(GET.replace(b"/ ", b"/?n=65536 ") + more)
        until(lambda: served.service.ids_taken == BATCH_IDS_PER_MS)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until(lambda: not served.server._connections)
    served.clock.unix_ms = NOW + 1
    assert served.get("/?n=1").text == str(FIRST + (1 << 22))
    assert served.service.ids_taken == BATCH_IDS_PER_MS + 1
    assert served.service.errors.total() == 0


# Back-pressure


def test_a_client_that_never_reads_stops_being_answered_and_is_cut_off(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SEND_TIMEOUT_S", 0.5)
    served.clock_runs()
    with served.raw() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0.2)
        request = GET.replace(b"/ ", b"/?n=4000 ")
        with suppress(OSError):  # a time-out while it is full, a reset once it is cut off
            while True:
                client.sendall(request * 1000)
        until(lambda: not served.server._connections)
    taken = served.service.ids_taken
    assert taken < 4000 * 500, "a few hundred answers fill the kernel's buffers"
    time.sleep(0.05)
    assert served.service.ids_taken == taken


def test_a_slow_reader_gets_everything(served: Serving) -> None:
    served.clock_runs()
    with served.raw() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(GET.replace(b"/ ", b"/?n=20000 ") * 4 + LAST)
        time.sleep(0.3)
        found = bodies(read_to_end(client))
    assert [len(body.split(b"\n")) for body in found] == [20_000] * 4 + [1]
    ids = [int(line) for body in found for line in body.split(b"\n")]
    assert ids == sorted(set(ids))


# Time


def test_a_head_that_takes_too_long_is_cut_off_but_an_idle_connection_is_not(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT_S", 0.2)
    with served.raw() as slow, served.raw() as idle:
        slow.sendall(GET[:10])
        assert read_to_end(slow) == b""
        idle.sendall(GET)
        assert idle.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_a_body_that_takes_too_long_is_cut_off(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT_S", 0.2)
    with served.raw() as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert read_to_end(slow) == b""


def test_the_clock_of_a_head_starts_anew_with_each_request(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT_S", 1.0)
    with served.raw() as client:
        for _ in range(3):
            client.sendall(GET[:10])
            time.sleep(0.4)
            client.sendall(GET[10:])
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_a_head_that_began_with_the_request_before_is_cut_off_too(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT_S", 0.2)
    with served.raw() as client:
        client.sendall(GET + GET[:10])
        assert read_to_end(client).count(b"HTTP/1.1 200 OK") == 1


def test_an_idle_connection_is_closed_after_its_time_and_a_busy_one_is_not(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_TIMEOUT_S", 1.0)
    with served.raw() as idle, served.raw() as busy:
        for _ in range(6):
            busy.sendall(GET)
            assert busy.recv(65536).startswith(b"HTTP/1.1 200 OK")
            time.sleep(0.4)
        idle.settimeout(5)
        assert idle.recv(1) == b""
        busy.settimeout(5)
        assert busy.recv(1) == b""


def test_an_error_of_our_own_does_not_cost_the_connection(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(served.service, "next_id", lambda: 1 / 0)
        request = b"GET / HTTP/1.1\r\nHost: y\r\n\r\n"  # not one that has a plan already
        with served.raw() as client:
            client.sendall(request + LAST.replace(b"/ ", b"/livez "))
            received = read_to_end(client)
    assert received.startswith(b"HTTP/1.1 500 Internal Server Error")
    assert bodies(received) == [b"internal error", b"alive"]
