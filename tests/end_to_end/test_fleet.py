"""The shipped fleet under faults: what clients behind nginx notice of them is nothing."""

import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import requests

from idgen.layout import unpack
from idgen.limits import MAX_BATCH_WAIT_MS
from idgen.web.connection import IDLE_TIMEOUT_S
from tests.end_to_end.fleet import TOP, Fleet, answer, until
from tests.end_to_end.load import Load

(FAKETIME,) = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None][:1]


ATTEMPTS = 5
"""How often a run under load may be spoilt by a machine that stands still."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet() as fleet:
        yield fleet


async def eventually(holds: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(until, holds, what)


def serves(port: int) -> bool:
    return answer(port)[0] == 200


def under_load(
    fleet: Fleet, fault: Callable[[Load], Awaitable[None]], connections: int = 16
) -> None:
    """No client notices the fault.  Where the machine itself stood still, once more."""

    async def main() -> Load:
        async with Load(fleet.public_port, connections) as load:
            await load.more(500)
            await fault(load)
            await load.more(500)
        return load

    for _ in range(ATTEMPTS):
        load = asyncio.run(main())
        if not load.says_nothing:
            break
        print(f"the machine stalled {load.longest_stall_s:.3f} s: {load.statuses}")
        until(fleet.serves, "the fleet serves")
    try:
        load.check_unharmed()
    except AssertionError:
        fleet.show_logs()
        raise
    assert {unpack(flake_id).worker_id for flake_id in load.ids[-400:]} == {0, 1}


def test_two_processes_answer_behind_nginx(fleet: Fleet) -> None:
    ids = [int(answer(fleet.public_port)[1]) for _ in range(20)]
    assert len(set(ids)) == 20
    assert {unpack(flake_id).worker_id for flake_id in ids} == {0, 1}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/decode/1", 200),
        ("/bounds?from=1795219200123&to=1795219200123", 200),
        ("/openapi.json", 200),
        ("/?n=2", 200),
        ("/?n=65536", 200),
        ("/?n=0", 400),
        ("/decode/abc", 400),
        ("/stats", 404),
        ("/metrics", 404),
        ("/readyz", 404),
        ("/livez", 404),
        ("/decode/../stats", 404),
        ("/decode/%2e%2e/stats", 404),
        ("//stats", 404),
        ("/nowhere", 404),
        ("/decode", 404),
    ],
)
def test_only_what_is_public_passes_nginx(fleet: Fleet, target: str, status: int) -> None:
    assert answer(fleet.public_port, target)[0] == status


def test_nginx_passes_accept_on_and_none_of_the_other_headers(fleet: Fleet) -> None:
    url = f"http://127.0.0.1:{fleet.public_port}/"
    response = requests.get(
        url, headers={"Accept": "application/json", "If-None-Match": "*", "Expect": "nothing"}
    )
    assert set(response.json()) == {"id"}
    for other in (response, requests.get(url), requests.get(url + "nowhere")):
        assert other.headers["Cache-Control"] == "no-store"
        assert other.headers["Server"] == "nginx"
        assert int(other.headers["Content-Length"]) == len(other.content)
        assert "ETag" not in other.headers


def test_nginx_waits_longer_than_a_batch_and_closes_before_a_process_does() -> None:
    nginx_conf = (TOP / "nginx.conf").read_text()
    (read_timeout_ms,) = re.findall(r"proxy_read_timeout (\d+)ms;", nginx_conf)
    assert MAX_BATCH_WAIT_MS < int(read_timeout_ms) == 200
    (upstream,) = re.findall(r"upstream flake \{.*?\n    \}", nginx_conf, re.DOTALL)
    (keepalive_s,) = re.findall(r"keepalive_timeout (\d+)s;", upstream)
    assert int(keepalive_s) == 30 < IDLE_TIMEOUT_S


def test_supervisord_lets_a_drain_finish() -> None:
    settings = dict(re.findall(r"^(\w+) = (.*)$", (TOP / "supervisord.conf").read_text(), re.M))
    assert settings["stopsignal"] in ("TERM", "QUIT")
    assert int(settings["stopwaitsecs"]) > 5
    assert int(settings["minfds"]) >= 4096


def test_nginx_itself_forbids_caching_too(fleet: Fleet) -> None:
    for target, size in (("/", 2000), ("/" + "a" * 9000, 0)):
        response = requests.post(f"http://127.0.0.1:{fleet.public_port}{target}", data=b"x" * size)
        assert response.status_code in (413, 414)
        assert response.headers["Cache-Control"] == "no-store"


def test_a_killed_process_costs_clients_nothing_and_comes_back(fleet: Fleet) -> None:
    async def kill(load: Load) -> None:
        pid = await asyncio.to_thread(fleet.pid, 0)
        os.kill(pid, signal.SIGKILL)
        await load.more(500)
        await eventually(lambda: fleet.pid(0) not in (0, pid), "supervisord starts it again")
        await eventually(partial(serves, fleet.port(0)), "it serves again")

    under_load(fleet, kill)


def test_a_stopped_process_costs_clients_nothing(fleet: Fleet) -> None:
    async def stop(load: Load) -> None:
        pid = await asyncio.to_thread(fleet.pid, 1)
        os.kill(pid, signal.SIGSTOP)
        try:
            await load.more(1500)
        finally:
            os.kill(pid, signal.SIGCONT)
        await eventually(partial(serves, fleet.port(1)), "it serves again")

    # Half of the requests wait 200 ms, so a thousand a second take a hundred connections.
    under_load(fleet, stop, connections=120)


def test_a_restart_by_supervisord_costs_clients_nothing(fleet: Fleet) -> None:
    async def restart(load: Load) -> None:
        for worker_id in (0, 1):
            name = f"flake:flake-{worker_id}"
            told = await asyncio.to_thread(fleet.control, "restart", name)
            assert told.splitlines() == [f"{name}: stopped", f"{name}: started"]
            await eventually(partial(serves, fleet.port(worker_id)), "it serves again")

    under_load(fleet, restart)


def test_a_sigterm_under_load_loses_no_answer(fleet: Fleet) -> None:
    pid = fleet.pid(0)

    async def main() -> Load:
        async with Load(fleet.port(0), connections=32) as load:
            await load.more(300)
            os.kill(pid, signal.SIGTERM)
            await asyncio.wait(load._clients, timeout=30)
        return load

    load = asyncio.run(main())
    assert load.lost == []
    assert set(load.statuses) == {200, 503}
    assert load.statuses[503] == 32, "each connection hears the refusal once, and is closed"
    assert len(set(load.ids)) == len(load.ids)
    until(fleet.serves, "supervisord starts it again")


def test_with_no_process_left_nginx_says_so_in_the_service_s_own_words(fleet: Fleet) -> None:
    fleet.control("stop", "flake:*")
    try:
        assert answer(fleet.public_port) == (503, "not ready: no process answered")
    finally:
        fleet.control("start", "flake:*")
        until(fleet.serves, "the fleet serves again")
    assert '" 503 ' in (fleet.folder / "run" / "nginx.log").read_text()


class ClockedFleet(Fleet):
    """A fleet each of whose processes has a wall clock that the test sets."""

    def __init__(self) -> None:
        assert FAKETIME, "libfaketime is missing: apt-get install libfaketime"
        super().__init__(
            f'LD_PRELOAD="{FAKETIME}",FAKETIME_NO_CACHE="1",FAKETIME_DONT_FAKE_MONOTONIC="1",'
            'FAKETIME_TIMESTAMP_FILE="%(here)s/run/clock-%(process_num)d",TZ="UTC",'
            # Under libfaketime the store's thread is sometimes half a second late, which then is
            # a 503 of the other process; files and clocks together are the chaos runner's.
            'FLAKE_GRANTS="memory:"'
        )
        for worker_id in (0, 1):
            self.set_clock(worker_id, "+0")

    def set_clock(self, worker_id: int, setting: str) -> None:
        """What libfaketime reads: an offset in seconds, or a moment at which time stands."""
        new = self.folder / "run" / "clock.new"
        new.write_text(setting)
        new.rename(self.folder / "run" / f"clock-{worker_id}")


@pytest.fixture(scope="module")
def clocked() -> Iterator[ClockedFleet]:
    with ClockedFleet() as fleet:
        yield fleet


def errors(fleet: Fleet, worker_id: int, reason: str) -> int:
    metrics = answer(fleet.port(worker_id), "/metrics")[1]
    (count,) = re.findall(rf'flake_errors_total{{reason="{reason}"}} (\d+)', metrics)
    return int(count)


def test_nginx_hides_the_overflows_of_a_process_whose_clock_stands(clocked: ClockedFleet) -> None:
    async def freeze(load: Load) -> None:
        frozen = datetime.fromtimestamp(time.time() + 2, UTC)
        clocked.set_clock(0, frozen.strftime("%Y-%m-%d %H:%M:%S"))
        overflow = partial(errors, clocked, 0, "sequence_overflow")
        await eventually(lambda: overflow() > 0, "a millisecond has no more IDs")
        status, text = await asyncio.to_thread(answer, clocked.port(0))
        assert status == 500
        assert text.startswith("sequence overflow: 4096 IDs of ")
        before = await asyncio.to_thread(overflow)
        await load.more(1000)
        assert await asyncio.to_thread(overflow) > before + 100
        assert (await asyncio.to_thread(answer, clocked.port(0), "/readyz"))[0] == 200
        clocked.set_clock(0, "+0")
        await eventually(partial(serves, clocked.port(0)), "it serves again")

    under_load(clocked, freeze)
    lines = (clocked.folder / "run" / "flake-0.log").read_text().splitlines()
    storm = [line for line in lines if "500 sequence_overflow" in line]
    assert 1 <= len(storm) < 60, "a line a second, however many there are"


def test_a_clock_set_back_is_500s_from_that_process_until_it_has_caught_up(
    clocked: ClockedFleet,
) -> None:
    port = clocked.port(1)

    async def set_back(load: Load) -> None:
        last = int((await asyncio.to_thread(answer, port))[1])
        clocked.set_clock(1, "-3")
        status, text = await asyncio.to_thread(answer, port)
        assert status == 500
        facts = re.fullmatch(r"clock moved backwards (\d+) ms; no IDs until (\d+)", text)
        assert facts
        assert 0 < int(facts[1]) <= 3100
        assert (await asyncio.to_thread(answer, port, "/readyz"))[0] == 503
        await load.more(500)
        await eventually(partial(serves, port), "the clock has caught up")
        assert int((await asyncio.to_thread(answer, port))[1]) > last
        assert (await asyncio.to_thread(answer, port, "/readyz"))[0] == 200

    under_load(clocked, set_back)
    assert errors(clocked, 1, "clock_regression") > 100
