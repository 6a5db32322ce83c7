"""Both transports against servers that are right, wrong, slow and gone."""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from idgen.client import over_aiohttp, over_requests
from idgen.client.errors import Outcome
from idgen.client.reply import Failure, Reply
from tests.client.scripted import Play, Scripted, answer, nothing, reset, say
from tests.end_to_end.fleet import free_port

Get = Callable[[str, int, float], Reply | Failure]

ID = struct.pack(">Q", 7)
PATIENCE_S = 20.0
"""Where the time-out isn't the point."""


@pytest.fixture(params=["requests", "aiohttp", "aiohttp on uvloop"])
def get(request: pytest.FixtureRequest) -> Iterator[Get]:
    if request.param == "requests":
        synchronous = over_requests.Transport()
        yield synchronous.get
        synchronous.close()
        return

    async def made() -> over_aiohttp.Transport:
        return over_aiohttp.Transport()

    factory = uvloop.new_event_loop if "uvloop" in request.param else None
    with asyncio.Runner(loop_factory=factory) as runner:
        transport = runner.run(made())

        def get_it(url: str, count: int, timeout_s: float) -> Reply | Failure:
            return runner.run(transport.get(url, count, timeout_s))

        yield get_it
        runner.run(transport.close())


def test_an_answer_is_its_status_and_its_body(get: Get) -> None:
    with Scripted(answer(ID)) as server:
        assert get(f"{server.url}/", 1, PATIENCE_S) == Reply(200, ID)


def test_the_request_asks_for_bytes_and_has_no_more_headers_than_it_needs(get: Get) -> None:
    with Scripted(answer(ID * 2)) as server:
        get(f"{server.url}/base/?n=2", 2, PATIENCE_S)
        line, *headers = server.requests[0].decode().strip().split("\r\n")
    assert line == "GET /base/?n=2 HTTP/1.1"
    fields = dict(header.lower().split(": ", 1) for header in headers)
    assert fields["accept"] == "application/octet-stream"
    assert fields["user-agent"] == "flake-client"
    assert set(fields) <= {"host", "accept", "user-agent", "accept-encoding", "connection"}
    assert fields.get("accept-encoding", "identity") == "identity"


def test_a_connection_is_kept_for_the_next_request(get: Get) -> None:
    plays = [answer(ID), answer(b"oh", "500 Oh"), answer(ID * 9), answer(b"x" * 4095, "503 X")]
    with Scripted(*plays) as server:
        for count in (1, 1, 9, 1, 1, 1):
            get(f"{server.url}/", count, PATIENCE_S)
        assert (len(server.requests), server.connections) == (6, 1)


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used(get: Get) -> None:
    with Scripted(answer(ID)) as server:
        get(f"{server.url}/", 1, PATIENCE_S)
        server.hang_up()
        time.sleep(0.05)
        assert get(f"{server.url}/", 1, PATIENCE_S) == Reply(200, ID)
        assert server.connections == 2


def test_nobody_listening_is_a_refusal(get: Get) -> None:
    failure = get(f"http://127.0.0.1:{free_port()}/", 1, PATIENCE_S)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.REFUSED
    assert "refused" in failure.detail.lower() or "connect" in failure.detail.lower()


def test_a_name_that_nobody_knows_is_a_refusal(get: Get) -> None:
    failure = get("http://nobody.invalid:1/", 1, PATIENCE_S)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.REFUSED
    assert failure.detail


def test_a_server_that_takes_connections_and_says_nothing_times_out(get: Get) -> None:
    with Scripted(nothing) as server:
        assert get(f"{server.url}/", 1, 0.05) == Failure(Outcome.TIMED_OUT)


def test_a_server_whose_backlog_is_full_times_out(get: Get) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        assert get(f"http://127.0.0.1:{port}/", 1, 0.05) == Failure(Outcome.TIMED_OUT)
        for filler in fillers:
            filler.close()


def trickle(body: bytes) -> Play:
    """Byte after byte, each well before any time-out of a single read."""

    def play(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for byte in body:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    return play


def trickle_whole(text: bytes) -> Play:
    def play(connection: socket.socket, _: bytes) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    return play


CONTINUES = b"HTTP/1.1 100 Continue\r\n\r\n" * 100
FIELDS = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100


@pytest.mark.parametrize(
    "play",
    [trickle(ID * 1000), trickle_whole(CONTINUES), trickle_whole(FIELDS)],
    ids=["body", "100 Continue", "head"],
)
def test_an_answer_that_trickles_in_times_out_all_the_same(get: Get, play: Play) -> None:
    with Scripted(play) as server:
        begun_s = time.monotonic()
        assert get(f"{server.url}/", 1000, 0.2) == Failure(Outcome.TIMED_OUT)
        assert time.monotonic() - begun_s < 2, "all of it would take more than ten seconds"
        assert len(server.requests) == 1


@pytest.mark.parametrize("play", [reset, say(b""), say(b"HTTP/1.1 ")])
def test_a_connection_that_ends_before_an_answer_broke_off(get: Get, play: Play) -> None:
    with Scripted(play) as server:
        failure = get(f"{server.url}/", 1, PATIENCE_S)
        assert isinstance(failure, Failure)
        assert failure.outcome is Outcome.BROKE_OFF
        assert failure.detail


def test_what_is_no_http_broke_off(get: Get) -> None:
    with Scripted(say(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as server:
        failure = get(f"{server.url}/", 1, PATIENCE_S)
        assert isinstance(failure, Failure)
        assert failure.outcome is Outcome.BROKE_OFF


def test_a_body_that_is_cut_off_is_no_reply_of_its_length(get: Get) -> None:
    cut = say(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + ID)
    with Scripted(cut, answer(ID)) as server:
        reply = get(f"{server.url}/", 2, PATIENCE_S)
        assert isinstance(reply, Failure) or len(reply.body) == 8
        assert get(f"{server.url}/", 1, PATIENCE_S) == Reply(200, ID)


def test_a_body_without_a_length_is_read_to_its_end(get: Get) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n" + ID + b"\r\n0\r\n\r\n"
    for text in (chunked, b"HTTP/1.1 200 OK\r\n\r\n" + ID):
        with Scripted(say(text)) as server:
            assert get(f"{server.url}/", 1, PATIENCE_S) == Reply(200, ID)


def test_no_more_is_read_of_a_body_than_was_asked_for(get: Get) -> None:
    endless = answer(b"x" * 10_000_000)
    with Scripted(endless, answer(ID)) as server:
        reply = get(f"{server.url}/", 1, PATIENCE_S)
        assert isinstance(reply, Reply)
        assert len(reply.body) == 9
        assert get(f"{server.url}/", 1, PATIENCE_S) == Reply(200, ID)
        assert server.connections == 2


def test_a_redirect_is_not_followed(get: Get) -> None:
    with Scripted(answer(b"", "302 Found", "Location: /elsewhere")) as server:
        assert get(f"{server.url}/", 1, PATIENCE_S) == Reply(302, b"")
        assert len(server.requests) == 1


def test_cookies_are_not_kept(get: Get) -> None:
    with Scripted(answer(ID, "200 OK", "Set-Cookie: a=b")) as server:
        for _ in range(2):
            get(f"{server.url}/", 1, PATIENCE_S)
        assert b"cookie" not in server.requests[1].lower()


def test_a_certificate_that_the_system_trusts_is_needed(
    get: Get, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with Scripted(answer(ID), tls=context) as server:
        failure = get(f"{server.url}/", 1, PATIENCE_S)
        assert isinstance(failure, Failure)
        assert failure.outcome is Outcome.REFUSED
        assert "certificate verify failed" in failure.detail.lower()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    trusting = over_requests.Transport()
    with Scripted(answer(ID), tls=context) as server:
        assert trusting.get(f"{server.url}/", 1, PATIENCE_S) == Reply(200, ID)
    trusting.close()
