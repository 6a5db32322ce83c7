"""Calls as tables: what each server answers, and who is asked, for how long, with what result."""

import itertools
import struct

import pytest

from idgen.client.budget import MAX_RETRIES
from idgen.client.call import Call, Rules
from idgen.client.errors import (
    ClientError,
    DeadlinePassed,
    NoServerAnswered,
    Outcome,
    RequestRefused,
    RetryBudgetSpent,
)
from idgen.client.reply import Failure, Reply
from idgen.client.settings import Settings

NOW = 1000.0
GOOD = Reply(200, struct.pack(">Q", 7))
REFUSED, SLOW, BROKEN = (
    Failure(outcome) for outcome in (Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.BROKE_OFF)
)
OVERFLOW, NOT_READY, STRANGE = Reply(500, b"sequence overflow"), Reply(503, b""), Reply(200, b"x")


class World:
    """Servers that answer as they are told; a clock that only they move."""

    def __init__(
        self, servers: str = "abc", timeout_s: float = 0.05, deadline_s: float = 1
    ) -> None:
        self.now_s = NOW
        # Servers in good order are asked as they are named.
        self.rules = Rules(
            Settings(tuple(servers), timeout_s, deadline_s, 0, 10), itertools.count().__next__
        )
        self.answers: dict[str, list[Reply | Failure]] = {server: [GOOD] for server in servers}
        self.took_s = dict.fromkeys(servers, 0.001)
        self.asked: list[tuple[str, float]] = []

    def tell(self, **answers: Reply | Failure | list[Reply | Failure]) -> "World":
        for server, answer in answers.items():
            self.answers[server] = answer if isinstance(answer, list) else [answer]
        return self

    def call(self, count: int = 1) -> list[int]:
        self.asked = []
        call = self.rules.begin(count, self.now_s)
        while True:
            ids = self._attempt(call, count)
            if ids is not None:
                return ids

    def _attempt(self, call: Call, count: int) -> list[int] | None:
        url, timeout_s = call.next_attempt(self.now_s)
        server = url[0]
        assert url == server + ("/" if count == 1 else f"/?n={count}")
        self.asked.append((server, round(timeout_s, 6)))
        times = [asked for asked, _ in self.asked].count(server)
        answers = self.answers[server]
        answer = answers[min(times, len(answers)) - 1]
        self.now_s += timeout_s if answer is SLOW else self.took_s[server]
        return call.judge(answer, self.now_s)

    @property
    def path(self) -> str:
        return "".join(server for server, _ in self.asked)


def test_the_first_server_is_asked_and_no_other() -> None:
    world = World()
    assert world.call() == [7]
    assert world.asked == [("a", 0.05)]


@pytest.mark.parametrize("fault", [REFUSED, SLOW, OVERFLOW, NOT_READY, STRANGE, Reply(404, b"")])
def test_a_server_that_fails_is_passed_over_at_once(fault: Reply | Failure) -> None:
    world = World().tell(a=fault)
    assert world.call() == [7]
    assert world.asked == [("a", 0.05), ("b", 0.05)]
    assert world.call() == [7]
    assert world.path == "b", "the next call knows"


def test_a_failover_takes_no_longer_than_the_time_out() -> None:
    world = World().tell(a=SLOW)
    world.call()
    assert world.now_s - NOW == pytest.approx(0.05 + 0.001)


@pytest.mark.parametrize("dead", ["a", "ab", "bc", "abcd"])
@pytest.mark.parametrize("fault", [REFUSED, SLOW, BROKEN, OVERFLOW, NOT_READY])
@pytest.mark.parametrize("pause_s", [0.01, 5, 11, 60])
def test_no_error_comes_while_one_server_lives(
    dead: str, fault: Reply | Failure, pause_s: float
) -> None:
    world = World("abcde").tell(**dict.fromkeys(dead, fault))
    for number in range(2000):
        begun_s = world.now_s
        assert world.call() == [7]
        if number > len(dead):
            assert world.now_s - begun_s < 0.052, "no more than one server fails in a call"
        world.now_s += pause_s


def test_a_400_is_not_asked_of_others() -> None:
    world = World().tell(a=Reply(400, b"n must be\n a number"), b=SLOW)
    with pytest.raises(RequestRefused, match=r"^a refused the request: n must be a number$") as no:
        world.call()
    assert (no.value.server, no.value.detail) == ("a", "n must be a number")
    assert world.path == "a"
    assert not world.rules.choice.has_failed("a")


def test_the_last_attempt_has_all_the_time_that_is_left() -> None:
    alone = World("a")
    alone.call()
    assert alone.asked == [("a", 1.0)]
    world = World("ab").tell(a=[SLOW, GOOD], b=REFUSED)
    assert world.call() == [7]
    assert world.asked == [("a", 0.05), ("b", 0.05), ("a", pytest.approx(0.949))]


def test_the_last_attempt_goes_to_a_server_that_may_only_be_slow() -> None:
    world = World("abc").tell(a=REFUSED, b=[SLOW, GOOD], c=REFUSED)
    assert world.call() == [7]
    assert world.path == "abcb"
    dead = World("abc").tell(a=REFUSED, b=REFUSED, c=REFUSED)
    with pytest.raises(NoServerAnswered):
        dead.call()
    assert dead.path == "abc"


def test_of_several_the_last_attempt_goes_to_the_one_that_failed_least() -> None:
    world = World("ab").tell(a=SLOW, b=SLOW)
    for _ in range(3):
        world.rules.choice.failed("b", world.now_s, world.now_s)
    with pytest.raises(ClientError):
        world.call()
    assert world.path == "aba"


def test_a_call_ends_at_its_deadline() -> None:
    world = World("abcdef", timeout_s=0.4).tell(**dict.fromkeys("abcdef", SLOW))
    with pytest.raises(DeadlinePassed) as passed:
        world.call()
    assert world.asked == [("a", 0.4), ("b", 0.4), ("c", pytest.approx(0.2))]
    assert world.now_s == pytest.approx(NOW + 1)
    assert [attempt.server for attempt in passed.value.attempts] == ["a", "b", "c"]


def test_a_deadline_may_be_shorter_than_a_time_out() -> None:
    world = World("ab", timeout_s=5, deadline_s=0.2)
    world.call()
    assert world.asked == [("a", 0.2)]


def test_a_batch_is_given_the_time_that_it_may_wait_in_the_server() -> None:
    world = World().tell(a=Reply(200, bytes(16)))
    assert world.call(2) == [0, 0]
    assert world.asked == [("a", 0.15)]


def test_a_connection_that_breaks_off_may_be_an_old_one_so_its_server_is_asked_again() -> None:
    world = World().tell(a=[BROKEN, GOOD])
    assert world.call() == [7]
    assert world.path == "aa"
    assert not world.rules.choice.has_failed("a")
    world.tell(a=BROKEN)
    world.call()
    assert world.path == "aab"
    assert world.rules.choice.has_failed("a")


def test_the_only_server_is_asked_again_where_a_connection_broke_off() -> None:
    world = World("a").tell(a=[BROKEN, GOOD])
    assert world.call() == [7]


def test_an_error_tells_each_attempt() -> None:
    world = World("ab").tell(a=OVERFLOW, b=Failure(Outcome.REFUSED, "Connection refused"))
    with pytest.raises(NoServerAnswered) as failed:
        world.call()
    assert str(failed.value) == (
        "no server gave IDs: a failed (500 sequence overflow) after 1.0 ms; "
        "b could not be connected to (Connection refused) after 1.0 ms; "
        "a failed (500 sequence overflow) after 1.0 ms"
    )
    outcomes = [attempt.outcome for attempt in failed.value.attempts]
    assert outcomes == [Outcome.FAILED, Outcome.REFUSED, Outcome.FAILED]


@pytest.mark.parametrize("fault", [SLOW, OVERFLOW])
def test_an_outage_is_not_multiplied(fault: Reply | Failure) -> None:
    world = World().tell(a=fault, b=fault, c=fault)
    attempts = 0
    for _ in range(1000):
        with pytest.raises(ClientError):
            world.call()
        attempts += len(world.asked)
    assert attempts <= 1000 + MAX_RETRIES + 3
    with pytest.raises(RetryBudgetSpent, match="too many calls were retried lately: "):
        world.call()


def test_connections_that_are_refused_cost_nothing() -> None:
    world = World().tell(a=REFUSED, b=REFUSED, c=REFUSED)
    for _ in range(1000):
        with pytest.raises(NoServerAnswered):
            world.call()
    world.tell(c=GOOD)
    assert world.call() == [7]


def test_the_only_attempt_that_can_be_paid_has_all_the_time() -> None:
    world = World().tell(a=SLOW, b=SLOW, c=SLOW)
    for _ in range(200):
        with pytest.raises(ClientError):
            world.call()
    with pytest.raises(RetryBudgetSpent):
        world.call()
    assert [timeout_s for _, timeout_s in world.asked] == [1.0]


def test_where_no_retry_can_be_paid_the_last_server_in_good_order_has_all_the_time() -> None:
    world = World("ab").tell(a=REFUSED)
    while world.rules.budget.has_some:
        world.rules.budget.spend()
    world.call()
    assert world.asked == [("a", 0.05), ("b", pytest.approx(0.999))]


def test_the_budget_is_earned_back() -> None:
    world = World("ab").tell(a=SLOW, b=SLOW)
    for _ in range(200):
        with pytest.raises(ClientError):
            world.call()
    world.tell(a=GOOD, b=GOOD)
    for _ in range(50):
        world.call()
        world.now_s += 1
    world.tell(a=[SLOW, GOOD], b=REFUSED)
    assert world.call() == [7]


def test_going_on_to_a_server_in_good_order_is_free() -> None:
    world = World()
    while world.rules.budget.has_some:
        world.rules.budget.spend()
    world.tell(a=REFUSED, b=REFUSED)
    assert world.call() == [7]
    assert world.path == "abc"


def test_after_an_outage_the_first_call_that_can_be_served_is() -> None:
    world = World().tell(a=REFUSED, b=REFUSED, c=REFUSED)
    for _ in range(30):
        with pytest.raises(ClientError):
            world.call()
        world.now_s += 1
    world.tell(b=GOOD)
    assert world.call() == [7]
    for _ in range(100):
        world.call()
        world.now_s += 0.01
    assert world.path == "b"
