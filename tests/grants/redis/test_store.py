import os

import pytest

from idgen.grant import Grant
from idgen.grants.redis.answer import Reply
from idgen.grants.redis.claim import GRANT_MS, QUARANTINE_MS, Question
from idgen.grants.redis.store import RedisStore
from idgen.grants.store import StoreUnavailable, TokenLost
from tests.clocks import WallClock
from tests.grants.stores import SimulatedScript, claim, run

NOW = 1795219200123


class LosingScript(SimulatedScript):
    """Loses the answers to what the test names, though the script has run."""

    def __init__(self, clock: WallClock) -> None:
        super().__init__(clock)
        self.asked: list[object] = []
        self.loses: list[str] = []
        self.closed = 0

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question.arguments[0])
        answer = await super().ask(question)
        if question.arguments[0] in self.loses:
            raise StoreUnavailable("no answer", "unreachable")
        return answer

    async def close(self) -> None:
        self.closed += 1


class Bench:
    def __init__(self) -> None:
        self.clock = WallClock(NOW)
        self.script = LosingScript(self.clock)
        self.store = RedisStore(self.script, claim(), self.clock)


def test_a_new_grant_is_extended_once_before_it_counts() -> None:
    bench = Bench()
    grant = run(bench.store.acquire())
    assert bench.script.asked == ["acquire", "extend"]
    assert grant == Grant(7, NOW + QUARANTINE_MS, NOW + QUARANTINE_MS)


def test_where_only_that_extension_fails_it_alone_is_asked_again() -> None:
    bench = Bench()
    bench.script.loses = ["extend"]
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            run(bench.store.acquire())
    bench.script.loses = []
    run(bench.store.acquire())
    assert bench.script.asked == ["acquire", "extend", "extend", "extend"]


def test_a_grant_that_is_lost_before_it_counts_is_acquired_anew() -> None:
    bench = Bench()
    bench.script.loses = ["extend"]
    with pytest.raises(StoreUnavailable):
        run(bench.store.acquire())
    bench.script.loses = []
    bench.script.redis.data.clear()
    with pytest.raises(TokenLost):
        run(bench.store.acquire())
    bench.clock.unix_ms += 5
    assert run(bench.store.acquire()).floor_unix_ms == NOW + 5 + QUARANTINE_MS


def test_the_skew_is_that_of_the_last_answer() -> None:
    bench = Bench()
    assert bench.store.skew_ms is None
    bench.store._wall_clock_ms = lambda: bench.clock.unix_ms - 40
    grant = run(bench.store.acquire())
    assert bench.store.skew_ms == -40
    run(bench.store.extend(grant, NOW + 7))
    assert bench.store.skew_ms == 7


def test_a_release_closes_the_connection() -> None:
    bench = Bench()
    grant = run(bench.store.acquire())
    run(bench.store.release(grant, None))
    assert bench.script.closed == 1


def test_a_forked_child_leaves_the_connection_to_its_parent() -> None:
    bench = Bench()
    grant = run(bench.store.acquire())
    child = os.fork()
    if child == 0:
        bench.store.abandon()
        os._exit(bench.script.closed)
    assert os.waitpid(child, 0)[1] == 0
    bench.clock.unix_ms += QUARANTINE_MS
    assert run(bench.store.extend(grant, bench.clock.unix_ms)).ceiling_unix_ms == (
        bench.clock.unix_ms + GRANT_MS
    )
