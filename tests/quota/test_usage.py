import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from idgen.errors import QuotaUnavailable
from idgen.quota import usage as bounds
from idgen.quota.days import Days
from idgen.quota.rules import Check
from idgen.quota.tally import MAX_INTERFACES, OTHERS, Tally, UsageId
from idgen.quota.usage import FLUSH_EVERY_S, Usage
from idgen.quota.usage_memory import MemoryUsage
from tests.clocks import WallClock

NOW = 1795219200123
TODAY = "2026-11-21"
DAY_MS = 86_400_000
CALL = Check("shop", "ann", "orders", "192.0.2.1")


class Store(MemoryUsage):
    """Can be away, broken or slow, and knows what it was handed."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: Exception | None = None
        self.handed: list[Mapping[UsageId, Tally]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def add(self, tallies: Mapping[UsageId, Tally]) -> None:
        self.handed.append(tallies)
        await self.may_answer.wait()
        if self.trouble:
            raise self.trouble
        await super().add(tallies)


class World:
    """A process's usage, with its store and its clock."""

    def __init__(self) -> None:
        self.clock = WallClock(NOW)
        self.store = Store()
        self.usage = Usage(self.store, Days(ZoneInfo("UTC")), self.clock)

    def note(self, *checks: Check, allowed: bool = True) -> None:
        for check in checks:
            self.usage.note(check, allowed)

    async def read(self, app: str = "shop", day: str | None = None) -> Tally:
        return (await self.usage.read(app, day))[1]

    async def fails(self) -> str:
        with pytest.raises(QuotaUnavailable) as raised:
            await self.usage.flush()
        return str(raised.value)


def play(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_allowed_calls_are_counted_by_interface_and_user_and_denied_ones_by_themselves() -> None:
    async def scenario() -> None:
        world = World()
        world.note(CALL, CALL, CALL._replace(user="bob"), CALL._replace(interface="stock"))
        world.note(CALL._replace(interface=None, user=None))
        world.note(CALL._replace(user="eve", interface="admin"), allowed=False)
        world.note(CALL._replace(app="other"))
        day, tally = await world.usage.read("shop", None)
        assert day == TODAY
        assert (tally.total, tally.denied, tally.user_count) == (5, 1, 2)
        assert tally.interfaces == {"orders": 3, "stock": 1}
        assert (await world.read("other")).total == 1
        assert (await world.read("nobody")) == Tally()

    play(scenario())


def test_a_call_counts_once_whatever_it_costs_and_a_look_never() -> None:
    async def scenario() -> None:
        world = World()
        world.note(CALL._replace(cost=1000), CALL._replace(cost=0), CALL._replace(app=None))
        world.note(CALL._replace(cost=7), allowed=False)
        world.note(CALL._replace(cost=0), allowed=False)
        tally = await world.read()
        assert (tally.total, tally.denied, tally.interfaces) == (1, 1, {"orders": 1})

    play(scenario())


def test_each_call_is_of_the_day_on_which_it_was_made_also_when_the_clock_goes_back() -> None:
    async def scenario() -> None:
        world = World()
        for unix_ms, calls in ((NOW, 1), (NOW + DAY_MS, 2), (NOW, 4), (NOW + DAY_MS, 8)):
            world.clock.unix_ms = unix_ms
            world.note(*[CALL] * calls)
        assert (await world.read()).total == 10
        assert (await world.read(day=TODAY)).total == 5
        assert (await world.read(day="2026-11-22")).total == 10

    play(scenario())


def test_a_batch_that_failed_is_handed_in_again_as_it_was_before_what_came_after() -> None:
    async def scenario() -> None:
        world = World()
        world.note(CALL)
        world.store.trouble = QuotaUnavailable("gone")
        assert await world.fails() == "gone"
        failed = world.store.handed[0]
        world.note(CALL, CALL._replace(app="later"))
        assert await world.fails() == "gone"
        assert failed == {(TODAY, "shop"): Tally(1, 0, Counter({"orders": 1}), {"ann"})}
        world.store.trouble = None
        await world.usage.flush()
        assert [each is failed for each in world.store.handed] == [True, True, True, False]
        assert list(world.store.handed[-1]) == [(TODAY, "shop"), (TODAY, "later")]
        assert (await world.read()).total == 2

    play(scenario())


def test_a_flush_that_is_cancelled_hands_in_the_same_again() -> None:
    async def scenario() -> None:
        world = World()
        world.note(CALL)
        world.store.may_answer.clear()
        flush = asyncio.create_task(world.usage.flush())
        await asyncio.sleep(0)
        world.note(CALL)
        flush.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flush
        world.store.may_answer.set()
        assert (await world.read()).total == 2
        first, second, third = world.store.handed
        assert first is second is not third

    play(scenario())


def test_one_flush_runs_at_a_time_and_whoever_waited_for_a_failure_is_told_it() -> None:
    async def scenario() -> None:
        world = World()
        world.note(CALL)
        world.store.may_answer.clear()
        world.store.trouble = QuotaUnavailable("no answer within 80 ms")
        asking = [asyncio.create_task(world.read()) for _ in range(5)]
        await asyncio.sleep(0)
        world.store.may_answer.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert [str(answer) for answer in answers] == ["no answer within 80 ms"] * 5
        assert len(world.store.handed) == 1
        world.store.trouble = None
        assert (await world.read()).total == 1

    play(scenario())


def test_run_goes_on_whatever_happens_and_tells_of_an_outage_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "flake.quota")
    world = World()
    down = QuotaUnavailable("redis://here: it can't be reached")
    troubles = [None, down, down, KeyError("a mistake"), down, None, None, down, None]
    total = len(troubles)

    async def sleep(seconds: float) -> None:
        assert seconds == FLUSH_EVERY_S
        if not troubles:
            raise asyncio.CancelledError
        world.note(CALL)
        world.store.trouble = troubles.pop(0)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(world.usage.run(sleep))
    assert asyncio.run(world.store.read(UsageId(TODAY, "shop"))).total == total
    away = "usage isn't stored, and waits: redis://here: it can't be reached"
    again = "usage is stored again"
    assert [record.message for record in caplog.records] == [
        away,
        "usage isn't stored",
        again,
        away,
        again,
    ]


def test_apps_past_the_bound_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        world = World()
        monkeypatch.setattr(bounds, "MAX_WAITING_APPS", 3)
        for app in "abcde":
            world.note(CALL._replace(app=app))
        world.note(CALL._replace(app="a"), CALL._replace(app="e"))
        assert world.usage.dropped == 3
        totals = [(await world.read(app)).total for app in "abcde"]
        assert totals == [2, 1, 1, 0, 0]
        world.note(CALL._replace(app="e"))
        assert (await world.read("e")).total == 1
        assert world.usage.dropped == 3

    play(scenario())


def test_users_past_the_bound_are_dropped_and_their_calls_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        world = World()
        monkeypatch.setattr(bounds, "MAX_WAITING_USERS", 2)
        for app, user in ("ax", "ay", "bz", "ax", "bx"):
            world.note(CALL._replace(app=app, user=user))
        assert world.usage.dropped == 2
        tallies = [await world.read(app) for app in "ab"]
        assert [(tally.total, tally.user_count) for tally in tallies] == [(3, 2), (2, 0)]

    play(scenario())


def test_interfaces_past_the_bounds_are_counted_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        world = World()
        for number in [*range(MAX_INTERFACES + 5), 0, MAX_INTERFACES + 4]:
            world.note(CALL._replace(interface=f"i{number}"))
        assert world.usage.dropped == 0
        assert len(world.usage._gathered[UsageId(TODAY, "shop")].interfaces) == MAX_INTERFACES + 1
        interfaces = (await world.read()).interfaces
        assert (interfaces["i0"], interfaces["i999"], interfaces[OTHERS]) == (2, 1, 6)
        monkeypatch.setattr(bounds, "MAX_WAITING_INTERFACES", 2)
        for app, interface in ("ax", "by", "az", "ax", "bw", "bw"):
            world.note(CALL._replace(app=app, interface=interface))
        assert world.usage.dropped == 3
        assert (await world.read("a")).interfaces == {"x": 2, OTHERS: 1}
        assert (await world.read("b")).interfaces == {"y": 1, OTHERS: 2}

    play(scenario())


def test_while_the_store_is_away_no_more_waits_than_the_bounds_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        world = World()
        monkeypatch.setattr(bounds, "MAX_WAITING_APPS", 10)
        world.store.trouble = QuotaUnavailable("gone")
        for number in range(100):
            world.note(CALL._replace(app=f"app-{number}"))
            await world.fails()
        assert world.usage.dropped == 100 - 1 - 10
        world.store.trouble = None
        await world.usage.flush()
        assert sum(len(each) for each in world.store.handed[-2:]) == 11

    play(scenario())
