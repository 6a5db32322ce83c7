import struct

import pytest

from idgen.client.errors import Outcome
from idgen.client.reply import Failure, Reply, ids_of, room, target, words
from idgen.layout import MAX_ID


def test_one_id_and_many_have_their_targets() -> None:
    assert (target(1), target(500)) == ("/", "/?n=500")


def test_the_ids_are_read_in_their_order() -> None:
    assert ids_of(Reply(200, struct.pack(">3Q", 5, 6, MAX_ID)), 3) == [5, 6, MAX_ID]


@pytest.mark.parametrize(
    ("status", "body", "outcome", "detail"),
    [
        (500, b"sequence overflow: \n x", Outcome.FAILED, "500 sequence overflow: x"),
        (503, b"", Outcome.FAILED, "503"),
        (404, b"not found", Outcome.FAILED, "404 not found"),
        (302, b"\xff\x00", Outcome.FAILED, "302 �\x00"),
        (200, b"", Outcome.STRANGE, "0 bytes in place of 16"),
        (200, b"x" * 15, Outcome.STRANGE, "15 bytes in place of 16"),
        (200, b"x" * 17, Outcome.STRANGE, "more than 16 bytes in place of 16"),
        (200, b"\x80" + b"\0" * 15, Outcome.STRANGE, "a number with its top bit set"),
    ],
)
def test_anything_else_is_a_failure_that_says_what_came(
    status: int, body: bytes, outcome: Outcome, detail: str
) -> None:
    assert ids_of(Reply(status, body), 2) == Failure(outcome, detail)


def test_no_more_is_read_of_an_answer_than_shows_that_it_is_too_long() -> None:
    assert room(200, 3) == 25
    assert room(500, 3) == room(500, 65_536) == 4096


def test_a_servers_words_are_cut() -> None:
    assert words(Reply(500, b"x" * 4096)) == "x" * 200 + "…"
