"""What every store of grants keeps: one suite, run against each of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from idgen.grant import Grant
from idgen.grants.file import FileStore
from idgen.grants.files import OsFiles
from idgen.grants.memory import MemoryStore
from idgen.grants.store import GrantStore, StoreRefused
from idgen.layout import Layout
from tests.clocks import WallClock
from tests.faults.world import Machine, MachineFiles

NOW = 1795219200123
WORKER_ID = 7
Reopen = Callable[[], GrantStore]
"""The store as the worker_id's next process finds it; the one before has died."""


def memory_stores(clock: WallClock) -> Reopen:
    store = MemoryStore(WORKER_ID, clock)
    return lambda: store


def file_stores(clock: WallClock) -> Reopen:
    """Over a disk in memory, so that thousands of sequences take seconds."""
    machine = Machine(Random(0), quantum_ms=1)
    living: list[MachineFiles] = []

    def reopen() -> GrantStore:
        for files in living:
            files.close_all()
        living[:] = [MachineFiles(machine)]
        return FileStore(Path("/state"), WORKER_ID, Layout().epoch_ms, 1, living[0], clock)

    return reopen


STORES = {"memory": memory_stores, "file": file_stores}


def run(call: object) -> Grant:
    """An awaitable's result."""

    async def main() -> Grant:
        return await call  # type: ignore[misc, no-any-return]

    return asyncio.run(main())


class GrantsNeverOverlap(RuleBasedStateMachine):
    """Whatever the order of calls and whatever the clock does, floors are above old ceilings."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = WallClock(NOW)
        self.reopen = self.stores(self.clock)
        self.store: GrantStore | None = None
        self.grant: Grant | None = None
        self.used_unix_ms = -1
        """The largest millisecond that may have been used by any grant so far."""

    def stores(self, clock: WallClock) -> Reopen:
        raise NotImplementedError

    @rule(by_ms=st.sampled_from([-3_600_000, -5000, -1, 0, 1, 100, 999, 1000, 1001, 3_600_000]))
    def move_the_clock(self, by_ms: int) -> None:
        self.clock.unix_ms += by_ms

    @precondition(lambda self: self.grant is None)
    @rule()
    def acquire(self) -> None:
        self.store = self.reopen()
        grant = run(self.store.acquire())
        assert grant.worker_id == WORKER_ID
        assert grant.floor_unix_ms >= self.used_unix_ms
        assert grant.ceiling_unix_ms >= self.clock.unix_ms
        self.grant = grant

    @precondition(lambda self: self.grant is not None)
    @rule()
    def extend(self) -> None:
        assert self.store
        assert self.grant
        extended = run(self.store.extend(self.grant, self.clock.unix_ms))
        assert extended.worker_id == WORKER_ID
        assert extended.floor_unix_ms == self.grant.floor_unix_ms
        assert extended.ceiling_unix_ms >= self.grant.ceiling_unix_ms
        assert extended.ceiling_unix_ms >= self.clock.unix_ms + self.store.grant_ms
        self.grant = extended

    @precondition(lambda self: self.grant is not None)
    @rule()
    def kill(self) -> None:
        assert self.grant
        self.used_unix_ms = max(self.used_unix_ms, self.grant.ceiling_unix_ms)
        self.grant = None

    @precondition(lambda self: self.grant is not None)
    @rule(part=st.floats(0, 1), used=st.booleans())
    def release(self, part: float, used: bool) -> None:
        assert self.store
        assert self.grant
        span_ms = self.grant.ceiling_unix_ms - self.grant.floor_unix_ms
        last_unix_ms = self.grant.floor_unix_ms + int(span_ms * part) if used else None
        run(self.store.release(self.grant, last_unix_ms))
        self.used_unix_ms = max(self.used_unix_ms, self.grant.floor_unix_ms, last_unix_ms or -1)
        self.grant = None


class MemoryGrants(GrantsNeverOverlap):
    def stores(self, clock: WallClock) -> Reopen:
        return memory_stores(clock)


class FileGrants(GrantsNeverOverlap):
    def stores(self, clock: WallClock) -> Reopen:
        return file_stores(clock)


TestMemoryGrantsNeverOverlap = MemoryGrants.TestCase
TestFileGrantsNeverOverlap = FileGrants.TestCase
TestMemoryGrantsNeverOverlap.settings = settings(max_examples=60, deadline=None)
TestFileGrantsNeverOverlap.settings = settings(max_examples=60, deadline=None)


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest) -> tuple[WallClock, Reopen]:
    clock = WallClock(NOW)
    return clock, STORES[request.param](clock)


def test_a_clean_stop_leaves_no_wait(opened: tuple[WallClock, Reopen]) -> None:
    clock, reopen = opened
    store = reopen()
    grant = run(store.acquire())
    clock.unix_ms += 1500
    grant = run(store.extend(grant, clock.unix_ms))
    run(store.release(grant, clock.unix_ms))
    clock.unix_ms += 1
    again = run(reopen().acquire())
    assert again.floor_unix_ms < clock.unix_ms <= again.ceiling_unix_ms


def test_a_kill_leaves_a_wait_of_at_most_one_grant(opened: tuple[WallClock, Reopen]) -> None:
    clock, reopen = opened
    store = reopen()
    grant = run(store.acquire())
    clock.unix_ms += 1500
    run(store.extend(grant, clock.unix_ms))
    again = run(reopen().acquire())
    assert clock.unix_ms <= again.floor_unix_ms <= clock.unix_ms + store.grant_ms


def test_the_second_owner_of_a_file_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        first, second = (
            FileStore(tmp_path, WORKER_ID, Layout().epoch_ms, pid, OsFiles(), WallClock(NOW))
            for pid in (4711, 4712)
        )
        await first.acquire()
        with pytest.raises(StoreRefused, match=r"^worker_id 7 is held by process 4711: .* locked$"):
            await second.acquire()

    asyncio.run(main())
