import pytest

from idgen.grants.redis.answer import Answer, Reply
from idgen.grants.store import StoreUnavailable

NOW = 1795219200123


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ([b"granted", NOW, 2, 3, 4], Answer("granted", NOW, (2, 3, 4))),
        ([b"lost", NOW], Answer("lost", NOW)),
        ([b"taken", NOW, 5, b"caf\xe9"], Answer("taken", NOW, (5,), (r"caf\xe9",))),
        ([b"broken", NOW, b"key", b"why\n"], Answer("broken", NOW, (), ("key", r"why\n"))),
    ],
)
def test_a_reply_of_the_script_is_taken_apart(reply: Reply, answer: Answer) -> None:
    assert Answer.parse(reply) == answer


@pytest.mark.parametrize(
    "reply",
    [
        b"OK",
        1,
        None,
        [],
        [b"granted", 1],
        [b"granted", NOW, 2, 3, b"4"],
        [b"granted", NOW, 2, 3, 4, 5],
        [b"foo", 1],
        [b"lost", b"now"],
        [b"pinned", NOW, None],
        ["lost", NOW],
    ],
)
def test_any_other_reply_is_trouble_that_passes(reply: Reply) -> None:
    with pytest.raises(StoreUnavailable, match=r"^Redis answers .*, which grants.lua never does$"):
        Answer.parse(reply)


def test_a_reply_that_is_long_is_cut() -> None:
    with pytest.raises(StoreUnavailable) as raised:
        Answer.parse(b"x" * 1_000_000)
    assert len(str(raised.value)) < 150
