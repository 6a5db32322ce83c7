"""The file of grants, on real files."""

import asyncio
import errno
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from idgen.errors import BadSetting
from idgen.grant import Grant
from idgen.grants.file import FileStore
from idgen.grants.files import OsFiles
from idgen.grants.slots import BLOCK_BYTES, parse
from idgen.grants.store import GrantLost, StoreRefused, StoreUnavailable
from idgen.layout import DEFAULT_EPOCH_MS
from tests.clocks import WallClock

NOW = 1795219200123


class FailingFiles(OsFiles):
    """Real files; a step that a test names fails as the disk would have it."""

    def __init__(self) -> None:
        self.failing: dict[str, int] = {}
        self.steps: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in ("failing", "steps") or name.startswith("__"):
            return super().__getattribute__(name)
        self.steps.append(name)
        if number := self.failing.get(name):
            raise OSError(number, os.strerror(number))
        return super().__getattribute__(name)


class Bench:
    """One worker_id's file, and stores that open it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.clock = WallClock(NOW)
        self.folder = folder
        self.path = folder / "worker-5.grant"
        self.files = FailingFiles()

    def store(self, epoch_ms: int = DEFAULT_EPOCH_MS) -> FileStore:
        return FileStore(self.folder, 5, epoch_ms, 4711, self.files, self.clock)

    async def used(self, for_ms: int = 3000) -> Grant:
        """A life that ended with a kill; both slots are written."""
        store = self.store()
        grant = await store.acquire()
        self.clock.unix_ms += for_ms
        grant = await store.extend(grant, self.clock.unix_ms)
        store.abandon()
        return grant

    def damage(self, place: int) -> None:
        data = bytearray(self.path.read_bytes())
        data[place * BLOCK_BYTES + 40] ^= 1
        self.path.write_bytes(data)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_a_new_file_waits_one_grant(bench: Bench) -> None:
    async def scenario() -> None:
        assert await bench.store().acquire() == Grant(5, NOW + 1000, NOW + 1000)
        assert bench.path.stat().st_mode & 0o007 == 0, "nobody else may read it"

    run(scenario())


def test_an_empty_file_is_as_a_new_one(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.used()
        bench.path.write_bytes(b"")
        assert (await bench.store().acquire()).floor_unix_ms == bench.clock.unix_ms + 1000

    run(scenario())


def test_the_floor_is_the_ceiling_of_the_life_before(bench: Bench) -> None:
    async def scenario() -> None:
        before = await bench.used()
        assert (await bench.store().acquire()).floor_unix_ms == before.ceiling_unix_ms

    run(scenario())


def test_a_clock_set_back_leaves_the_floor_where_it_was(bench: Bench) -> None:
    async def scenario() -> None:
        before = await bench.used()
        bench.clock.unix_ms -= 3_600_000
        again = await bench.store().acquire()
        assert again == Grant(5, before.ceiling_unix_ms, before.ceiling_unix_ms)

    run(scenario())


def test_writes_go_over_the_older_slot_in_turn(bench: Bench) -> None:
    async def scenario() -> None:
        store = bench.store()
        grant = await store.acquire()
        counters = []
        for _ in range(4):
            slots = parse(bench.path.read_bytes()).slots
            counters.append([slot.counter if slot else 0 for slot in slots])
            grant = await store.extend(grant, bench.clock.unix_ms)
        store.abandon()
        assert counters == [[1, 0], [1, 2], [3, 2], [3, 4]]
        await bench.store().acquire()
        slots = parse(bench.path.read_bytes()).slots
        assert [slot.counter for slot in slots if slot] == [5, 6]

    run(scenario())


@pytest.mark.parametrize("place", [0, 1])
def test_with_one_slot_corrupt_the_floor_is_a_grant_above_all_that_can_have_been(
    bench: Bench, place: int
) -> None:
    async def scenario() -> None:
        before = await bench.used()
        bench.damage(place)
        floor_unix_ms = (await bench.store().acquire()).floor_unix_ms
        assert floor_unix_ms >= before.ceiling_unix_ms
        newer = place == 0  # slot 1 holds the newer record, and is whole
        expected = before.ceiling_unix_ms + 1000 if newer else bench.clock.unix_ms + 1000
        assert floor_unix_ms == expected

    run(scenario())


def test_both_slots_corrupt_is_refused_with_the_way_out(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.used()
        bench.damage(0)
        bench.damage(1)
        with pytest.raises(StoreRefused, match=r"corrupt in both slots; .* remove the file"):
            await bench.store().acquire()
        bench.path.unlink()
        assert (await bench.store().acquire()).floor_unix_ms == bench.clock.unix_ms + 1000

    run(scenario())


def test_another_epoch_than_the_pinned_one_is_a_bad_setting(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.used()
        with pytest.raises(BadSetting, match=r"^--epoch_ms: 5 is not 1259193600000, to which "):
            await bench.store(epoch_ms=5).acquire()

    run(scenario())


def test_another_layout_is_refused(bench: Bench) -> None:
    async def scenario() -> None:
        import zlib

        facts = b"flake-grant counter=1 ceiling=5 layout=42.10.11 epoch=5 pid=1"
        bench.folder.mkdir()
        bench.path.write_bytes(b"%b crc32=%08x\n" % (facts, zlib.crc32(facts)))
        with pytest.raises(StoreRefused, match=r"is of layout 42.10.11, not 41.10.12$"):
            await bench.store().acquire()

    run(scenario())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOLCK])
def test_a_disk_that_is_full_or_read_only_is_tried_again(bench: Bench, number: int) -> None:
    async def scenario() -> None:
        store = bench.store()
        grant = await store.acquire()
        bench.files.failing = {"write": number}
        with pytest.raises(StoreUnavailable, match=os.strerror(number)):
            await store.extend(grant, bench.clock.unix_ms + 500)
        bench.files.failing = {}
        extended = await store.extend(grant, bench.clock.unix_ms + 600)
        assert extended.ceiling_unix_ms == NOW + 1600

    run(scenario())


def test_a_disk_that_is_full_at_the_start_is_tried_again(bench: Bench) -> None:
    async def scenario() -> None:
        store = bench.store()
        bench.files.failing = {"write": errno.ENOSPC}
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.acquire()
        bench.files.failing = {}
        assert (await store.acquire()).floor_unix_ms == NOW + 1000

    run(scenario())


def test_a_bad_sector_loses_the_grant_and_is_never_synced_again(bench: Bench) -> None:
    async def scenario() -> None:
        store = bench.store()
        grant = await store.acquire()
        bench.files.failing = {"sync": errno.EIO}
        with pytest.raises(GrantLost, match="Input/output error"):
            await store.extend(grant, bench.clock.unix_ms)

    run(scenario())


@pytest.mark.parametrize("replacement", [None, b"", b"x" * 8192])
def test_a_file_that_was_removed_or_replaced_extends_nothing(
    bench: Bench, replacement: bytes | None
) -> None:
    async def scenario() -> None:
        store = bench.store()
        grant = await store.acquire()
        bench.path.unlink()
        if replacement is not None:
            bench.path.write_bytes(replacement)
        with pytest.raises(GrantLost, match="was removed or replaced"):
            await store.extend(grant, bench.clock.unix_ms)

    run(scenario())


def test_the_lock_comes_before_the_read_and_the_disk_before_the_page_cache(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.store().acquire()
        assert bench.files.steps == [
            "make_directory",
            "open",
            "lock",
            "is_named",
            "sync_directory",
            "sync",
            "forget_pages",
            "read",
            "write",
            "sync",
            "is_named",
        ]

    run(scenario())


def test_a_directory_that_can_t_be_made_is_refused(bench: Bench) -> None:
    async def scenario() -> None:
        bench.folder.write_text("a file where the directory should be")
        with pytest.raises(StoreRefused, match="can't be opened"):
            await bench.store().acquire()

    run(scenario())


def test_a_forked_child_closes_the_file_and_leaves_the_lock(bench: Bench) -> None:
    async def scenario() -> None:
        store = bench.store()
        grant = await store.acquire()
        child = os.fork()
        if child == 0:
            store.abandon()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0  # noqa: ASYNC222 - it ends at once
        with pytest.raises(StoreRefused, match="is held by process 4711"):
            await bench.store().acquire()
        await store.extend(grant, bench.clock.unix_ms)

    run(scenario())
