"""What the store in memory keeps besides the contract: its bounds."""

import gc

import pytest

from idgen.quota import memory
from idgen.quota.memory import MAX_DROPPED, MemoryStore
from idgen.quota.rules import Check, Rule, Rules

RULES = Rules((Rule("app", ("app",), 5, 60), Rule("user", ("user",), 5, 60)))


class Clock:
    now_ms = 1000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


def call(store: MemoryStore, app: str, user: str, cost: int = 1) -> tuple[bool, str]:
    verdict = store.take(RULES.charge(Check(app, user, cost=cost)))
    return verdict.allowed, verdict.trouble


def test_a_full_table_takes_no_new_counter_and_goes_on_with_those_it_has(
    store: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_COUNTERS", 3)
    assert call(store, "a", "u") == (True, "")
    assert call(store, "a", "v", cost=3) == (True, "")
    full = (True, "no room for more than 3 counters in memory")
    assert call(store, "a", "w") == full
    assert call(store, "a", "w", cost=0) == (True, "")
    assert call(store, "a", "u") == (True, "")
    assert call(store, "a", "u") == (False, "")
    assert store.failures == {"full": 1}
    clock.now_ms += 60_000
    assert call(store, "b", "w") == (True, "")
    assert len(store) == 2


def test_a_closed_rule_denies_where_there_is_no_room(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_COUNTERS", 0)
    closed = Rules((Rule("app", ("app",), 5, 60, open_on_failure=False),))
    assert not store.take(closed.charge(Check("a"))).allowed


def test_ended_counters_go_a_few_at_a_time(store: MemoryStore, clock: Clock) -> None:
    for i in range(100):
        call(store, "a", f"user {i}", cost=0 if i % 2 else 5)
    for i in range(200):
        store.take(RULES.charge(Check(f"app {i}")))
    assert len(store) == 202
    clock.now_ms += 60_000
    call(store, "none", "none", cost=0)
    assert len(store) == 202 - MAX_DROPPED
    for _ in range(10):
        call(store, "none", "none", cost=0)
    assert len(store) == 0


def test_a_counter_that_was_opened_anew_outlives_the_end_of_its_first_window(
    store: MemoryStore, clock: Clock
) -> None:
    for i in range(MAX_DROPPED + 1):
        store.take(RULES.charge(Check(f"app {i}")))
    clock.now_ms += 60_000
    last = Check(f"app {MAX_DROPPED}", cost=3)  # ended, and not among those dropped by this call
    store.take(RULES.charge(last))
    clock.now_ms += 1000
    assert store.take(RULES.charge(last._replace(cost=0))).levels[0] == (3, 59_000)
    assert len(store) == 1


def test_a_denied_call_gives_back_what_it_took_on_the_way(store: MemoryStore) -> None:
    call(store, "a", "u", cost=1)
    call(store, "b", "u", cost=4)
    verdict = store.take(RULES.charge(Check("a", "u")))
    assert not verdict.allowed
    assert [level.used for level in verdict.levels] == [1, 5]


def test_the_garbage_collector_looks_into_nothing_that_there_is_one_of_for_each_counter(
    store: MemoryStore, clock: Clock
) -> None:
    gc.collect()
    before = len(gc.get_objects())
    for i in range(5000):
        store.take(RULES.charge(Check(f"app {i}", f"user {i}")))
        clock.now_ms += i % 2
    assert len(store) == 10_000
    gc.collect()
    assert len(gc.get_objects()) - before < 100
    assert not gc.is_tracked(store._windows)
