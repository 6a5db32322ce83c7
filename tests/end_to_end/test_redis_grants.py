"""Processes whose worker_ids and grants come from a real Redis."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from idgen.grants.redis.claim import GRANT_MS
from idgen.layout import unpack
from tests.end_to_end.fleet import TOP, Fleet, answer, free_port, until
from tests.end_to_end.load import Load
from tests.end_to_end.process import Process, running
from tests.redis_server import RedisServer

MANY = 64
SERVING_WITHIN_MS = 15_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


def test_auto_serves_at_once_with_a_known_worker_id_and_gives_it_back(
    tmp_path: Path, server: RedisServer
) -> None:
    server.know(range(5, 7))
    options = ("--worker_id=auto", "--worker_ids=5-6", f"--grants={server.url}")
    with running(tmp_path, *options) as one, running(tmp_path, *options) as other:
        until(lambda: one.serves() and other.serves(), "both serve")
        ids = [int(answer(process.port)[1]) for process in (one, other)]
        assert {unpack(flake_id).worker_id for flake_id in ids} == {5, 6}
        stats = json.loads(answer(one.port, "/stats")[1])
        assert stats["worker_id"] == unpack(ids[0]).worker_id
        assert 0 < one.metric("flake_grant_remaining_seconds") <= GRANT_MS / 1000 + 1
        assert abs(one.metric("flake_clock_skew_seconds")) < 1
        with running(tmp_path, *options) as third:
            until(lambda: "all worker_ids from 5 to 6 are taken" in third.readiness(), "it says so")
            assert one.stop() == 0
            until(third.serves, "it takes what was given back")
            refused = third.metric(r'flake_grant_refusals_total{reason="taken"}')
            assert refused >= 1
    assert "token" not in server.client.hgetall("flake:worker:5")


def test_the_workers_of_a_fleet_are_found_where_their_grants_are(
    tmp_path: Path, server: RedisServer
) -> None:
    server.know(range(5, 7))
    options = ("--worker_id=auto", "--worker_ids=5-6", f"--grants={server.url}")

    def states(of: Process) -> dict[str, tuple[int | None, str]]:
        rows = json.loads(answer(of.port, "/fleet.json")[1])["workers"]
        return {row["address"]: (row["worker_id"], row["state"]) for row in rows}

    with running(tmp_path, *options) as one:
        until(one.serves, "the first serves")
        with running(tmp_path, *options) as other:
            until(other.serves, "the other serves")
            ids = [unpack(int(answer(process.port)[1])).worker_id for process in (one, other)]
            at = [f"127.0.0.1:{process.port}" for process in (one, other)]
            both = {at[0]: (ids[0], "serving"), at[1]: (ids[1], "serving")}
            until(lambda: states(other) == both, "who starts later finds who is there")
            until(lambda: states(one) == both, "and is found")
            one.kill()
            lost = both | {at[0]: (ids[0], "silent")}
            until(lambda: states(other) == lost, "who was killed is still known by its worker_id")
            workers = subprocess.run(
                [sys.executable, "-m", "idgen.workers", f"--grants={server.url}"],
                cwd=TOP,
                capture_output=True,
                text=True,
                check=True,
            )
            assert all(f"({address})" in workers.stdout for address in at)


def test_without_redis_it_is_up_and_says_why_and_then_by_itself_goes_on(
    tmp_path: Path, server: RedisServer
) -> None:
    server.know(range(1))
    server.kill()
    with running(tmp_path, "--worker_id=0", f"--grants={server.url}") as process:
        until(lambda: "it can't be reached" in process.readiness(), "it says why")
        assert answer(process.port)[0] == 503
        assert answer(process.port, "/livez")[0] == 200
        server.start()
        until(lambda: "behind the floor" in process.readiness(), "it has a grant of the new run")
        server.client.flushall()
        server.know(range(1))
        until(process.serves, "it has lost that grant, and had another")
        assert process.metric(r'flake_grant_refusals_total{reason="lost"}') == 1


def test_a_fixed_worker_id_that_is_busy_is_waited_for(tmp_path: Path, server: RedisServer) -> None:
    server.know(range(1))
    options = ("--worker_id=0", f"--grants={server.url}")
    with running(tmp_path, *options) as holder:
        until(holder.serves, "it serves")
        with running(tmp_path, *options) as waiting:
            held = f"worker_id 0 is held by host=.* pid={holder.process.pid} started="
            until(lambda: bool(re.search(held, waiting.readiness())), "it says by whom")
            assert "flake_worker_info{" not in answer(waiting.port, "/metrics")[1]
            assert holder.stop() == 0
            until(waiting.serves, "it has it")


def test_a_token_that_is_lost_costs_an_auto_process_its_worker_id_and_no_more(
    tmp_path: Path, server: RedisServer
) -> None:
    server.know(range(1))
    with running(tmp_path, "--worker_id=auto", f"--grants={server.url}") as process:
        until(process.serves, "it serves")
        server.know(range(1, 2))
        server.client.hset("flake:worker:0", "token", "another's")
        until(lambda: process.metric("flake_worker_id_changes_total") == 1, "it has changed")
        until(process.serves, "it serves again")
        assert unpack(int(answer(process.port)[1])).worker_id == 1
        assert "worker_id 1 takes the place of 0" in process.log


def test_another_epoch_ends_the_start_with_2(tmp_path: Path, server: RedisServer) -> None:
    options = ("--worker_id=auto", f"--grants={server.url}")
    with running(tmp_path, *options) as process:
        until(lambda: "behind the floor" in process.readiness(), "it has a grant")
        with running(tmp_path, *options, "--epoch_ms=1300000000000") as other:
            assert other.process.wait(30) == 2
            assert other.log == (
                "flake: --epoch_ms: 1300000000000 is not what namespace flake of Redis is pinned "
                "to: 'layout=41.10.12 epoch=1259193600000'\n"
            )


def test_a_password_is_in_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer(tmp_path / "redis", "--requirepass", "sesame") as server:
        url = server.url.replace("//", "//:sesame@")
        with running(tmp_path, "--worker_id=3", f"--grants={url}") as process:
            until(lambda: "behind the floor" in process.readiness(), "it has a grant")
        monkeypatch.setenv("FLAKE_REDIS_PASSWORD", "sesame2")
        with running(tmp_path, "--worker_id=3", f"--grants={server.url}") as refused:
            until(lambda: "FLAKE_REDIS_PASSWORD" in refused.readiness(), "it says what to mend")
        assert "sesame" not in process.log + refused.log


def test_many_processes_on_a_cold_redis_get_different_worker_ids_and_serve_soon(
    tmp_path: Path, server: RedisServer
) -> None:
    chosen: set[int] = set()
    while len(chosen) < MANY:
        chosen.add(free_port())
    ports = sorted(chosen)
    options = ["--worker_id=auto", f"--worker_ids=0-{MANY - 1}", f"--grants={server.url}"]
    logs = [tmp_path / f"{port}.log" for port in ports]
    forker = subprocess.Popen([sys.executable, "-c", FORKER, tmp_path, *map(str, ports), *options])
    try:
        ids = asyncio.run(first_ids(ports))
    finally:
        forker.terminate()
        forker.wait(60)
    assert len({unpack(flake_id).worker_id for flake_id in ids}) == MANY
    waits_ms = [unix_ms(id_) - granted_unix_ms(log) for id_, log in zip(ids, logs, strict=True)]
    print(f"first IDs {min(waits_ms)} to {max(waits_ms)} ms after the grant")
    assert max(waits_ms) <= SERVING_WITHIN_MS


FORKER = f"""
import os, signal, sys
sys.path.insert(0, {str(TOP)!r})
import flake
ports = [word for word in sys.argv[2:] if word.isdigit()]
options = [word for word in sys.argv[2:] if not word.isdigit()]
children = []
signal.signal(signal.SIGTERM, lambda *_: [os.kill(child, signal.SIGTERM) for child in children])
for port in ports:
    child = os.fork()
    if child == 0:
        log = os.open(f"{{sys.argv[1]}}/{{port}}.log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 2)
        sys.argv[1:] = [f"--port={{port}}", *options]
        flake.main()
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""
"""Real processes, which share the time that the imports take."""


def granted_unix_ms(log: Path) -> int:
    """When it says that it was granted a worker_id."""
    (when,) = re.findall(r"^(\S+) info worker_id \d+ is granted$", log.read_text(), re.MULTILINE)
    return int(datetime.fromisoformat(when).timestamp() * 1000)


def unix_ms(flake_id: int) -> int:
    return unpack(flake_id).timestamp + 1259193600000


async def first_ids(ports: list[int]) -> list[int]:
    """The first ID of each, asked for again and again."""

    async def first_id(port: int) -> int:
        while True:
            status, text = await asyncio.to_thread(answer, port)
            if status == 200:
                return int(text)
            await asyncio.sleep(0.3)

    async with asyncio.timeout(90):
        return await asyncio.gather(*map(first_id, ports))


def test_two_groups_of_supervisord_share_one_redis(server: RedisServer) -> None:
    server.know(range(8))
    environment = f'FLAKE_GRANTS="{server.url}"'
    with ExitStack() as stack:
        fleets = [stack.enter_context(Fleet(environment, worker_id="auto")) for _ in range(2)]
        loads = asyncio.run(both_under_load(fleets, server))
        for load in loads:
            assert not load.lost
        ids = [flake_id for load in loads for flake_id in load.ids]
        assert len(set(ids)) == len(ids) > 1000
        holders = [
            json.loads(answer(fleet.port(number), "/stats")[1])["worker_id"]
            for fleet in fleets
            for number in range(2)
        ]
        assert len(set(holders)) == 4


async def both_under_load(fleets: list[Fleet], server: RedisServer) -> list[Load]:
    """IDs of both, while a process is restarted and Redis is killed and comes back."""
    async with (
        Load(fleets[0].public_port, 4, rate=300) as first,
        Load(fleets[1].public_port, 4, rate=300) as second,
    ):
        for load in (first, second):
            await load.more(200)
        await asyncio.to_thread(fleets[0].control, "restart", "flake:flake-0")
        server.kill()
        for load in (first, second):
            await load.more(200)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(until, fleets[0].serves, "the first fleet serves")
        await asyncio.to_thread(until, fleets[1].serves, "the second fleet serves")
        for load in (first, second):
            await load.more(200)
    return [first, second]
