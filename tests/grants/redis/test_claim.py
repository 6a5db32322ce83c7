from itertools import count

import pytest

from idgen.grant import Grant
from idgen.grants.redis.answer import Answer
from idgen.grants.redis.claim import GRANT_MS, MAX_SKEW_MS, QUARANTINE_MS, Claim
from idgen.grants.store import StoreUnavailable, TokenLost
from tests.grants.stores import claim

NOW = 1795219200123
GRANTED = Answer("granted", NOW, (0, NOW, NOW + 10_000))


def new_claim() -> Claim:
    tokens = (f"t{number}" for number in count())
    return claim(draw_token=lambda: next(tokens))


def tokens(question_arguments: list[str | int]) -> list[str | int]:
    """The token, and what stands behind it."""
    return question_arguments[7:]


def test_a_question_that_is_asked_again_names_the_same_tokens() -> None:
    process = new_claim()
    assert tokens(process.ask_to_acquire(NOW).arguments)[0] == "t0"
    assert tokens(process.ask_to_acquire(NOW + 1).arguments)[0] == "t0"
    process.hear_acquired(GRANTED, NOW)
    assert tokens(process.ask_to_extend(NOW).arguments) == ["t0", "t1"]
    assert tokens(process.ask_to_extend(NOW + 1).arguments) == ["t0", "t1"]


def test_the_successor_takes_the_place_of_the_token_once_that_is_answered() -> None:
    process = new_claim()
    process.hear_acquired(GRANTED, NOW)
    assert process.hear_extended(GRANTED) == Grant(7, NOW, NOW + 10_000)
    assert tokens(process.ask_to_extend(NOW).arguments) == ["t1", "t2"]
    assert tokens(process.ask_to_release(NOW, NOW + 5).arguments) == ["t1", "t2", NOW + 5]
    assert tokens(process.ask_to_release(NOW, None).arguments) == ["t1", "t2", -1]


def test_a_token_that_is_lost_is_never_named_again() -> None:
    process = new_claim()
    process.hear_acquired(GRANTED, NOW)
    with pytest.raises(TokenLost):
        process.hear_extended(Answer("lost", NOW))
    assert process.grant is None
    assert tokens(process.ask_to_acquire(NOW).arguments)[0] == "t2"


def test_a_refusal_that_passes_leaves_the_claim_as_it_was() -> None:
    process = new_claim()
    with pytest.raises(StoreUnavailable) as taken:
        process.hear_acquired(Answer("taken", NOW, (NOW + 5,), ("host=x",)), NOW)
    assert taken.value.reason == "taken"
    process.hear_acquired(GRANTED, NOW)
    before = process.ask_to_extend(NOW)
    with pytest.raises(StoreUnavailable) as skewed:
        process.hear_extended(Answer("skewed", NOW))
    assert skewed.value.reason == "skewed"
    assert process.ask_to_extend(NOW) == before


def test_a_question_names_the_pin_and_each_worker_id_s_key() -> None:
    question = claim("eu", range(2, 4)).ask_to_acquire(NOW)
    assert question.keys == ["eu:pin", "eu:worker:2", "eu:worker:3"]
    assert question.arguments[:3] == ["acquire", NOW, "layout=41.10.12 epoch=1259193600000"]


def test_an_answer_to_something_else_changes_nothing() -> None:
    process = new_claim()
    with pytest.raises(StoreUnavailable, match=r"^Redis answers 'released' where"):
        process.hear_acquired(Answer("released", NOW), NOW)
    process.hear_acquired(GRANTED, NOW)
    before = process.ask_to_extend(NOW)
    with pytest.raises(StoreUnavailable, match=r"^Redis answers 'released' where"):
        process.hear_extended(Answer("released", NOW))
    assert process.ask_to_extend(NOW) == before


def test_the_quarantine_outlasts_a_lost_grant_by_three_skews() -> None:
    assert (GRANT_MS, MAX_SKEW_MS, QUARANTINE_MS) == (10_000, 1000, 13_000)


@pytest.mark.parametrize("late_ms", [-MAX_SKEW_MS - 1, MAX_SKEW_MS + 1])
def test_a_grant_that_is_heard_of_at_quite_another_time_is_let_go(late_ms: int) -> None:
    """Its question was long on its way, and Redis as far behind, so the skew showed nowhere."""
    process = new_claim()
    with pytest.raises(StoreUnavailable, match=r"^this clock is more than 1000 ms from Redis's"):
        process.hear_acquired(GRANTED, NOW + late_ms)
    assert process.grant is None
    assert tokens(process.ask_to_acquire(NOW).arguments)[0] == "t2"
