import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from idgen.client.async_prefetch import AsyncPrefetch
from idgen.client.buffer import Buffer
from idgen.client.errors import ClientClosed, NoServerAnswered
from idgen.client.wiped import Wiped

SIZE = 10
T = TypeVar("T")


class Source:
    """Gives numbers that follow one another; a test can hold it, or have it fail."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.error: Exception | None = None
        self.flows = asyncio.Event()
        self.flows.set()
        self._next = 0

    async def ask(self, count: int, begun_s: float | None = None) -> list[int]:
        self.asked.append(count)
        await self.flows.wait()
        if self.error:
            raise self.error
        self._next += count
        return list(range(self._next - count, self._next))


@asynccontextmanager
async def filling() -> AsyncIterator[tuple[Source, AsyncPrefetch]]:
    source = Source()
    prefetch = AsyncPrefetch(source.ask, Buffer(SIZE, 3600, Wiped().number), 60)
    yield source, prefetch
    source.flows.set()
    await prefetch.stop()


def run(test: Callable[[Source, AsyncPrefetch], Awaitable[T]]) -> T:
    async def main() -> T:
        async with filling() as (source, prefetch):
            return await test(source, prefetch)

    return asyncio.run(main())


async def turns(holds: Callable[[], bool]) -> None:
    """Let the loop turn until it holds."""
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never holds")


def test_ids_come_in_order() -> None:
    async def main(_: Source, prefetch: AsyncPrefetch) -> None:
        assert [await prefetch.next_id() for _ in range(1000)] == list(range(1000))

    run(main)


def test_all_who_wait_wait_for_one_fill_and_one_that_is_cancelled_harms_no_other() -> None:
    async def main(source: Source, prefetch: AsyncPrefetch) -> None:
        source.flows.clear()
        waiting = [asyncio.create_task(prefetch.next_id()) for _ in range(4)]
        await turns(lambda: len(source.asked) == 1)
        waiting.pop().cancel()
        await asyncio.sleep(0)
        source.flows.set()
        assert sorted(await asyncio.gather(*waiting)) == [0, 1, 2]

    run(main)


def test_a_fill_that_fails_is_told_to_whoever_waits_and_the_next_call_asks_anew() -> None:
    async def main(source: Source, prefetch: AsyncPrefetch) -> None:
        source.error = NoServerAnswered()
        for _ in range(3):
            with pytest.raises(NoServerAnswered):
                await prefetch.next_id()
        source.error = None
        assert await prefetch.next_id() == 0

    run(main)


def test_an_outage_is_not_noticed_while_ids_are_at_hand_and_ends_by_itself() -> None:
    async def main(source: Source, prefetch: AsyncPrefetch) -> None:
        assert await prefetch.next_id() == 0
        await turns(lambda: source._next >= SIZE)
        source.error = NoServerAnswered()
        assert [await prefetch.next_id() for _ in range(SIZE - 2)] == list(range(1, SIZE - 1))
        asked = len(source.asked)
        await turns(lambda: len(source.asked) > asked)
        source.error = None
        given = source._next
        await turns(lambda: source._next > given)

    run(main)


def test_a_fill_that_fails_when_nobody_waits_is_no_complaint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(source: Source, prefetch: AsyncPrefetch) -> None:
        await prefetch.next_id()
        source.error = NoServerAnswered()
        prefetch.take(SIZE)
        await turns(lambda: len(source.asked) > 3)

    run(main)
    assert not caplog.records


def test_whoever_waits_when_it_is_stopped_is_told() -> None:
    async def main(source: Source, prefetch: AsyncPrefetch) -> None:
        source.flows.clear()
        waiting = asyncio.create_task(prefetch.next_id())
        await turns(lambda: len(source.asked) == 1)
        await prefetch.stop()
        with pytest.raises(ClientClosed):
            await waiting

    run(main)


def test_whoever_asks_after_the_task_has_ended_is_given_an_id_all_the_same() -> None:
    async def main() -> list[int]:
        prefetch = AsyncPrefetch(Source().ask, Buffer(SIZE, 3600, Wiped().number), 60)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        return [await prefetch.next_id() for _ in range(3)]

    assert asyncio.run(main()) == [0, 1, 2]


def test_callers_that_wait_are_asked_for_too() -> None:
    async def main(source: Source, prefetch: AsyncPrefetch) -> None:
        ids = await asyncio.gather(*(prefetch.next_id() for _ in range(500)))
        assert sorted(ids) == list(range(500))
        assert 1 not in source.asked
        assert len(source.asked) < 5

    run(main)


def test_an_id_that_is_too_old_when_it_comes_is_asked_for_alone() -> None:
    async def main() -> None:
        source = Source()
        prefetch = AsyncPrefetch(source.ask, Buffer(SIZE, 1e-9, Wiped().number), 60)
        await prefetch.next_id()
        assert source.asked[-1] == 1
        await prefetch.stop()

    asyncio.run(main())


def test_a_buffer_that_is_little_used_is_made_younger() -> None:
    async def main() -> None:
        source = Source()
        prefetch = AsyncPrefetch(source.ask, Buffer(SIZE, 0.4, Wiped().number), 60)
        await prefetch.next_id()
        await turns(lambda: len(source.asked) == 2)
        await prefetch.next_id()
        await turns(lambda: len(source.asked) > 2)
        await prefetch.stop()

    asyncio.run(main())


def test_a_mistake_of_ours_leaves_nobody_waiting() -> None:
    async def main(source: Source, prefetch: AsyncPrefetch) -> None:
        source.error = KeyError("oh")
        with pytest.raises(KeyError):
            await prefetch.next_id()

    run(main)
