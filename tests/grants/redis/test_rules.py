"""The rules of the script, in a simulated Redis and in a real one."""

import secrets
from collections.abc import Callable

import pytest

from idgen.errors import BadSetting
from idgen.grant import Grant
from idgen.grants.redis.answer import Answer
from idgen.grants.redis.claim import (
    GRANT_MS,
    MAX_SKEW_MS,
    QUARANTINE_MS,
    Claim,
    Question,
    pin_key,
    record_key,
)
from idgen.grants.redis.store import RedisStore
from idgen.grants.store import StoreError, StoreRestarted, StoreUnavailable, TokenLost
from tests.clocks import WallClock
from tests.faults.redis_world import SimulatedRedis
from tests.grants.stores import SimulatedScript, TimedScript, claim, run
from tests.redis_server import RedisServer

NOW = 1795219200123


class Bench:
    """A Redis at the test's time, a namespace of the test's, and processes that ask."""

    def __init__(self, kind: str, server: RedisServer) -> None:
        self.clock = WallClock(NOW)
        self.namespace = secrets.token_hex(8)
        simulated = SimulatedScript(self.clock)
        self.script = simulated if kind == "simulated" else TimedScript(server, self.clock)
        self._redis: SimulatedRedis | None = simulated.redis if kind == "simulated" else None
        self._client = server.client

    def process(self, worker_ids: range = range(7, 8), holder: str = "host=x pid=1") -> RedisStore:
        """A store with tokens of its own, whose wall clock is Redis's."""
        return RedisStore(self.script, self.claim(worker_ids, holder), self.clock)

    def claim(self, worker_ids: range = range(7, 8), holder: str = "host=x pid=1") -> Claim:
        return claim(self.namespace, worker_ids, holder=holder)

    def answer(self, question: Question) -> Answer:
        return Answer.parse(run(self.script.ask(question)))

    def record(self, worker_id: int = 7) -> dict[str, str]:
        key = record_key(self.namespace, worker_id)
        if self._redis:
            return self._redis._hash(key)
        return self._client.hgetall(key)  # type: ignore[return-value]

    def set(self, worker_id: int = 7, key: str | None = None, **fields: str) -> None:
        key = key or record_key(self.namespace, worker_id)
        if self._redis:
            self._redis._hset(key, *(word for pair in fields.items() for word in pair))
        else:
            self._client.hset(key, mapping=fields)  # type: ignore[arg-type]

    def forget_the_run(self, worker_id: int = 7) -> None:
        """As a restart with its data does: the record is of an older run."""
        self.set(worker_id, run_id="0" * 40)

    def put(self, key: str, value: str) -> None:
        """A string where the script looks."""
        if self._redis:
            self._redis.data[key] = value
        else:
            self._client.set(key, value)


@pytest.fixture(params=["simulated", "real"])
def bench(request: pytest.FixtureRequest, redis_server: RedisServer) -> Bench:
    return Bench(request.param, redis_server)


def refused(kind: type[StoreError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_an_unknown_worker_id_is_quarantined(bench: Bench) -> None:
    grant = run(bench.process().acquire())
    assert grant == Grant(7, NOW + QUARANTINE_MS, NOW + QUARANTINE_MS)
    assert set(bench.record()) == {"token", "floor", "ceiling", "run_id", "holder"}


def test_a_free_one_of_this_run_is_granted_from_now_on(bench: Bench) -> None:
    store = bench.process()
    grant = run(store.acquire())
    bench.clock.unix_ms += 20_000
    run(store.release(grant, grant.floor_unix_ms + 5))
    assert bench.record()["ceiling"] == str(grant.floor_unix_ms + 5)
    assert "token" not in bench.record()
    again = run(bench.process().acquire())
    assert again == Grant(7, NOW + 20_000, NOW + 20_000 + GRANT_MS)


def test_a_release_never_goes_below_the_floor(bench: Bench) -> None:
    store = bench.process()
    grant = run(store.acquire())
    run(store.release(grant, None))
    assert bench.record()["ceiling"] == str(NOW + QUARANTINE_MS)
    assert run(bench.process().acquire()).floor_unix_ms == NOW + QUARANTINE_MS


def test_a_record_of_an_older_run_is_quarantined_above_its_ceiling(bench: Bench) -> None:
    run(bench.process().acquire())
    bench.set(ceiling=str(NOW + 100_000))
    bench.forget_the_run()
    assert run(bench.process().acquire()).floor_unix_ms == NOW + 100_000
    bench.set(ceiling=str(NOW + 1))
    bench.forget_the_run()
    assert run(bench.process().acquire()).floor_unix_ms == NOW + QUARANTINE_MS


def test_a_record_of_an_older_run_is_never_busy(bench: Bench) -> None:
    first = run(bench.process().acquire())
    bench.forget_the_run()
    bench.clock.unix_ms += 1
    assert run(bench.process().acquire()).floor_unix_ms == first.floor_unix_ms + 1


def test_a_cold_redis_that_knows_64_ids_costs_a_new_fleet_the_quarantine_and_no_more(
    bench: Bench,
) -> None:
    for worker_id in range(64):
        bench.set(worker_id, floor="0", ceiling=str(NOW - worker_id), run_id="0" * 40)
    fleet = [run(bench.process(range(64)).acquire()) for _ in range(3)]
    assert [grant.worker_id for grant in fleet] == [63, 62, 61]
    assert {grant.floor_unix_ms for grant in fleet} == {NOW + QUARANTINE_MS}


def test_an_acquisition_that_is_asked_again_after_its_grant_has_ended_is_a_new_one(
    bench: Bench,
) -> None:
    asking = bench.claim()
    first = bench.answer(asking.ask_to_acquire(NOW))
    bench.clock.unix_ms = first.numbers[-1] + 1
    again = bench.answer(asking.ask_to_acquire(bench.clock.unix_ms))
    assert again.numbers[1] == bench.clock.unix_ms


def test_a_holder_keeps_others_out_until_its_ceiling_is_past(bench: Bench) -> None:
    run(bench.process(holder="host=web-1 pid=4711").acquire())
    other = bench.process()
    bench.clock.unix_ms = NOW + QUARANTINE_MS
    assert refused(StoreUnavailable, lambda: run(other.acquire())) == (
        f"worker_id 7 is held by host=web-1 pid=4711 until {NOW + QUARANTINE_MS}"
    )
    bench.clock.unix_ms += 1
    assert run(other.acquire()).floor_unix_ms == NOW + QUARANTINE_MS + 1


def test_auto_takes_the_one_whose_ceiling_is_oldest(bench: Bench) -> None:
    ids = range(4)
    for worker_id in ids:
        store = bench.process(range(worker_id, worker_id + 1))
        run(store.release(run(store.acquire()), NOW + QUARANTINE_MS + (3, 1, 2, 4)[worker_id]))
    bench.clock.unix_ms += 100_000
    taken = [run(bench.process(ids).acquire()).worker_id for _ in ids]
    assert taken == [1, 2, 0, 3]
    assert refused(StoreUnavailable, lambda: run(bench.process(ids).acquire())).startswith(
        "all worker_ids from 0 to 3 are taken; one may end at "
    )


def test_auto_takes_one_of_this_run_before_older_and_unknown_ones(bench: Bench) -> None:
    for worker_id in (1, 2):
        store = bench.process(range(worker_id, worker_id + 1))
        run(store.release(run(store.acquire()), None))
    bench.set(2, ceiling=str(NOW + 50_000))
    bench.set(1, ceiling=str(NOW + 5))
    bench.forget_the_run(1)
    bench.clock.unix_ms += 60_000
    taken = [run(bench.process(range(3)).acquire()) for _ in range(3)]
    assert [grant.worker_id for grant in taken] == [2, 0, 1]
    waits_ms = [grant.floor_unix_ms - bench.clock.unix_ms for grant in taken]
    assert waits_ms == [0, QUARANTINE_MS, QUARANTINE_MS]


def test_auto_passes_over_a_key_that_holds_no_record(bench: Bench) -> None:
    bench.put(record_key(bench.namespace, 0), "a string")
    bench.set(1, ceiling="soon", floor="1", run_id="x")
    assert run(bench.process(range(3)).acquire()).worker_id == 2
    told = refused(StoreUnavailable, lambda: run(bench.process(range(1)).acquire()))
    assert told.startswith(f"{bench.namespace}:worker:0 holds no grant: WRONGTYPE ")
    told = refused(StoreUnavailable, lambda: run(bench.process(range(1, 2)).acquire()))
    assert told == f"{bench.namespace}:worker:1 holds no grant: floor or ceiling is no number"


def test_an_acquisition_that_is_asked_twice_gives_the_same_grant(bench: Bench) -> None:
    ids = range(3)
    asking = bench.claim(ids)
    first = bench.answer(asking.ask_to_acquire(NOW))
    bench.clock.unix_ms += 900
    again = bench.answer(asking.ask_to_acquire(bench.clock.unix_ms))
    assert (again.outcome, again.numbers) == (first.outcome, first.numbers)
    assert [bool(bench.record(worker_id)) for worker_id in ids] == [True, False, False]


def test_an_extension_that_is_asked_twice_is_granted_twice(bench: Bench) -> None:
    asking = bench.claim()
    asking.hear_acquired(bench.answer(asking.ask_to_acquire(NOW)), NOW)
    bench.clock.unix_ms += 20_000
    for _ in range(2):  # the first answer is lost
        answer = bench.answer(asking.ask_to_extend(bench.clock.unix_ms))
    assert asking.hear_extended(answer).ceiling_unix_ms == bench.clock.unix_ms + GRANT_MS


def test_a_late_copy_of_an_old_extension_is_refused(bench: Bench) -> None:
    asking = bench.claim()
    asking.hear_acquired(bench.answer(asking.ask_to_acquire(NOW)), NOW)
    old = asking.ask_to_extend(NOW)
    for _ in range(2):
        asking.hear_extended(bench.answer(asking.ask_to_extend(NOW)))
    before = bench.record()
    assert bench.answer(old).outcome == "lost"
    assert bench.record() == before


def test_a_ceiling_never_goes_down_though_redis_s_clock_does(bench: Bench) -> None:
    store = bench.process()
    grant = run(store.acquire())
    bench.clock.unix_ms -= 3_600_000
    assert run(store.extend(grant, bench.clock.unix_ms)) == grant


def test_a_grant_that_another_has_is_lost(bench: Bench) -> None:
    store = bench.process()
    grant = run(store.acquire())
    bench.clock.unix_ms = grant.ceiling_unix_ms + 1
    run(bench.process().acquire())
    before = bench.record()
    refused(TokenLost, lambda: run(store.extend(grant, bench.clock.unix_ms)))
    assert bench.record() == before


def test_after_a_restart_with_its_data_a_grant_is_only_not_extended(bench: Bench) -> None:
    store = bench.process()
    grant = run(store.acquire())
    bench.forget_the_run()
    before = bench.record()
    told = refused(StoreRestarted, lambda: run(store.extend(grant, NOW)))
    assert told == "worker_id 7: Redis was restarted"
    assert bench.record() == before


def test_a_release_of_an_older_run_changes_nothing(bench: Bench) -> None:
    store = bench.process()
    grant = run(store.acquire())
    bench.forget_the_run()
    before = bench.record()
    refused(StoreRestarted, lambda: run(store.release(grant, NOW)))
    assert bench.record() == before


@pytest.mark.parametrize("skew_ms", [-MAX_SKEW_MS - 1, MAX_SKEW_MS + 1])
def test_a_clock_that_is_off_changes_nothing(bench: Bench, skew_ms: int) -> None:
    asking = bench.claim()
    words = f"this clock is more than {MAX_SKEW_MS} ms from Redis's, which is at {NOW}"
    answer = bench.answer(asking.ask_to_acquire(NOW + skew_ms))
    assert refused(StoreUnavailable, lambda: asking.hear_acquired(answer, NOW)) == words
    assert not bench.record()
    asking.hear_acquired(bench.answer(asking.ask_to_acquire(NOW)), NOW)
    before = bench.record()
    for question in (
        asking.ask_to_extend(NOW + skew_ms),
        asking.ask_to_release(NOW + skew_ms, None),
    ):
        assert bench.answer(question).outcome == "skewed"
    assert bench.record() == before


def test_a_clock_that_is_off_by_as_much_as_is_allowed_is_none(bench: Bench) -> None:
    for skew_ms in (-MAX_SKEW_MS, MAX_SKEW_MS):
        asking = bench.claim(range(3))
        answer = bench.answer(asking.ask_to_acquire(NOW + skew_ms))
        assert answer.numbers[-1] == NOW + QUARANTINE_MS, "by Redis's clock, not by the caller's"


def test_another_epoch_than_the_pinned_one_is_refused_and_writes_nothing(bench: Bench) -> None:
    held = bench.process()
    grant = run(held.acquire())
    other = RedisStore(
        bench.script, claim(bench.namespace, range(8, 9), epoch_ms=1_300_000_000_000), bench.clock
    )
    assert refused(BadSetting, lambda: run(other.acquire())).startswith(  # type: ignore[arg-type]
        f"--epoch_ms: 1300000000000 is not what namespace {bench.namespace} of Redis is pinned to:"
    )
    assert not bench.record(8)
    bench.put(f"{bench.namespace}:pin", "layout=41.10.12 epoch=5")
    told = refused(StoreUnavailable, lambda: run(held.extend(grant, NOW)))
    assert "is pinned to: 'layout=41.10.12 epoch=5'" in told


def test_a_pin_of_a_wrong_type_is_said(bench: Bench) -> None:
    bench.set(key=pin_key(bench.namespace), floor="1")
    told = refused(StoreUnavailable, lambda: run(bench.process().acquire()))
    assert told.startswith(f"{bench.namespace}:pin holds no layout and epoch: WRONGTYPE ")


def test_an_older_redis_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idgen.grants.redis.claim.OLDEST_VERSION", "99.1")
    told = refused(StoreUnavailable, lambda: run(bench.process().acquire()))
    assert told == "Redis 7.0 is too old; 99.1 or later is needed"
    assert not bench.record()
    for older_than_ours in ("6.99", "7.0"):
        monkeypatch.setattr("idgen.grants.redis.claim.OLDEST_VERSION", older_than_ours)
        run(bench.process(range(50)).acquire())


@pytest.mark.parametrize(
    "ceiling", ["nan", "inf", "-inf", "1e400", "0x10", "-5", "1.5", " 5 ", "", "9" * 16]
)
def test_what_is_no_number_of_ours_is_granted_to_nobody(bench: Bench, ceiling: str) -> None:
    store = bench.process()
    grant = run(store.acquire())
    bench.set(ceiling=ceiling)
    before = bench.record()
    refused(TokenLost, lambda: run(store.extend(grant, NOW)))
    refused(StoreUnavailable, lambda: run(bench.process().acquire()))
    assert bench.record() == before
    assert run(bench.process(range(7, 9)).acquire()).worker_id == 8


def test_auto_leaves_what_a_wrong_clock_has_put_far_ahead(bench: Bench) -> None:
    for worker_id in range(2):
        store = bench.process(range(worker_id, worker_id + 1))
        run(store.release(run(store.acquire()), None))
    bench.set(0, ceiling=str(NOW + 86_400_000))
    assert run(bench.process(range(2)).acquire()).worker_id == 1
    assert run(bench.process(range(3)).acquire()).worker_id == 2
    assert run(bench.process(range(3)).acquire()).floor_unix_ms == NOW + 86_400_000


def test_what_others_have_written_is_one_plain_line(bench: Bench) -> None:
    run(bench.process(holder="web\n2026-11-22 forged\x1b[31m").acquire())
    told = refused(StoreUnavailable, lambda: run(bench.process().acquire()))
    assert told.startswith(r"worker_id 7 is held by web\n2026-11-22 forged\x1b[31m until ")
