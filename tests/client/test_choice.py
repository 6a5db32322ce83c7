import random
from collections import Counter

import pytest

from idgen.client.choice import FIRST_BACK_S, LONGEST_BACK_S, Choice

SERVERS = ["a", "b", "c"]
NOW = 1000.0


def choice(*chances: float) -> Choice:
    """Chances are given to the servers in good order, as they are named."""
    given = iter(chances)
    return Choice(SERVERS, lambda: next(given))


@pytest.mark.parametrize(
    ("chances", "order"),
    [((0.1, 0.2, 0.3), "abc"), ((0.3, 0.1, 0.2), "bca"), ((0.2, 0.9, 0.1), "cab")],
)
def test_chance_orders_the_servers(chances: tuple[float, ...], order: str) -> None:
    assert choice(*chances).order(NOW) == list(order)


def test_each_server_comes_first_as_often_as_another() -> None:
    some = Choice(SERVERS, random.Random(0).random)
    firsts = Counter(some.order(NOW)[0] for _ in range(3000))
    assert all(900 < firsts[server] < 1100 for server in SERVERS)


def test_a_server_that_failed_is_last_for_a_while_and_then_in_its_turn_again() -> None:
    some = choice(*[0.1, 0.2] * 2, 0.1, 0.2, 0.3)
    some.failed("a", NOW, NOW)
    assert some.order(NOW) == ["b", "c", "a"]
    assert some.order(NOW + FIRST_BACK_S - 0.001) == ["b", "c", "a"]
    assert some.order(NOW + FIRST_BACK_S) == ["a", "b", "c"]
    assert some.has_failed("a")


def test_it_stays_at_the_back_twice_as_long_each_time_up_to_a_bound() -> None:
    some = Choice(["a"], random.random)
    now_s, backs = NOW, []
    for _ in range(10):
        some.failed("a", now_s, now_s)
        backs.append(round(some._servers["a"].back_until_s - now_s, 6))
        now_s += backs[-1]
    assert backs[:4] == [0.1, 0.2, 0.4, 0.8]
    assert backs[-1] == LONGEST_BACK_S


def test_one_failure_of_calls_that_were_under_way_together_counts_once() -> None:
    some = Choice(SERVERS, random.random)
    for late_s in range(50):
        some.failed("a", NOW - 0.01, NOW + late_s / 1000)
    assert some._servers["a"].failures == 1
    some.failed("a", NOW + 1, NOW + 1)
    assert some._servers["a"].failures == 2


def test_an_answer_makes_good_for_all_failures() -> None:
    some = choice(0.3, 0.2, 0.1)
    for _ in range(5):
        some.failed("c", NOW, NOW)
    some.worked("c")
    assert not some.has_failed("c")
    assert some.order(NOW) == ["c", "b", "a"]


def test_of_servers_that_all_failed_the_least_bad_comes_first() -> None:
    some = choice()
    for server, times in (("a", 3), ("b", 1), ("c", 2)):
        for number in range(times):
            some.failed(server, NOW + number, NOW + number)
    assert some.order(NOW) == ["b", "c", "a"]


def test_of_servers_that_failed_as_often_the_first_to_come_back_comes_first() -> None:
    some = choice()
    for late_s, server in enumerate("cab"):
        some.failed(server, NOW + late_s / 1000, NOW + late_s / 1000)
    assert some.order(NOW) == ["c", "a", "b"]


def test_one_call_tries_a_server_again_while_the_others_keep_away() -> None:
    some = choice(0.1, 0.2, 0.3, 0.2, 0.3)
    some.failed("a", NOW, NOW)
    back_s = NOW + FIRST_BACK_S
    assert some.order(back_s)[0] == "a"
    some.asked("a", back_s)
    assert some.order(back_s) == ["b", "c", "a"]


def test_no_call_tries_more_than_one_server_that_may_still_be_dead() -> None:
    some = choice(0.9, 0.1)
    for late_s, server in enumerate("ba"):
        some.failed(server, NOW + late_s / 1000, NOW + late_s / 1000)
    long_after_s = NOW + 60
    assert some.order(long_after_s) == ["c", "b", "a"], "b, which has been at the back longest"


def test_asking_a_server_in_good_order_keeps_nobody_away() -> None:
    some = choice(0.1, 0.2, 0.3)
    some.asked("a", NOW)
    assert some.order(NOW)[0] == "a"
