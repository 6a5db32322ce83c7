"""What the store on Redis keeps besides the contract, above all when Redis doesn't answer."""

import asyncio
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import uvloop

from idgen.quota.decision import Verdict
from idgen.quota.redis import counters, line
from idgen.quota.redis.counters import FLIGHT_TIMEOUT_MS, MAX_CHECKS_PER_FLIGHT, RedisStore
from idgen.quota.rules import Charge, Check, Rule, Rules
from idgen.redis.address import RedisAddress
from tests.end_to_end.fleet import TOP, until
from tests.faults.proxy import Mode, Proxy
from tests.quota.redis.racer import LIMIT
from tests.quota.stores import PATIENT_MS
from tests.redis_server import RedisServer

OPEN = Rules((Rule("all", ("app",), 1000, 3600), Rule("one", ("app", "user"), 1000, 3600)))
CLOSED = Rules((Rule("all", ("app",), 1000, 3600, open_on_failure=False),))
CALL = Check("shop", "ann")
ANSWER_WITHIN_S = 0.1


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    def run_it(scenario: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(scenario)

    return run_it


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """One to do harm to."""
    with RedisServer(tmp_path / "redis", "--appendfsync", "no") as server:
        yield server


def address(port: int) -> RedisAddress:
    return RedisAddress("127.0.0.1", port, namespace=secrets.token_hex(4))


@asynccontextmanager
async def store_at(port: int, timeout_ms: int = PATIENT_MS) -> AsyncIterator[RedisStore]:
    store = RedisStore(address(port), timeout_ms)
    yield store
    await store.close()


async def answers(store: RedisStore, *charges: Charge) -> list[Verdict]:
    taken = [store.take(charge) for charge in charges]
    return [one if isinstance(one, Verdict) else await one for one in taken]


async def answers_in_time(store: RedisStore, *charges: Charge) -> list[Verdict]:
    """The same, of which each was there when the loop came to a timer of ANSWER_WITHIN_S.

    However late the loop is on a busy machine, it first ends flights whose time was up before.
    """
    taken = [store.take(charge) for charge in charges]
    futures = [one for one in taken if not isinstance(one, Verdict)]
    await asyncio.wait(futures, timeout=ANSWER_WITHIN_S)
    for _ in range(50):  # turns of the loop, in which what was due gets done
        await asyncio.sleep(0)
    assert all(future.done() for future in futures)
    return [one if isinstance(one, Verdict) else one.result() for one in taken]


async def recovered(store: RedisStore, check: Check = CALL) -> Verdict:
    for _ in range(200):
        (verdict,) = await answers(store, OPEN.charge(check))
        if not verdict.trouble:
            return verdict
        await asyncio.sleep(0.02)
    raise AssertionError(verdict.trouble)


def test_a_flush_of_scripts_goes_unnoticed(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with store_at(redis_server.port) as store:
            for used in (1, 2, 3):
                redis_server.client.script_flush()
                (verdict,) = await answers(store, OPEN.charge(CALL))
                assert verdict.levels[0].used == used

    run(scenario())


def test_checks_of_one_turn_go_out_in_one_call(
    run: Callable[..., None], own_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with store_at(own_server.port) as store:
            await answers(store, OPEN.charge(CALL))
            own_server.client.config_resetstat()
            verdicts = await answers(store, *[OPEN.charge(CALL)] * 100)
            assert [verdict.levels[0].used for verdict in verdicts] == list(range(2, 102))
            assert evalshas(own_server) == 1
            await answers(store, *[OPEN.charge(CALL)] * (MAX_CHECKS_PER_FLIGHT + 1))
            assert evalshas(own_server) == 3

    run(scenario())


def bytes_client(server: RedisServer) -> "redis.Redis":
    """For keys, which are no text."""
    return redis.Redis(port=server.port)


def evalshas(server: RedisServer) -> int:
    calls: int = server.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    return calls


def test_checks_that_come_shortly_after_a_flight_wait_for_each_other(
    run: Callable[..., None], own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "FLIGHT_EVERY_MS", 300)

    async def scenario() -> None:
        async with store_at(own_server.port) as store:
            await answers(store, OPEN.charge(CALL))
            own_server.client.config_resetstat()
            taken = []
            for _ in range(5):
                taken.append(store.take(OPEN.charge(CALL)))
                await asyncio.sleep(0.001)
            for one in taken:
                assert isinstance(one, asyncio.Future)
                assert not (await one).trouble
            assert evalshas(own_server) == 1

    run(scenario())


def test_who_has_gone_before_the_flight_is_not_charged(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with store_at(redis_server.port) as store:
            gone = store.take(OPEN.charge(CALL))
            assert isinstance(gone, asyncio.Future)
            gone.cancel()
            (verdict,) = await answers(store, OPEN.charge(CALL))
            assert verdict.levels[0].used == 1
            await asyncio.sleep(10 * counters.FLIGHT_EVERY_MS / 1000)  # so that it departs at once
            late = store.take(OPEN.charge(CALL))
            assert isinstance(late, asyncio.Future)
            await asyncio.sleep(0)
            late.cancel()  # while it flies
            (verdict,) = await answers(store, OPEN.charge(CALL))
            assert verdict.levels[0].used == 3

    run(scenario())


def test_a_counter_without_a_ttl_or_with_too_long_a_one_is_healed(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        client = bytes_client(redis_server)
        async with store_at(redis_server.port) as store:
            await answers(store, CLOSED.charge(CALL))
            (key,) = client.keys(f"{store._address.namespace}:*")
            for cost in (0, 1, 1001):
                for harm in (client.persist, lambda key: client.expire(key, 99_999)):
                    harm(key)
                    (verdict,) = await answers(store, CLOSED.charge(CALL._replace(cost=cost)))
                    assert 3_590_000 < verdict.levels[0].reset_ms <= 3_600_000
                    assert 3_590_000 < client.pttl(key) <= 3_600_000

    run(scenario())


def test_what_others_have_put_in_a_counters_place_is_replaced(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        client = bytes_client(redis_server)
        async with store_at(redis_server.port) as store:
            await answers(store, CLOSED.charge(CALL))
            (key,) = client.keys(f"{store._address.namespace}:*")
            for value in ("a word", "1.5", "1e9", "-3", "9" * 30):
                client.set(key, value)
                (verdict,) = await answers(store, CLOSED.charge(CALL))
                assert (verdict.trouble, verdict.levels[0].used) == ("", 1)
            client.delete(key)
            client.lpush(key, "a list")
            (verdict,) = await answers(store, CLOSED.charge(CALL))
            assert (verdict.trouble, verdict.levels[0].used) == ("", 1)
            assert client.ttl(key) > 3590

    run(scenario())


def racers(
    server: RedisServer, namespace: str, calls: int, count: int = 8
) -> list["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.quota.redis.racer", str(server.port), namespace]
    command.append(str(calls))
    return [
        subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]


def test_eight_processes_that_race_let_exactly_as_many_through_as_allowed(
    redis_server: RedisServer,
) -> None:
    processes = racers(redis_server, secrets.token_hex(4), LIMIT // 4)
    passed = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(passed) == LIMIT
    assert max(passed) < LIMIT


def test_no_counter_is_without_a_ttl_after_a_kill_under_load(own_server: RedisServer) -> None:
    client = bytes_client(own_server)
    processes = racers(own_server, "killed", 10_000_000, 2)
    try:
        until(lambda: client.dbsize() > 200, "the racers call")
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    keys = client.keys("*")
    assert len(keys) > 200
    assert all(0 < client.pttl(key) <= 3_600_000 for key in keys)


def test_while_redis_is_stopped_or_dead_each_call_is_answered_in_time(
    run: Callable[..., None], own_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with store_at(own_server.port, FLIGHT_TIMEOUT_MS) as store:
            assert (await recovered(store)).allowed
            own_server.stop()
            for _ in range(3):
                await fails_in_time(store, "no answer within 40 ms$")
            own_server.go_on()
            await recovered(store)
            own_server.kill()
            for _ in range(3):
                await fails_in_time(store, "it can't be reached: ")
            own_server.start()
            await recovered(store)
            assert store.failures["unreachable"] >= 6 * 602

    run(scenario())


async def fails_in_time(store: RedisStore, why: str) -> None:
    """More than one flight's, of different rules; and open and closed are kept."""
    charges = [OPEN.charge(CALL)] * 600 + [CLOSED.charge(CALL)]
    charges.append(CLOSED.charge(CALL._replace(cost=0)))
    verdicts = await answers_in_time(store, *charges)
    assert [verdict.allowed for verdict in verdicts] == [True] * 600 + [False, True]
    assert not any(verdict.levels for verdict in verdicts)
    assert all(re.search(why, verdict.trouble) for verdict in verdicts), verdicts[0].trouble


def test_behind_a_black_hole_each_call_is_answered_in_time(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with (
            Proxy(redis_server.port) as proxy,
            store_at(proxy.port, FLIGHT_TIMEOUT_MS) as store,
        ):
            await recovered(store)
            await proxy.switch(Mode.BLACK_HOLE)
            for _ in range(3):
                await fails_in_time(store, "no answer within 40 ms$")
            await proxy.switch(Mode.PASSING)
            await recovered(store)

    run(scenario())


def test_who_waits_long_behind_others_is_counted_all_the_same(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with Proxy(redis_server.port) as proxy, store_at(proxy.port) as store:
            await recovered(store)
            proxy.delay_ms = 12
            charges = [OPEN.charge(CALL)] * (MAX_CHECKS_PER_FLIGHT * 10)
            verdicts = await answers(store, *charges)
            assert not any(verdict.trouble for verdict in verdicts)
            assert not verdicts[-1].allowed, "or whoever calls most would escape the limit"

    run(scenario())


def test_a_redis_far_away_is_connected_to_while_flights_fail(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with (
            Proxy(redis_server.port) as proxy,
            store_at(proxy.port, FLIGHT_TIMEOUT_MS) as store,
        ):
            await proxy.switch(Mode.BLACK_HOLE)
            assert (await answers(store, OPEN.charge(CALL)))[0].trouble
            await proxy.switch(Mode.PASSING)
            proxy.delay_ms = FLIGHT_TIMEOUT_MS // 4
            await recovered(store)

    run(scenario())


def test_a_connection_that_is_half_made_is_not_used(
    run: Callable[..., None], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "CONNECT_TIMEOUT_MS", 100)

    async def scenario() -> None:
        async with Proxy(redis_server.port) as proxy:
            somewhere = RedisAddress("127.0.0.1", proxy.port, 1, secrets.token_hex(4))
            store = RedisStore(somewhere, FLIGHT_TIMEOUT_MS)
            await proxy.switch(Mode.LOSING_REPLIES)  # that to SELECT
            assert (await answers(store, OPEN.charge(CALL)))[0].trouble
            assert store._line._connecting
            await asyncio.wait([store._line._connecting])
            assert not store._line._connection.is_connected
            await proxy.switch(Mode.PASSING)
            await recovered(store)
            await store.close()
        with redis.Redis(port=redis_server.port, db=1) as client:
            assert client.keys(f"{somewhere.namespace}:*")
            client.flushdb()

    run(scenario())


def test_an_answer_that_came_while_the_process_stood_still_is_heard(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with store_at(redis_server.port, FLIGHT_TIMEOUT_MS) as store:
            await recovered(store)
            for turns in range(8):
                taken = [store.take(OPEN.charge(CALL)) for _ in range(20)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                time.sleep(5 * FLIGHT_TIMEOUT_MS / 1000)  # noqa: ASYNC251 - nobody else gets a turn
                for one in taken:
                    assert isinstance(one, asyncio.Future)
                    assert not (await one).trouble

    run(scenario())


def test_a_late_answer_is_nobody_elses(run: Callable[..., None], redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with (
            Proxy(redis_server.port) as proxy,
            store_at(proxy.port, FLIGHT_TIMEOUT_MS) as store,
        ):
            assert (await recovered(store)).levels[1].used
            proxy.delay_ms = 60
            (late,) = await answers(store, OPEN.charge(CALL._replace(cost=100)))
            assert late.trouble
            proxy.delay_ms = 0
            other = await recovered(store, Check("shop", "bob"))
            assert other.levels[1].used < 100

    run(scenario())


def test_a_restart_while_nobody_calls_goes_unnoticed(
    run: Callable[..., None], own_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with store_at(own_server.port) as store:
            await answers(store, OPEN.charge(CALL))
            own_server.kill()
            own_server.start()
            await asyncio.sleep(0.01)
            (verdict,) = await answers(store, OPEN.charge(CALL))
            assert not verdict.trouble

    run(scenario())


def test_more_than_may_wait_are_answered_at_once(
    run: Callable[..., None], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "MAX_WAITING", 2)

    async def scenario() -> None:
        async with store_at(redis_server.port) as store:
            *waiting, one_more = [store.take(OPEN.charge(CALL)) for _ in range(3)]
            assert isinstance(one_more, Verdict)
            assert not one_more.allowed, "open is for a store that is away"
            assert one_more.trouble.endswith(": 2 checks wait for it")
            assert all(isinstance(one, asyncio.Future) for one in waiting)
            assert store.failures == {"full": 1}
            (verdict,) = await answers(store, CLOSED.charge(CALL._replace(cost=0)))
            assert isinstance(verdict, Verdict)

    run(scenario())


def test_an_outage_is_told_when_it_begins_and_when_it_ends(
    run: Callable[..., None], redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flake.quota")

    async def scenario() -> None:
        async with Proxy(redis_server.port) as proxy, store_at(proxy.port) as store:
            await recovered(store)
            await proxy.switch(Mode.REFUSING)
            for _ in range(3):
                await answers(store, OPEN.charge(CALL))
            await proxy.switch(Mode.PASSING)
            await recovered(store)

    run(scenario())
    told = [record.message for record in caplog.records if record.name == "flake.quota"]
    assert len(told) == 2, told
    assert told[0].startswith("calls are decided on without their quotas: redis://127.0.0.1:")
    assert told[1].startswith("quotas are asked for again at redis://127.0.0.1:")


def test_closing_waits_for_those_who_wait(
    run: Callable[..., None], redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        async with store_at(redis_server.port) as store:
            asked = store.take(OPEN.charge(CALL))
            assert isinstance(asked, asyncio.Future)
            await store.close()
            assert asked.result().levels[0].used == 1

    run(scenario())
