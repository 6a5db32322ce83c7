import asyncio
from collections.abc import Awaitable, Callable

import pytest

from idgen.batches import BatchQueue
from idgen.errors import ClockRegression, SequenceOverflow
from idgen.generator import BATCH_IDS_PER_MS
from idgen.layout import unpack
from idgen.limits import MAX_BATCH_WAIT_MS
from tests.clocks import MonotonicClock, WallClock, granted_service

NOW = 1795219200123


class Bench:
    """A queue over clocks that the test moves."""

    def __init__(self) -> None:
        self.wall = WallClock(NOW)
        self.monotonic = MonotonicClock()
        self.service = granted_service(1, self.wall)
        self.queue = BatchQueue(self.service, self.monotonic)

    def submit(self, n: int) -> asyncio.Future[list[range]]:
        """A batch whose parts are the ranges themselves."""
        return self.queue.submit(n, lambda ids: ids)

    async def turns(self) -> None:
        """Let the loop turn a few times."""
        for _ in range(5):
            await asyncio.sleep(0)


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario(Bench())

    asyncio.run(main())


def sizes(ranges: list[range]) -> list[int]:
    return [len(ids) for ids in ranges]


def test_a_batch_that_fits_is_there_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        assert sizes(bench.submit(1000).result()) == [1000]

    run(scenario)


def test_a_batch_spreads_over_milliseconds_and_its_ids_increase() -> None:
    async def scenario(bench: Bench) -> None:
        batch = bench.submit(10_000)
        for _ in range(3):
            assert not batch.done() or bench.wall.unix_ms == NOW + 2
            bench.wall.unix_ms += 1
            await bench.turns()
        ranges = batch.result()
        assert sizes(ranges) == [BATCH_IDS_PER_MS, BATCH_IDS_PER_MS, 10_000 - 2 * BATCH_IDS_PER_MS]
        assert [unpack(ids[0]).sequence for ids in ranges] == [0, 0, 0]
        assert ranges[0][-1] < ranges[1][0] < ranges[1][-1] < ranges[2][0]

    run(scenario)


def test_batches_are_served_first_come_first_served() -> None:
    async def scenario(bench: Bench) -> None:
        first = bench.submit(5000)
        second = bench.submit(10)
        await bench.turns()
        assert not second.done(), "numbers of this millisecond went to the first"
        bench.wall.unix_ms += 1
        await bench.turns()
        assert first.result()[-1][-1] < second.result()[0][0]

    run(scenario)


def test_single_ids_never_queue_behind_batches() -> None:
    async def scenario(bench: Bench) -> None:
        bench.submit(65_536)
        waiting = [bench.submit(10) for _ in range(3)]
        singles = [bench.service.next_id() for _ in range(64)]
        assert len(set(singles)) == 64
        assert not any(batch.done() for batch in waiting)

    run(scenario)


def test_a_batch_gets_the_overflow_after_its_longest_wait_for_the_first_number() -> None:
    async def scenario(bench: Bench) -> None:
        bench.submit(BATCH_IDS_PER_MS)
        early = bench.submit(1)
        bench.monotonic.now_s += 0.001
        late = bench.submit(1)
        bench.monotonic.now_s += MAX_BATCH_WAIT_MS / 1000 - 0.0005
        await bench.turns()
        assert isinstance(early.exception(), SequenceOverflow)
        assert not late.done()
        bench.wall.unix_ms += 1
        await bench.turns()
        assert sizes(late.result()) == [1]

    run(scenario)


def test_a_batch_behind_one_that_advances_still_expires() -> None:
    async def scenario(bench: Bench) -> None:
        head = bench.submit(10 * BATCH_IDS_PER_MS)
        behind = bench.submit(1)
        for _ in range(3):
            bench.monotonic.now_s += MAX_BATCH_WAIT_MS / 1000 * 0.4
            bench.wall.unix_ms += 1
            await bench.turns()
        assert not head.done(), "each number it gets gives it more time"
        assert isinstance(behind.exception(), SequenceOverflow)
        head.cancel()

    run(scenario)


def test_a_started_batch_does_not_wait_for_ever_for_a_clock_that_stands() -> None:
    async def scenario(bench: Bench) -> None:
        batch = bench.submit(BATCH_IDS_PER_MS + 1)
        bench.monotonic.now_s += MAX_BATCH_WAIT_MS / 1000
        await bench.turns()
        assert isinstance(batch.exception(), SequenceOverflow)
        assert bench.service.ids_taken == BATCH_IDS_PER_MS, "discarded, never given out again"

    run(scenario)


def test_a_batch_whose_client_has_gone_leaves_the_queue() -> None:
    async def scenario(bench: Bench) -> None:
        gone = bench.submit(60_000)
        next_in_line = bench.submit(10)
        gone.cancel()
        bench.wall.unix_ms += 1
        await bench.turns()
        assert sizes(next_in_line.result()) == [10]
        assert bench.service.ids_taken == BATCH_IDS_PER_MS + 10

    run(scenario)


def test_an_expired_batch_whose_client_has_gone_is_dropped_in_peace() -> None:
    async def scenario(bench: Bench) -> None:
        bench.submit(BATCH_IDS_PER_MS)
        expired = [bench.submit(1) for _ in range(3)]
        bench.monotonic.now_s += MAX_BATCH_WAIT_MS / 1000
        expired[1].cancel()
        await bench.turns()
        assert isinstance(expired[0].exception(), SequenceOverflow)
        assert isinstance(expired[2].exception(), SequenceOverflow)
        bench.wall.unix_ms += 1
        assert sizes(bench.submit(3).result()) == [3], "the queue lives on"

    run(scenario)


def test_a_clock_set_back_fails_every_waiting_batch_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        batches = [bench.submit(5000), bench.submit(5)]
        bench.wall.unix_ms -= 10
        await bench.turns()
        for batch in batches:
            assert isinstance(batch.exception(), ClockRegression)
        bench.wall.unix_ms += 11
        assert sizes(bench.submit(3).result()) == [3], "the queue lives on"

    run(scenario)


def test_waiting_does_not_hold_up_the_loop() -> None:
    async def scenario(bench: Bench) -> None:
        batch = bench.submit(5000)
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, done.set)
        await asyncio.wait_for(done.wait(), 10)
        assert not batch.done()
        batch.cancel()

    run(scenario)


@pytest.mark.parametrize("n", [0, 65_537])
def test_a_size_that_the_web_should_have_refused_is_our_mistake(n: int) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(AssertionError):
            bench.submit(n)

    run(scenario)
