"""The server's bounds and its drain."""

import subprocess
import sys
import time

import pytest

from idgen import limits
from idgen.generator import BATCH_IDS_PER_MS
from idgen.web import connection, inbox, message, server
from tests.web.serving import FIRST, NOW, Serving, exchange, read_to_end

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_connections_stay_open_and_take_pipelined_requests(served: Serving) -> None:
    with served.raw() as client:
        client.sendall(GET * 3 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received = read_to_end(client)
    assert received.count(b"HTTP/1.1 200 OK") == 4
    assert [received.count(b"%d" % (FIRST + place)) for place in range(4)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 9000, 431),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_malformed_bytes_get_an_answer_and_a_close(
    served: Serving, request_bytes: bytes, status: int
) -> None:
    received = served.send_raw(request_bytes)
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert served.service.ids_taken == 0


def test_a_head_just_under_8_kib_and_a_small_body_are_served(served: Serving) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\nConnection: close\r\nA: "
    padding = b"a" * (inbox.MAX_HEAD_BYTES - len(head) - 4)
    received = served.send_raw(head + padding + b"\r\n\r\n" + b"b" * 1024)
    assert received.startswith(b"HTTP/1.1 200 OK")


def test_the_bounds_are_those_of_the_contract() -> None:
    assert inbox.MAX_HEAD_BYTES == 8 * 1024
    assert message.MAX_BODY_BYTES == 1024
    assert (connection.REQUEST_TIMEOUT_S, connection.IDLE_TIMEOUT_S) == (5, 75)
    assert server.DRAIN_LINGER_S < server.DRAIN_LIMIT_S < 5
    assert (limits.MAX_BATCH_IDS, limits.MAX_BATCH_WAIT_MS) == (65_536, 100)
    assert server.MAX_CONNECTIONS > 10_000
    assert server.LISTEN_BACKLOG >= 512


def test_connections_past_the_bound_are_closed_at_once_and_the_rest_is_served(
    served: Serving,
) -> None:
    served.server._max_connections = 2
    with served.raw() as first, served.raw() as second:
        for client in (first, second):
            client.sendall(GET)
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
        with served.raw() as third:
            assert third.recv(1) == b""
        first.close()
        second.sendall(GET)
        assert second.recv(65536).startswith(b"HTTP/1.1 200 OK")
        while True:  # until the close has been seen
            with served.raw() as fourth:
                fourth.sendall(GET)
                if read := fourth.recv(65536):
                    assert read.startswith(b"HTTP/1.1 200 OK")
                    break


def test_the_soft_limit_of_files_is_raised_and_bounds_the_connections() -> None:
    script = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (100, 200));"
        "from idgen.web.server import _raise_file_limit;"
        "print(_raise_file_limit(), r.getrlimit(r.RLIMIT_NOFILE))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "200 (200, 200)"


def test_a_drain_refuses_on_open_connections_and_takes_no_new_ones(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DRAIN_LINGER_S", 30.0)
    monkeypatch.setattr(server, "DRAIN_LIMIT_S", 30.0)
    with (
        served.connection() as first,
        served.connection() as second,
        served.connection() as third,
    ):
        for connection in (first, second, third):
            assert exchange(connection, "/").status == 200
        served.begin_drain()
        _until_refusing_connections(served)
        refused = [(first, "GET", "/"), (second, "GET", "/readyz"), (third, "POST", "/")]
        for connection, method, target in refused:
            response = exchange(connection, target, method=method)
            assert response.status == 503
            assert response.headers["Connection"] == "close"
            assert response.headers["Retry-After"] == "1"
            assert response.text == "draining: this process is about to stop"
            assert connection.sock is None, "http.client closes, as it was told"


def test_a_drain_closes_a_connection_once_it_has_refused_on_it(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DRAIN_LINGER_S", 30.0)
    monkeypatch.setattr(server, "DRAIN_LIMIT_S", 30.0)
    with served.raw() as client:
        client.sendall(GET)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
        served.begin_drain()
        _until_refusing_connections(served)
        client.sendall(GET * 3)
        assert read_to_end(client).count(b"HTTP/1.1 503 ") == 1


@pytest.mark.usefixtures("patient")
def test_a_drain_lets_waiting_batches_finish(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DRAIN_LIMIT_S", 30.0)
    with served.raw() as client:
        client.sendall(f"GET /?n={BATCH_IDS_PER_MS + 1} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while served.service.ids_taken < BATCH_IDS_PER_MS:
            time.sleep(0.001)
        served.begin_drain()
        _until_refusing_connections(served)
        served.clock.unix_ms = NOW + 1
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\nConnection: close" in head
    assert len(body.split(b"\n")) == BATCH_IDS_PER_MS + 1


def test_a_drain_closes_idle_connections_after_a_second(
    served: Serving,
) -> None:
    with served.raw() as idle:
        idle.sendall(GET)
        idle.recv(65536)
        begun_s = time.monotonic()
        served.begin_drain()
        assert idle.recv(1) == b""
        assert time.monotonic() - begun_s >= server.DRAIN_LINGER_S * 0.9


def _until_refusing_connections(served: Serving) -> None:
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        try:
            served.raw().close()
        except (ConnectionRefusedError, ConnectionResetError):
            return
        time.sleep(0.002)
    raise AssertionError("still accepting")
