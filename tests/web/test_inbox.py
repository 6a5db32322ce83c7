import pytest

from idgen.errors import BadRequest, HeadTooLarge
from idgen.web.inbox import MAX_HEAD_BYTES, Inbox
from idgen.web.message import Message

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def filled(data: bytes) -> Inbox:
    inbox = Inbox()
    inbox.add(data)
    return inbox


def no_plan(head: bytes) -> None:
    """Nothing is known."""


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_requests_come_out_whole_and_in_order(step: int) -> None:
    post = b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nGET"
    sent, inbox, targets = GET + b"\r\n" + post + GET, Inbox(), []
    for start in range(0, len(sent), step):
        inbox.add(sent[start : start + step])
        while request := inbox.take(no_plan):
            assert isinstance(request, Message)
            targets.append((request.method, request.target, request.body))
    assert targets == [("GET", "/", b""), ("POST", "/2", b"GET"), ("GET", "/", b"")]
    assert not inbox.begun


def test_a_head_that_is_known_is_its_plan() -> None:
    def plan(peer: str) -> bytes:
        return b""

    inbox = filled(GET * 2 + GET[:5])
    for _ in range(2):
        assert inbox.take({GET: plan}.get) is plan
    assert inbox.take({GET: plan}.get) is None
    assert len(inbox) == 5


def test_a_client_that_waits_is_told_to_go_on_once() -> None:
    inbox = filled(
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n")
    )
    assert inbox.take(no_plan) is None
    assert inbox.begun
    assert [inbox.asks_to_go_on(), inbox.asks_to_go_on()] == [True, False]
    inbox.add(b"x")
    assert isinstance(inbox.take(no_plan), Message)


def test_the_bound_of_a_head_holds_to_the_byte() -> None:
    padding = MAX_HEAD_BYTES - len(GET + b"A: \r\n")
    longest = GET[:-2] + b"A: " + b"a" * padding + b"\r\n\r\n"
    assert len(longest) == MAX_HEAD_BYTES
    assert isinstance(filled(longest).take(no_plan), Message)
    assert filled(longest[:-1]).take(no_plan) is None
    for data in (longest.replace(b"A: ", b"A: a"), b"a" * MAX_HEAD_BYTES):
        with pytest.raises(HeadTooLarge, match="at most 8192 bytes"):
            filled(data).take(no_plan)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: x\n\r\n"])
def test_a_bare_line_feed_is_refused_as_soon_as_it_is_seen(data: bytes) -> None:
    with pytest.raises(BadRequest, match="CR LF"):
        filled(data).take(no_plan)
