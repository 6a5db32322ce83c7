from http import HTTPStatus

import pytest

from idgen.web import answers, wire
from idgen.web.wire import Wire, with_connection


@pytest.fixture
def dates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each rendering of a Date takes the next of these."""
    made = [f"day {number}" for number in range(9, 0, -1)]
    monkeypatch.setattr(wire, "formatdate", lambda usegmt: made.pop())
    return made


def test_a_response_has_its_headers_in_tornados_order(dates: list[str]) -> None:
    assert Wire().render(answers.text("hé")) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nDate: day 1\r\n"
        b"Cache-Control: no-store\r\nContent-Length: 3\r\n\r\nh\xc3\xa9"
    )


def test_headers_of_an_answer_stand_before_the_length(dates: list[str]) -> None:
    answer = answers.refusal(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "draining", "")
    end = b"no-store\r\nRetry-After: 1\r\nContent-Length: 8\r\n\r\ndraining"
    assert Wire().render(answer).endswith(end)


def test_a_head_is_rendered_once_a_second(dates: list[str]) -> None:
    rendered = Wire()
    first = rendered.render(answers.text("a"))
    assert rendered.render(answers.text("b")) == first[:-1] + b"b"
    assert b"day 1" in first
    rendered.tick()
    assert b"day 2" in rendered.render(answers.text("a"))


def test_heads_of_a_kind_are_shared_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_LENGTHS", 2)
    rendered = Wire()
    heads = rendered.heads(200, answers.TEXT_TYPE)
    assert heads is rendered.heads(200, answers.TEXT_TYPE)
    assert heads is not rendered.heads(500, answers.TEXT_TYPE)
    for length in (1, 2, 3):
        assert b"Content-Length: %d\r\n" % length in heads[length]
    assert len(heads) == 1


def test_a_connection_header_comes_after_the_status_line_and_nowhere_else() -> None:
    response = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n"
    assert with_connection(response, "close") == (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nA: b\r\n\r\nbody\r\n"
    )
