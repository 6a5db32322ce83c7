import asyncio
import gc
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from idgen.grant import Grant
from idgen.grants.memory import MemoryStore
from idgen.grants.off_loop import OffLoop
from idgen.grants.store import StoreUnavailable
from tests.clocks import WallClock

NOW = 1795219200123


class SlowStore(MemoryStore):
    """A disk that takes its time."""

    def __init__(self) -> None:
        super().__init__(3, WallClock(NOW))
        self.calls: list[str] = []
        self.go = threading.Event()
        self.error: Exception | None = None

    async def extend(self, grant: Grant, unix_ms: int) -> Grant:
        assert self.go.wait(10)
        self.calls.append(f"extend in {threading.current_thread().name[:6]}")
        if self.error:
            raise self.error
        return await super().extend(grant, unix_ms)

    async def release(self, grant: Grant, last_unix_ms: int | None) -> None:
        self.calls.append("release")


def run(scenario: Callable[[SlowStore, OffLoop], Coroutine[Any, Any, None]]) -> None:
    store = SlowStore()
    asyncio.run(scenario(store, OffLoop(store)))


def test_a_slow_disk_does_not_hold_up_the_loop() -> None:
    async def scenario(store: SlowStore, off_loop: OffLoop) -> None:
        asking = asyncio.create_task(off_loop.acquire())
        begun_s = time.monotonic()
        await asyncio.sleep(0.01)
        assert not asking.done()
        store.go.set()
        assert await asking == Grant(3, -1, NOW + 1000)
        assert time.monotonic() > begun_s
        assert store.calls == ["extend in grants"]

    run(scenario)


def test_a_call_whose_caller_was_cancelled_ends_before_the_next_begins() -> None:
    async def scenario(store: SlowStore, off_loop: OffLoop) -> None:
        asking = asyncio.create_task(off_loop.acquire())
        await asyncio.sleep(0.01)
        asking.cancel()
        releasing = asyncio.create_task(off_loop.release(Grant(3, 0, 0), None))
        await asyncio.sleep(0.01)
        assert store.calls == []
        store.go.set()
        await releasing
        assert store.calls == ["extend in grants", "release"]

    run(scenario)


def test_a_call_that_is_cancelled_before_it_began_is_never_made() -> None:
    async def scenario(store: SlowStore, off_loop: OffLoop) -> None:
        extending = asyncio.create_task(off_loop.acquire())
        waiting = asyncio.create_task(off_loop.acquire())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0)
        store.go.set()
        await extending
        await off_loop.release(Grant(3, 0, 0), None)
        assert store.calls == ["extend in grants", "release"]

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run(scenario)
        gc.collect()  # of a call that is still there and that nobody has made Python says so
    assert not [each for each in warned if "never awaited" in str(each.message)]


def test_errors_come_through() -> None:
    async def scenario(store: SlowStore, off_loop: OffLoop) -> None:
        store.go.set()
        store.error = StoreUnavailable("full")
        with pytest.raises(StoreUnavailable, match="full"):
            await off_loop.acquire()

    run(scenario)
