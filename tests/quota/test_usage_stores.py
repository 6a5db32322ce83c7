"""What every store of usage keeps: one suite, run against each."""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idgen.quota import usage_memory
from idgen.quota.redis.usage_pieces import MAX_NAMES
from idgen.quota.store import UsageStore
from idgen.quota.tally import MAX_INTERFACES, OTHERS, Tally, UsageId
from idgen.quota.usage_memory import MAX_DAYS, MemoryUsage
from tests.grants.stores import run
from tests.quota.usage_stores import DAY, SHOP, at, is_read, opened, tally
from tests.redis_server import RedisServer

Scenario = Callable[[UsageStore], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """For tests that don't harm it."""
    with RedisServer(tmp_path_factory.mktemp("redis"), "--appendfsync", "no") as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest, server: RedisServer) -> Callable[[Scenario], None]:
    """Plays a scenario with an empty store of each kind."""

    async def with_redis(scenario: Scenario) -> None:
        async with opened(at(server.port)) as store:
            await scenario(store)

    if request.param == "memory":
        return lambda scenario: run(scenario(MemoryUsage()))
    return lambda scenario: run(with_redis(scenario))


def test_where_nothing_was_added_nothing_is_read(play: Callable[[Scenario], None]) -> None:
    async def scenario(store: UsageStore) -> None:
        await store.add({})
        assert await store.read(SHOP) == is_read()

    play(scenario)


def test_what_is_added_adds_up_by_app_and_day(play: Callable[[Scenario], None]) -> None:
    async def scenario(store: UsageStore) -> None:
        tomorrow, other = SHOP._replace(day="2026-11-22"), SHOP._replace(app="Shop")
        await store.add({SHOP: tally(3, 1, "ann bob", orders=2), other: tally(5)})
        await store.add({SHOP: tally(2, 0, "bob eve", orders=1, stock=1), tomorrow: tally(7)})
        await store.add({SHOP: tally(0, 4)})
        assert await store.read(SHOP) == is_read(5, 5, 3, orders=3, stock=1)
        assert await store.read(other) == is_read(5)
        assert await store.read(tomorrow) == is_read(7)

    play(scenario)


def test_what_was_read_is_the_reader_s(play: Callable[[Scenario], None]) -> None:
    async def scenario(store: UsageStore) -> None:
        added = tally(1, 0, "ann", orders=1)
        await store.add({SHOP: added})
        added.interfaces["orders"] += 1
        (await store.read(SHOP)).interfaces["orders"] += 1
        assert await store.read(SHOP) == is_read(1, 0, 1, orders=1)

    play(scenario)


@pytest.mark.parametrize("name", ["total", "denied", "i:x", "a b ", "}{:", "*", "é漢🦊", "x" * 128])
def test_names_are_kept_as_they_are(play: Callable[[Scenario], None], name: str) -> None:
    async def scenario(store: UsageStore) -> None:
        usage_id = UsageId(DAY, name)
        await store.add({usage_id: Tally(2, 1, Counter({name: 2}), {name})})
        assert await store.read(usage_id) == Tally(2, 1, Counter({name: 2}), user_count=1)

    play(scenario)


def test_interfaces_past_the_bound_are_counted_as_others(
    play: Callable[[Scenario], None],
) -> None:
    async def scenario(store: UsageStore) -> None:
        names = [f"i{number}" for number in range(MAX_INTERFACES + 10)]
        for some in (names[:700], names[700:], [names[0], names[-1]]):
            await store.add({SHOP: Tally(len(some), 0, Counter(some))})
        read = await store.read(SHOP)
        assert read.total == sum(read.interfaces.values()) == len(names) + 2
        assert len(read.interfaces) == MAX_INTERFACES + 1
        assert (read.interfaces["i0"], read.interfaces[OTHERS]) == (2, 11)

    play(scenario)


def test_one_batch_may_be_large(play: Callable[[Scenario], None]) -> None:
    async def scenario(store: UsageStore) -> None:
        apps = [UsageId(DAY, f"app-{number}") for number in range(2 * MAX_NAMES + 10)]
        batch = {usage_id: tally(1, 2, "ann", orders=1) for usage_id in apps}
        interfaces = Counter(f"i{number}" for number in range(MAX_NAMES + 300))
        users = {f"user-{number}" for number in range(2 * MAX_NAMES)}
        batch[apps[7]] = Tally(800, 1, interfaces, users)
        await store.add(batch)
        assert await store.read(apps[0]) == is_read(1, 2, 1, orders=1)
        assert await store.read(apps[-1]) == is_read(1, 2, 1, orders=1)
        read = await store.read(apps[7])
        assert (read.total, read.denied, read.interfaces) == (800, 1, interfaces)
        assert read.user_count == pytest.approx(len(users), rel=0.02)

    play(scenario)


SMALL = st.builds(
    Tally,
    st.integers(0, 9),
    st.integers(0, 9),
    st.dictionaries(st.sampled_from("xyz"), st.integers(1, 9)).map(Counter),
    st.sets(st.sampled_from("abcde")),
)
BATCHES = st.lists(st.dictionaries(st.sampled_from([SHOP, UsageId(DAY, "b")]), SMALL), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=BATCHES)
def test_any_batches_add_up(
    play: Callable[[Scenario], None], batches: list[dict[UsageId, Tally]]
) -> None:
    async def scenario(store: UsageStore) -> None:
        for batch in batches:
            await store.add(batch)
        for usage_id in (SHOP, UsageId(DAY, "b")):
            there = [batch[usage_id] for batch in batches if usage_id in batch]
            interfaces: Counter[str] = sum((each.interfaces for each in there), Counter())
            assert await store.read(usage_id) == Tally(
                sum(each.total for each in there),
                sum(each.denied for each in there),
                interfaces,
                user_count=len(set().union(*(each.users for each in there))),
            )

    play(scenario)


def test_ten_thousand_users_are_exact_in_memory_and_within_2_percent_in_redis(
    play: Callable[[Scenario], None],
) -> None:
    async def scenario(store: UsageStore) -> None:
        for first in range(0, 10_000, 2000):
            users = {f"user-{number}" for number in range(first, first + 3000)}
            await store.add({SHOP: Tally(3000, users=users)})
        count = (await store.read(SHOP)).user_count
        within = 0 if isinstance(store, MemoryUsage) else 0.02
        assert abs(count - 11_000) <= within * 11_000

    play(scenario)


def test_memory_forgets_the_oldest_days() -> None:
    async def scenario() -> None:
        store = MemoryUsage()
        days = [f"2026-{1 + number // 28:02}-{1 + number % 28:02}" for number in range(40)]
        for day in (*days, days[0]):
            await store.add({UsageId(day, "shop"): tally(1, 0, "ann", orders=1)})
        kept = [day for day in days if (await store.read(UsageId(day, "shop"))).total]
        assert kept == days[-MAX_DAYS:]
        assert (store._users, store._interfaces) == (MAX_DAYS, MAX_DAYS)

    run(scenario())


def test_users_of_older_days_become_a_number_where_those_of_today_need_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(usage_memory, "MAX_USERS", 5)

    async def scenario() -> None:
        store = MemoryUsage()
        days = [UsageId(f"2026-11-{day:02d}", "shop") for day in range(1, 9)]
        for day in days:
            await store.add({day: tally(2, 0, "ann bob")})
        assert [(await store.read(day)).user_count for day in days] == [2] * 8
        assert store._users <= 5

    run(scenario())


def test_memory_is_bounded_and_says_once_when_it_is_full(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(usage_memory, "MAX_APPS", 2)
    monkeypatch.setattr(usage_memory, "MAX_USERS", 3)
    monkeypatch.setattr(usage_memory, "MAX_INTERFACES_KEPT", 3)

    async def scenario() -> None:
        store = MemoryUsage()
        a, b, c = (UsageId(DAY, app) for app in "abc")
        for _ in range(2):
            await store.add({a: tally(2, 0, "ann bob", x=1, y=1)})
            await store.add({b: tally(2, 0, "ann bob", x=1, y=1), c: tally(1)})
        assert await store.read(a) == is_read(4, 0, 2, x=2, y=2)
        assert await store.read(b) == Tally(4, 0, Counter({"x": 2, OTHERS: 2}), user_count=1)
        assert await store.read(c) == is_read()

    run(scenario())
    full = "usage in memory is full: {}; new ones aren't counted"
    assert [record.message for record in caplog.records] == [
        full.format("more than 3 users on one day"),
        full.format("more than 2 applications on one day"),
    ]
