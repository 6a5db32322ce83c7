"""What Redis and the way there may do without a call being lost or counted twice."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from idgen.errors import QuotaUnavailable
from idgen.quota.redis.usage import MAX_READS, PAGE_APPS, RedisUsage
from idgen.quota.redis.usage_pieces import KEPT_NUMBER_S, KEPT_S, apps_key
from idgen.quota.tally import Tally, UsageId
from idgen.redis.address import RedisAddress
from tests.end_to_end.fleet import until
from tests.faults.proxy import Mode, Proxy
from tests.grants.stores import run
from tests.quota.usage_stores import DAY, SHOP, at, is_read, opened, tally
from tests.redis_server import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """For tests that don't harm it."""
    with RedisServer(tmp_path_factory.mktemp("redis"), "--appendfsync", "no") as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """One to be harmed."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


def keys_of(server: RedisServer, address: RedisAddress) -> dict[str, int]:
    """Each key of the namespace, and the seconds that it is kept."""
    client = server.client
    return {key: client.ttl(key) for key in client.scan_iter(f"{address.namespace}:*", 1000)}


def test_each_key_is_dropped_in_time_which_is_renewed(server: RedisServer) -> None:
    address = at(server.port)

    async def scenario() -> None:
        async with opened(address) as store:
            await store.add({SHOP: tally(1, 1, "ann", orders=1), UsageId(DAY, "b"): tally(0, 1)})
            for key in keys_of(server, address):
                server.client.expire(key, 100)
            await store.add({SHOP: tally(1, 1, "ann", orders=1), UsageId(DAY, "b"): tally(0, 1)})

    run(scenario())
    kept_s = keys_of(server, address)
    name = address.namespace
    (number,) = [key for key in kept_s if key.startswith(f"{name}:usage_number:")]
    assert KEPT_NUMBER_S - 60 < kept_s.pop(number) <= KEPT_NUMBER_S
    assert set(kept_s) == {
        f"{name}:usage:{DAY}:{{shop}}",
        f"{name}:usage:{DAY}:{{b}}",
        f"{name}:usage_users:{DAY}:{{shop}}",
        f"{name}:usage_apps:{DAY}",
    }
    assert all(KEPT_S - 60 < each <= KEPT_S for each in kept_s.values())


LARGE = {
    SHOP: Tally(3, 2, Counter({"orders": 3}), {f"user-{number}" for number in range(1200)}),
    UsageId(DAY, "b"): tally(5, 0, "ann", stock=5),
}
"""Several pieces."""


async def is_counted_once(store: RedisUsage) -> None:
    shop = await store.read(SHOP)
    assert (shop.total, shop.denied, shop.interfaces) == (3, 2, {"orders": 3})
    assert shop.user_count == pytest.approx(1200, rel=0.02)
    assert await store.read(UsageId(DAY, "b")) == is_read(5, 0, 1, stock=5)


@pytest.mark.parametrize("mode", [Mode.LOSING_REPLIES, Mode.BLACK_HOLE])
def test_what_lost_its_reply_is_not_added_twice(server: RedisServer, mode: Mode) -> None:
    async def scenario() -> None:
        async with Proxy(server.port) as proxy:
            address = at(proxy.port)
            async with opened(address, timeout_ms=200) as store:
                await store.add({UsageId(DAY, "before"): tally(1)})
                await proxy.switch(mode)
                for _ in range(2):
                    with pytest.raises(QuotaUnavailable, match=r"no answer within 200 ms$"):
                        await store.add(LARGE)
                if mode is Mode.LOSING_REPLIES:
                    assert f"{address.namespace}:usage:{DAY}:{{shop}}" in keys_of(server, address)
                await proxy.switch(Mode.PASSING)
                await store.add(LARGE)
                await store.add({UsageId(DAY, "after"): tally(1)})
                await is_counted_once(store)
                assert await store.read(UsageId(DAY, "after")) == is_read(1)

    run(scenario())


def test_what_is_cancelled_on_its_way_is_not_added_twice(server: RedisServer) -> None:
    def has_total(key: str, total: int) -> bool:
        return server.client.hget(key, "total") == str(total)

    async def scenario() -> None:
        async with Proxy(server.port) as proxy, opened(address := at(proxy.port)) as store:
            key = f"{address.namespace}:usage:{DAY}:{{shop}}"
            for total in (1, 2, 3):
                batch = {SHOP: tally(1)}
                await proxy.switch(Mode.LOSING_REPLIES)
                adding = asyncio.create_task(store.add(batch))
                await asyncio.to_thread(until, partial(has_total, key, total), "it is added")
                adding.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await adding
                await proxy.switch(Mode.PASSING)
                await store.add(batch)
                assert await store.read(SHOP) == is_read(total)

    run(scenario())


def test_each_process_has_numbers_of_its_own(server: RedisServer) -> None:
    async def scenario() -> None:
        address = at(server.port)
        async with opened(address) as one, opened(address) as other:
            batches = [{SHOP: tally(1, 0, "ann")} for _ in range(20)]
            for first, second in zip(batches[::2], batches[1::2], strict=True):
                await asyncio.gather(one.add(first), other.add(second))
            assert await one.read(SHOP) == await other.read(SHOP) == is_read(20, 0, 1)

    run(scenario())


def test_a_redis_that_forgets_its_scripts_restarts_or_stops_loses_and_doubles_nothing(
    own_server: RedisServer,
) -> None:
    async def scenario() -> None:
        async with opened(at(own_server.port), timeout_ms=300) as store:
            await store.add({SHOP: tally(1)})
            own_server.client.script_flush()
            await store.add({SHOP: tally(1)})
            own_server.stop()
            stopped = {SHOP: tally(1)}
            with pytest.raises(QuotaUnavailable, match=r"no answer within 300 ms$"):
                await store.add(stopped)
            own_server.go_on()
            await store.add(stopped)
            own_server.kill()
            killed = {SHOP: tally(1)}
            with pytest.raises(QuotaUnavailable, match="can't be reached"):
                await store.add(killed)
            with pytest.raises(QuotaUnavailable, match="can't be reached"):
                await store.read(SHOP)
            own_server.start()
            await store.add(killed)
            assert await store.read(SHOP) == is_read(4)

    run(scenario())


def test_a_full_memory_adds_nothing_and_later_all_of_it(own_server: RedisServer) -> None:
    async def scenario() -> None:
        address = at(own_server.port)
        async with opened(address) as store:
            own_server.client.config_set("maxmemory", 1)
            with pytest.raises(QuotaUnavailable, match="raise maxmemory"):
                await store.add(LARGE)
            assert keys_of(own_server, address) == {}
            own_server.client.config_set("maxmemory", 0)
            await store.add(LARGE)
            await is_counted_once(store)

    run(scenario())


def test_a_key_of_another_type_costs_what_it_would_have_counted_and_nothing_else(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    address = at(server.port)
    b, key = UsageId(DAY, "b"), f"{address.namespace}:usage:{DAY}:{{shop}}"

    async def scenario() -> None:
        server.client.set(key, "text")
        async with opened(address) as store:
            for _ in range(2):
                await store.add({SHOP: tally(1, 0, "ann", x=1, y=2), b: tally(2, 0, "eve", x=1)})
            assert await store.read(b) == is_read(4, 0, 1, x=2)
            with pytest.raises(QuotaUnavailable, match="WRONGTYPE"):
                await store.read(SHOP)

    run(scenario())
    assert (server.client.get(key), server.client.ttl(key)) == ("text", -1)
    (record,) = caplog.records
    assert record.message.startswith(f"{address}: some usage is lost: {key}: WRONGTYPE")


def test_the_apps_of_a_day_are_listed_once_each_in_bounded_pages(server: RedisServer) -> None:
    async def scenario() -> None:
        apps = [f"app-{number} é" for number in range(1234)]
        async with opened(at(server.port)) as store:
            assert [page async for page in store.apps(DAY)] == []
            assert await store.count_apps(DAY) == 0
            await store.add({UsageId(DAY, app): tally(1) for app in apps})
            await store.add({UsageId("2026-11-22", "other"): tally(1)})
            pages = [page async for page in store.apps(DAY)]
            assert sorted(itertools.chain(*pages)) == sorted(apps)
            assert 0 < min(map(len, pages)) <= max(map(len, pages)) <= PAGE_APPS
            assert await store.count_apps(DAY) == len(apps)

    run(scenario())


def test_an_app_that_the_scan_of_a_shrinking_set_comes_by_twice_is_listed_once(
    server: RedisServer,
) -> None:
    async def scenario() -> None:
        address = at(server.port)
        apps = {f"app-{number}" for number in range(4000)}
        async with opened(address) as store:
            await store.add({UsageId(DAY, app): tally(1) for app in apps})
            listed: list[str] = []
            async for page in store.apps(DAY):
                if not listed:  # what is left is scanned anew in part, its table being smaller
                    server.client.srem(apps_key(address.namespace, DAY), *(apps - set(page)))
                listed += page
        assert len(listed) == len(set(listed)) >= PAGE_APPS

    run(scenario())


def test_more_may_read_at_once_than_there_are_connections(server: RedisServer) -> None:
    async def scenario() -> None:
        async with opened(at(server.port)) as store:
            await store.add({SHOP: tally(1)})
            before = server.client.info("stats")["total_connections_received"]
            read = await asyncio.gather(*(store.read(SHOP) for _ in range(300)))
            assert read == [is_read(1)] * 300
            after = server.client.info("stats")["total_connections_received"]
            assert after - before <= MAX_READS + 1  # that of the client that looks

    run(scenario())
