"""What every store of grants keeps: one suite, run against each of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from idgen.grant import Grant
from idgen.grants.file import FileStore
from idgen.grants.files import OsFiles
from idgen.grants.redis.store import RedisStore
from idgen.grants.store import GrantStore, StoreRefused, StoreUnavailable
from idgen.layout import Layout
from tests.clocks import WallClock
from tests.grants.stores import STORES, WORKER_ID, Reopen, run
from tests.redis_server import RedisServer

NOW = 1795219200123


class GrantsNeverOverlap(RuleBasedStateMachine):
    """Whatever the order of calls and whatever the clock does, floors are above old ceilings."""

    def __init__(self, stores: Callable[[WallClock], Reopen]) -> None:
        super().__init__()
        self.clock = WallClock(NOW)
        self.reopen = stores(self.clock)
        self.store: GrantStore | None = None
        self.grant: Grant | None = None
        self.used_unix_ms = -1
        """The largest millisecond that may have been used by any grant so far."""
        self.killed_unix_ms = -1
        """The ceiling of the last grant, if its holder was killed."""

    @rule(by_ms=st.sampled_from([-3_600_000, -5000, -1, 0, 1, 100, 999, 1000, 10_001, 3_600_000]))
    def move_the_clock(self, by_ms: int) -> None:
        self.clock.unix_ms += by_ms

    @precondition(lambda self: self.grant is None)
    @rule()
    def acquire(self) -> None:
        self.store = self.reopen()
        if isinstance(self.store, RedisStore) and self.clock.unix_ms <= self.killed_unix_ms:
            # No lock tells Redis that the holder has died: it waits for the ceiling.
            with pytest.raises(StoreUnavailable, match=r"^worker_id 7 is held by host=here pid=1"):
                run(self.store.acquire())
            return
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
        self.killed_unix_ms = self.grant.ceiling_unix_ms
        self.grant = None

    @precondition(lambda self: self.grant is not None)
    @rule(part=st.floats(0, 1), used=st.booleans())
    def release(self, part: float, used: bool) -> None:
        assert self.store
        assert self.grant
        self.killed_unix_ms = -1
        span_ms = self.grant.ceiling_unix_ms - self.grant.floor_unix_ms
        last_unix_ms = self.grant.floor_unix_ms + int(span_ms * part) if used else None
        run(self.store.release(self.grant, last_unix_ms))
        self.used_unix_ms = max(self.used_unix_ms, self.grant.floor_unix_ms, last_unix_ms or -1)
        self.grant = None


@pytest.fixture(params=STORES)
def stores(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> Callable[[WallClock], Reopen]:
    make = STORES[request.param]
    return lambda clock: make(clock, redis_server)


@pytest.fixture
def opened(stores: Callable[[WallClock], Reopen]) -> tuple[WallClock, Reopen]:
    clock = WallClock(NOW)
    return clock, stores(clock)


def test_grants_never_overlap(stores: Callable[[WallClock], Reopen]) -> None:
    class OfThisStore(GrantsNeverOverlap):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(OfThisStore, settings=settings(max_examples=60, deadline=None))


def test_a_clean_stop_leaves_no_wait_once_the_worker_id_is_known(
    opened: tuple[WallClock, Reopen],
) -> None:
    clock, reopen = opened
    store = reopen()
    grant = run(store.acquire())
    clock.unix_ms = max(clock.unix_ms, grant.floor_unix_ms) + 1500
    grant = run(store.extend(grant, clock.unix_ms))
    run(store.release(grant, clock.unix_ms))
    again = run(reopen().acquire())
    clock.unix_ms += 1
    assert again.floor_unix_ms < clock.unix_ms <= again.ceiling_unix_ms


def test_a_kill_leaves_a_wait_of_at_most_one_grant(opened: tuple[WallClock, Reopen]) -> None:
    clock, reopen = opened
    store = reopen()
    grant = run(store.acquire())
    clock.unix_ms = max(clock.unix_ms, grant.floor_unix_ms) + 1500
    grant = run(store.extend(grant, clock.unix_ms))
    died_unix_ms = clock.unix_ms
    if isinstance(store, RedisStore):
        clock.unix_ms = grant.ceiling_unix_ms + 1
    again = run(reopen().acquire())
    assert grant.ceiling_unix_ms <= again.floor_unix_ms <= died_unix_ms + store.grant_ms + 1


def test_the_second_owner_of_a_file_is_refused(tmp_path: Path) -> None:
    first, second = (
        FileStore(tmp_path, WORKER_ID, Layout().epoch_ms, pid, OsFiles(), WallClock(NOW))
        for pid in (4711, 4712)
    )
    run(first.acquire())
    with pytest.raises(StoreRefused, match=r"^worker_id 7 is held by process 4711: .* locked$"):
        run(second.acquire())
    first.abandon()
