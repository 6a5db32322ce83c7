"""Watching, with answers that a test scripts and a clock that it moves."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from idgen.fleet import watch
from idgen.fleet.asking import NoFigures
from idgen.fleet.roster import Found
from idgen.fleet.rows import Heard, Row
from idgen.fleet.watch import (
    FIND_EVERY_S,
    POLL_EVERY_S,
    POLL_PER_WORKER_S,
    UNWATCHED_EVERY_S,
    CannotFind,
    FleetWatch,
)
from idgen.fleet.worker import Worker
from idgen.history import History
from tests.clocks import MonotonicClock, WallClock, granted_service
from tests.fleet.workers import NOW, heard

OWN = "127.0.0.1:8003"


class Bench:
    """A process with worker_id 3, and others that answer what is set here."""

    def __init__(self, *peers: str, finds: bool = False) -> None:
        self.answers: dict[str, Heard | NoFigures] = {}
        self.found: Found | CannotFind = Found([], frozenset())
        self.asked: Counter[str] = Counter()
        self.slow = asyncio.Event()
        self.finds = 0
        self.clock = MonotonicClock()
        self.service = granted_service(3, WallClock(NOW))
        worker = Worker(self.service, History(self.service), OWN, "own", NOW, 1000)
        finder = self if finds else None
        self.watch = FleetWatch(worker, peers, finder, self.ask, self.clock)

    async def ask(self, address: str) -> Heard:
        self.asked[address] += 1
        if address == "late:1":
            await self.slow.wait()
        answer = self.answers.get(address, NoFigures("Connection refused", answers=False))
        if isinstance(answer, NoFigures):
            raise answer
        return answer

    async def find(self) -> Found:
        self.finds += 1
        if isinstance(self.found, CannotFind):
            raise self.found
        return self.found

    async def look(self, after_s: float = POLL_EVERY_S) -> Any:
        self.clock.now_s += after_s
        return json.loads(await self.watch.look())

    async def states(self, after_s: float = POLL_EVERY_S) -> dict[str, tuple[Any, str]]:
        workers = (await self.look(after_s))["workers"]
        return {row["address"]: (row["worker_id"], row["state"]) for row in workers}


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_without_peers_a_process_shows_itself() -> None:
    async def test() -> None:
        fleet = await Bench().look()
        assert (fleet["unix_ms"], fleet["asked"], fleet["trouble"]) == (NOW, OWN, "")
        (row,) = fleet["workers"]
        assert (row["address"], row["worker_id"], row["state"]) == (OWN, 3, "serving")

    run(test)


def test_however_many_look_each_worker_is_asked_once_a_second() -> None:
    async def test() -> None:
        bench = Bench("a:1", "b:1")
        await asyncio.gather(*(bench.watch.look() for _ in range(50)))
        assert bench.asked == {"a:1": 1, "b:1": 1}
        for _ in range(9):
            await bench.look(0.1)
        assert bench.asked == {"a:1": 1, "b:1": 1}
        await bench.look(0.11)
        assert bench.asked == {"a:1": 2, "b:1": 2}

    run(test)


def test_of_many_workers_each_is_asked_less_often() -> None:
    async def test() -> None:
        bench = Bench(*(f"a:{port}" for port in range(1, 501)))
        bench.answers = {f"a:{port}": heard(port) for port in range(1, 501)}
        await bench.look()
        await bench.look(500 * POLL_PER_WORKER_S - 0.1)
        assert bench.asked.total() == 500
        await bench.look(0.2)
        assert bench.asked.total() == 1000

    run(test)


def test_a_worker_that_stops_answering_stays_with_its_last_figures_and_comes_back() -> None:
    async def test() -> None:
        bench = Bench("a:1")
        assert (await bench.states())["a:1"] == (None, "silent"), "nobody knows yet who that is"
        bench.answers["a:1"] = heard(7)
        assert (await bench.states())["a:1"] == (7, "serving")
        del bench.answers["a:1"]
        row = (await bench.look())["workers"][1]
        assert (row["worker_id"], row["state"]) == (7, "silent")
        assert (row["detail"], row["figures"]["ids_taken"]) == ("Connection refused", 12)
        bench.answers["a:1"] = heard(8)
        assert (await bench.states())["a:1"] == (8, "serving")
        bench.answers["a:1"] = NoFigures("draining: soon", answers=True)
        assert (await bench.states())["a:1"] == (8, "refusing")

    run(test)


def test_the_process_itself_is_asked_nothing_and_shown_once() -> None:
    async def test() -> None:
        bench = Bench(OWN, "localhost:8003")
        own = heard(3, "own")
        bench.answers = {OWN: own, "localhost:8003": own}
        assert await bench.states() == {"localhost:8003": (3, "serving")}
        assert bench.asked == {"localhost:8003": 1}

    run(test)


def test_two_owners_at_two_polls_are_told_in_the_document_and_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        bench = Bench("a:1", "b:1")

        async def red() -> list[str]:
            workers = (await bench.look())["workers"]
            return [row["address"] for row in workers if row["two_owners"]]

        bench.answers = {"a:1": heard(3), "b:1": heard(4)}
        assert await red() == [], "it may have moved from one to the other between two answers"
        assert await red() == [OWN, "a:1"]
        bench.service.end_grant("gone")
        assert await red() == []

    with caplog.at_level(logging.ERROR):
        run(test)
    (line,) = caplog.messages
    assert line == f"worker_id 3 of epoch 1259193600000 has two owners: {OWN} and a:1"


def test_found_workers_are_asked_as_named_ones_are() -> None:
    async def test() -> None:
        bench = Bench("a:1", finds=True)
        cannot = Row("pid 1 on c", 9, trouble="can't be asked from here", can_be_asked=False)
        bench.found = Found([Row("a:1", 7), Row("b:1", 8), cannot, Row(OWN, 3)], frozenset())
        bench.answers["b:1"] = heard(5)
        states = {
            OWN: (3, "serving"),
            "a:1": (7, "silent"),
            "b:1": (5, "serving"),
            "pid 1 on c": (9, "silent"),
        }
        assert await bench.states() == states
        assert bench.asked == {"a:1": 1, "b:1": 1}
        bench.found = Found([], frozenset({"pid 1 on c"}))
        assert await bench.states() == states, "not looked for anew yet"
        bench.clock.now_s += FIND_EVERY_S
        del states["pid 1 on c"]
        assert await bench.states() == states
        assert bench.finds == 2

    run(test)


def test_while_nobody_can_be_found_those_who_were_stay_and_the_reason_is_told() -> None:
    async def test() -> None:
        bench = Bench(finds=True)
        bench.found = Found([Row("b:1", 8)], frozenset())
        await bench.look()
        bench.found = CannotFind("redis://h:6379/0?namespace=flake: it can't be reached")
        fleet = await bench.look(FIND_EVERY_S)
        assert fleet["trouble"] == "redis://h:6379/0?namespace=flake: it can't be reached"
        assert [row["address"] for row in fleet["workers"]] == [OWN, "b:1"]
        bench.found = Found([Row("b:1", 8)], frozenset())
        assert (await bench.look(FIND_EVERY_S))["trouble"] == ""

    run(test)


def test_nobody_waits_for_long_for_those_who_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_WITHIN_S", 0.01)
    monkeypatch.setattr(watch, "FIND_WITHIN_S", 0.01)

    async def test() -> None:
        bench = Bench("a:1", "late:1", finds=True)
        bench.answers = {"a:1": heard(7), "late:1": heard(8)}
        bench.slow.clear()
        for _ in range(3):
            states = {"a:1": (7, "serving"), "late:1": (None, "silent"), OWN: (3, "serving")}
            assert await bench.states(FIND_EVERY_S) == states
        assert (bench.asked["a:1"], bench.asked["late:1"]) == (3, 1), "one question at a time"
        bench.slow.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (await bench.states())["late:1"] == (8, "serving")
        bench.slow.clear()
        await bench.look()
        bench.watch.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others, timeout=10)
        assert all(task.done() for task in others), "nothing is asked any more"

    run(test)


def test_a_mistake_of_ours_is_logged_and_the_watch_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        bench = Bench(finds=True)
        rests = 0

        async def sleep(rest_s: float) -> None:
            nonlocal rests
            rests += 1
            bench.clock.now_s += rest_s
            bench.service.wall_clock_ms = WallClock(NOW)
            if rests == 2:
                raise asyncio.CancelledError

        def broken() -> int:
            raise ZeroDivisionError

        bench.service.wall_clock_ms = broken
        with pytest.raises(asyncio.CancelledError):
            await bench.watch.run(sleep)
        assert rests == 2

    with caplog.at_level(logging.ERROR):
        run(test)
    assert caplog.messages == ["the fleet can't be watched"]


def test_the_fleet_is_watched_though_nobody_looks() -> None:
    async def test() -> None:
        bench = Bench("a:1")
        rests: list[float] = []

        async def sleep(rest_s: float) -> None:
            rests.append(rest_s)
            bench.clock.now_s += rest_s
            if len(rests) == 3:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await bench.watch.run(sleep)
        assert rests == [UNWATCHED_EVERY_S] * 3
        assert bench.asked == {"a:1": 3}

    run(test)


def test_who_stops_looking_ends_no_poll_of_others() -> None:
    async def test() -> None:
        bench = Bench("a:1")
        bench.answers["a:1"] = heard(7)
        gone = asyncio.create_task(bench.watch.look())
        stays = asyncio.create_task(bench.watch.look())
        await asyncio.sleep(0)
        gone.cancel()
        assert b'"a:1"' in await stays
        assert gone.cancelled()

    run(test)
