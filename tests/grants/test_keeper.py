import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from idgen.errors import BadSetting, NotReady
from idgen.grant import Grant
from idgen.grants.keeper import MAX_RETRY_MS, Keeper
from idgen.grants.memory import MemoryStore
from idgen.grants.store import GrantLost, StoreRestarted, StoreUnavailable, TokenLost
from idgen.layout import Layout, unpack
from idgen.service import IdService
from tests.clocks import WallClock

NOW = 1795219200123


class ScriptedStore(MemoryStore):
    """In memory; the test says what goes wrong, and when an extension is answered."""

    def __init__(self, clock: WallClock) -> None:
        super().__init__(3, clock)
        self.error: Exception | None = None
        self.answer_at: asyncio.Event | None = None
        self.granted: list[Grant] = []
        """What the next acquisitions give, instead of what memory would."""
        self.released: list[tuple[Grant, int | None]] = []
        self.holder_at_release: Grant | None = None
        self.look: Callable[[], Grant | None] = lambda: None

    async def acquire(self) -> Grant:
        if self.error:
            raise self.error
        return self.granted.pop(0) if self.granted else await super().acquire()

    async def extend(self, grant: Grant, unix_ms: int) -> Grant:
        if self.answer_at:
            await self.answer_at.wait()
        if self.error:
            raise self.error
        return await super().extend(grant, unix_ms)

    async def release(self, grant: Grant, last_unix_ms: int | None) -> None:
        self.holder_at_release = self.look()
        if self.error:
            raise self.error
        self.released.append((grant, last_unix_ms))


class Bench:
    def __init__(self) -> None:
        self.clock = WallClock(NOW)
        self.boot_ms = 1000
        self.chance = 1.0
        self.store = ScriptedStore(self.clock)
        self.service = IdService(Layout(), 3, self.clock, self.store.longest_wait_ms)
        self.store.look = lambda: self.service.grant
        self.keeper = Keeper(
            self.store, self.service, lambda: self.boot_ms, self.sleep, jitter=lambda: self.chance
        )
        self.slept_ms = 0
        self.sleeps_ms: list[int] = []

    async def sleep(self, seconds: float) -> None:
        self.slept_ms += round(seconds * 1000)
        self.sleeps_ms.append(round(seconds * 1000))
        self.pass_ms(round(seconds * 1000))
        await asyncio.sleep(0)

    def pass_ms(self, ms: int) -> None:
        self.clock.unix_ms += ms
        self.boot_ms += ms


def run(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario(Bench()))


def test_without_a_grant_the_service_says_that_it_starts() -> None:
    with pytest.raises(NotReady, match=r"^starting: no grant yet$"):
        Bench().service.next_id()


def test_a_step_acquires_and_the_next_ones_extend_every_half_grant() -> None:
    async def scenario(bench: Bench) -> None:
        assert await bench.keeper.step() == 500
        assert bench.service.grant == Grant(3, -1, NOW + 1000)
        bench.pass_ms(500)
        assert await bench.keeper.step() == 500
        assert bench.service.grant == Grant(3, -1, NOW + 1500)

    run(scenario)


def test_the_time_that_a_step_took_is_part_of_the_half_grant() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.store.answer_at = asyncio.Event()
        for took_ms, delay_ms in ((300, 200), (700, 0)):
            asking = asyncio.create_task(bench.keeper.step())
            await asyncio.sleep(0)
            bench.pass_ms(took_ms)
            bench.store.answer_at.set()
            assert await asking == delay_ms
            bench.store.answer_at.clear()

    run(scenario)


def test_while_the_store_fails_ids_go_on_to_the_ceiling_and_then_it_says_why() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.store.error = StoreUnavailable("the disk is full")
        waits = [await bench.keeper.step() for _ in range(8)]
        assert waits[:3] == [100, 200, 400]
        assert waits[-1] == MAX_RETRY_MS
        bench.pass_ms(1000)
        bench.service.next_id()
        bench.pass_ms(1)
        with pytest.raises(NotReady, match=f"^the grant ends at {NOW + 1000}: the disk is full$"):
            bench.service.next_id()
        bench.store.error = None
        assert await bench.keeper.step() == 500
        bench.service.next_id()

    run(scenario)


def test_retries_are_spread_by_chance() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.error = StoreUnavailable("out of reach", "unreachable")
        bench.chance = 0.5
        assert [await bench.keeper.step() for _ in range(6)] == [75, 150, 300, 600, 750, 750]
        assert bench.service.grant_counts.refusals == {"unreachable": 6}

    run(scenario)


def test_a_late_answer_counts_only_for_the_grant_that_asked() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.store.answer_at = asyncio.Event()
        asking = asyncio.create_task(bench.keeper.step())
        await asyncio.sleep(0)
        await bench.keeper.release()
        bench.store.answer_at.set()
        await asking
        assert bench.service.grant is None
        assert bench.service.grant_counts.extensions == 0

    run(scenario)


def test_a_lost_token_ends_the_grant_at_once_and_another_is_acquired() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.service.next_id()
        bench.pass_ms(500)
        bench.store.error = TokenLost("another process has it")
        assert await bench.keeper.step() == 100
        assert bench.service.grant is None
        with pytest.raises(NotReady, match=r"^another process has it$"):
            bench.service.next_id()
        bench.store.error = None
        bench.store.granted = [Grant(9, NOW, NOW + 2000)]
        await bench.keeper.step()
        assert unpack(bench.service.next_id()).worker_id == 9
        assert bench.service.worker_id == 9
        assert bench.service.grant_counts.worker_id_changes == 1
        assert bench.service.grant_counts.refusals == {"lost": 1}

    run(scenario)


def test_after_a_restart_of_the_store_the_old_grant_is_used_up_before_the_next_begins() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.store.error = StoreRestarted("Redis was restarted")
        await bench.keeper.step()
        old = bench.service.grant
        assert old == Grant(3, -1, NOW + 1000)
        bench.store.error = None
        bench.store.granted = [Grant(4, NOW + 5000, NOW + 5000)]
        await bench.keeper.step()
        assert bench.service.grant is old
        assert unpack(bench.service.next_id()).worker_id == 3
        await bench.keeper.step()  # extends the next one, and lets the old one be
        assert bench.service.grant is old
        bench.pass_ms(1001)
        bench.clock.unix_ms = NOW + 4500
        await bench.keeper.step()
        assert bench.service.grant == Grant(4, NOW + 5000, NOW + 5500)
        bench.pass_ms(501)
        assert unpack(bench.service.next_id()).worker_id == 4

    run(scenario)


def test_the_next_grant_begins_as_soon_as_the_old_one_is_used_up() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.pass_ms(700)
        bench.store.error = StoreRestarted("Redis was restarted")
        await bench.keeper.step()
        bench.store.error = None
        bench.store.granted = [Grant(4, NOW + 1100, NOW + 3000)]
        keeping = asyncio.create_task(bench.keeper.run(0))
        for _ in range(3):
            await asyncio.sleep(0)
        keeping.cancel()
        assert bench.sleeps_ms[:2] == [0, 301], "until the old one is used up, and one more"
        assert bench.service.grant is not None
        assert bench.service.grant.worker_id == 4

    run(scenario)


def test_a_store_tells_how_far_the_clocks_are_apart() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.skew_ms = -7
        await bench.keeper.step()
        assert bench.service.grant_counts.skew_ms == -7

    run(scenario)


def test_a_lost_grant_is_used_to_its_ceiling_and_then_the_keeper_ends() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.pass_ms(300)
        bench.store.error = GrantLost("the file was removed")
        with pytest.raises(GrantLost):
            await bench.keeper.step()
        assert bench.clock.unix_ms == NOW + 1050, "it stayed to the ceiling, and a look beyond"
        assert bench.service.grant is None
        with pytest.raises(NotReady, match=r"^the file was removed$"):
            bench.service.next_id()

    run(scenario)


def test_a_lost_grant_ends_in_time_though_the_clock_stands_before_its_ceiling() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.clock.unix_ms -= 3_600_000
        bench.store.error = GrantLost("the file was removed")
        with pytest.raises(GrantLost):
            await bench.keeper.step()
        assert bench.slept_ms == bench.store.grant_ms

    run(scenario)


def test_a_jump_of_the_clock_is_refused_until_it_has_lasted() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.clock.unix_ms += 3_600_000
        await bench.keeper.step()
        with pytest.raises(NotReady, match=r"clock jumped ahead 3600000 ms; not believed until"):
            bench.service.next_id()
        assert bench.service.grant_counts.refusals == {"clock_jumped": 1}
        bench.clock.unix_ms -= 3_600_000
        bench.service.next_id()
        bench.clock.unix_ms += 3_600_000
        for _ in range(121):
            await bench.keeper.step()
            bench.pass_ms(500)
        bench.service.next_id()

    run(scenario)


def test_a_release_ends_the_grant_before_it_stores_what_was_used() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        grant = bench.service.grant
        bench.service.next_id()
        await bench.keeper.release()
        assert bench.store.released == [(grant, NOW)]
        assert bench.store.holder_at_release is None
        with pytest.raises(NotReady, match=r"^stopping$"):
            bench.service.next_id()
        await bench.keeper.release()
        assert len(bench.store.released) == 1

    run(scenario)


def test_a_release_that_fails_is_logged_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.store.error = StoreUnavailable("the disk is full")
        await bench.keeper.release()

    run(scenario)
    assert "the grant was not released: the disk is full" in caplog.text


def test_a_forked_child_issues_nothing_while_its_parent_goes_on() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        os.register_at_fork(after_in_child=bench.keeper.abandon)
        child = os.fork()
        if child == 0:
            try:
                bench.service.next_id()
            except NotReady as refusal:
                os._exit(0 if str(refusal) == "a forked child issues no IDs" else 2)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0  # noqa: ASYNC222 - it ends at once
        bench.service.next_id()

    run(scenario)


def test_an_acquisition_that_is_answered_after_the_release_begins_nothing() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.answer_at = asyncio.Event()
        asking = asyncio.create_task(bench.keeper.step())
        await asyncio.sleep(0)
        await bench.keeper.release()
        bench.store.answer_at.set()
        await asking
        assert bench.service.grant is None
        assert await bench.keeper.step() == 500
        assert bench.service.grant is None

    run(scenario)


def test_another_epoch_ends_the_start_but_no_process_that_had_a_grant() -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.error = BadSetting("--epoch_ms: 5 is pinned")
        with pytest.raises(BadSetting):
            await bench.keeper.step()
        bench.store.error = None
        await bench.keeper.step()
        bench.store.error = TokenLost("lost")
        await bench.keeper.step()
        bench.store.error = BadSetting("--epoch_ms: 5 is pinned")
        await bench.keeper.step()
        assert bench.service.grant_counts.refusals == {"lost": 1, "pinned": 1}

    run(scenario)


def test_a_forked_child_that_goes_on_asking_gets_nothing() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.step()
        bench.keeper.abandon()
        await bench.keeper.step()
        with pytest.raises(NotReady, match=r"^a forked child issues no IDs$"):
            bench.service.next_id()

    run(scenario)
