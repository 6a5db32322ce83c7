import pytest

from idgen.client.budget import EARNED_BY_A_CALL, MAX_RETRIES, RetryBudget


def spent() -> RetryBudget:
    budget = RetryBudget()
    for _ in range(MAX_RETRIES):
        budget.spend()
    return budget


def test_a_burst_of_retries_is_bounded() -> None:
    assert RetryBudget().has_some
    assert not spent().has_some


def test_one_call_in_ten_can_be_retried_in_the_long_run() -> None:
    budget = spent()
    retries = 0
    for _ in range(1000):
        budget.earn()
        if budget.has_some:
            budget.spend()
            retries += 1
    assert retries == pytest.approx(1000 * EARNED_BY_A_CALL, abs=1)


def test_no_more_can_be_earned_than_was_there_at_first() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.earn()
    for _ in range(MAX_RETRIES):
        budget.spend()
    assert not budget.has_some
