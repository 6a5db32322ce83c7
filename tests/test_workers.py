import asyncio
import itertools
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import redis

from idgen import workers
from idgen.grant import Grant
from idgen.grants.redis.answer import Answer, Reply
from idgen.grants.redis.claim import Claim, record_key
from idgen.grants.redis.records import STATES
from idgen.grants.redis.script import Script
from idgen.grants.redis.store import LUA, RedisStore
from idgen.grants.redis.table import utc
from idgen.grants.store import TokenLost
from idgen.layout import DEFAULT_EPOCH_MS
from idgen.redis.address import RedisAddress
from tests.grants.stores import PATIENT_MS
from tests.redis_server import RedisServer

NOW = 1795219200123
PASSWORD = "open-sesame"
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
NUMBERS = itertools.count()


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Namespace:
    """One of its own in the module's Redis, which asks for a password."""

    client: "redis.Redis"
    address: RedisAddress
    capture: pytest.CaptureFixture[str]

    @property
    def environment(self) -> dict[str, str]:
        return {"FLAKE_GRANTS": str(self.address), "FLAKE_REDIS_PASSWORD": PASSWORD}

    @property
    def run_id(self) -> str:
        return str(self.client.info("server")["run_id"])

    def key(self, worker_id: int) -> str:
        return record_key(self.address.namespace, worker_id)

    def script(self) -> Script:
        lua = LUA.read_text(encoding="utf-8")
        return Script(self.address.with_password(PASSWORD), lua, PATIENT_MS)

    def acquire(self, worker_id: int) -> tuple[Claim, Grant]:
        """As a process does it, on this machine and with the service's own code."""
        draw = partial(secrets.token_hex, 16)
        holder = f"host=web-1 pid={4000 + worker_id} started={wall_clock_ms() - 65_000}"
        worker_ids = range(worker_id, worker_id + 1)
        claim = Claim(self.address.namespace, worker_ids, DEFAULT_EPOCH_MS, holder, draw)
        script = self.script()
        store = RedisStore(script, claim, wall_clock_ms)
        return claim, asyncio.run(in_one_loop(store.acquire(), script))

    def set(self, worker_id: int, **fields: str | int) -> None:
        """Change a record by hand."""
        for name, value in fields.items():
            self.client.hset(self.key(worker_id), name, str(value))

    def run(self, *arguments: str) -> tuple[int, list[str], str]:
        status = workers.run(arguments, self.environment)
        out, err = self.capture.readouterr()
        assert PASSWORD not in out + err
        return status, out.splitlines(), err


async def in_one_loop(call: object, script: Script) -> Grant:
    """The result; the connection goes with its loop."""
    try:
        return await call  # type: ignore[misc, no-any-return]
    finally:
        await script.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), "--requirepass", PASSWORD) as server:
        yield server


@pytest.fixture
def namespace(server: RedisServer, capsys: pytest.CaptureFixture[str]) -> Iterator[Namespace]:
    client = redis.Redis(port=server.port, password=PASSWORD, decode_responses=True)
    name = f"test-{next(NUMBERS)}"
    yield Namespace(client, replace(RedisAddress.parse(server.url), namespace=name), capsys)
    client.close()


def test_an_empty_namespace_is_said_to_be_empty(namespace: Namespace) -> None:
    status, lines, err = namespace.run()
    assert (status, err) == (0, "")
    assert lines[0] == str(namespace.address)
    assert lines[1].startswith("not pinned yet; Redis's clock: 20")
    assert lines[2:] == [
        "no worker_id has a record: none was taken yet, or Redis has lost its data"
    ]


def states_of(lines: list[str]) -> dict[str, str]:
    return {row.split()[0]: row.split()[1] for row in lines[5:]}


def test_the_table_tells_what_the_service_and_others_have_written(namespace: Namespace) -> None:
    namespace.set(900, run_id=namespace.run_id, floor=1, ceiling=2)
    for worker_id in (1023, 2, 100, 30):
        namespace.client.copy(namespace.key(900), namespace.key(worker_id))
        namespace.acquire(worker_id)
    namespace.acquire(4)  # without a record before: quarantine
    namespace.set(30, ceiling=wall_clock_ms() - 5000)
    namespace.set(100, run_id="0" * 40)
    namespace.client.set(namespace.key(3), "text")
    namespace.set(5, token="t", floor="1", ceiling="soon")
    namespace.set(1024, token="t", floor="1", ceiling="2")  # no worker_id, so not looked at
    namespace.client.hset(namespace.key(900), "holder", b"\xff\x1b[2J")
    status, lines, err = namespace.run()
    assert (status, err) == (0, "")
    assert lines[0] == str(namespace.address)
    assert lines[1].startswith("pinned to layout=41.10.12 epoch=1259193600000; ")
    assert lines[2] == (
        "8 of 1,024 worker_ids have a record: "
        "2 held, 1 waiting, 1 expired, 1 free, 1 stale, 2 broken"
    )
    assert list(states_of(lines).items()) == [
        ("2", "held"),
        ("3", "broken"),
        ("4", "waiting"),
        ("5", "broken"),
        ("30", "expired"),
        ("100", "stale"),
        ("900", "free"),
        ("1023", "held"),
    ]
    cells = lines[5].split()
    assert (cells[5][-1], cells[6], cells[-2:]) == ("s", "4002", ["1m05s", "web-1"])
    assert lines[9].split()[5] == "ago"
    assert lines[11].endswith(r" \xff\x1b[2J")


def test_all_times_are_compared_with_redis_s_clock(namespace: Namespace) -> None:
    namespace.acquire(1)
    namespace.set(1, floor=1)
    assert FAKETIME, "libfaketime is missing: apt-get install libfaketime"
    faked = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+3600s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    program = subprocess.run(
        [sys.executable, "-m", "idgen.workers"],
        env=os.environ | namespace.environment | faked,
        capture_output=True,
        text=True,
        check=True,
    )
    row = program.stdout.splitlines()[5].split()
    assert (row[1], row[4], row[-2]) == ("held", "in", "1m05s")


def test_all_1024_are_shown_by_number(namespace: Namespace) -> None:
    namespace.set(0, token="t", floor=1, ceiling=1, run_id=namespace.run_id)
    pipeline = namespace.client.pipeline()
    for worker_id in range(1, 1024):
        pipeline.copy(namespace.key(0), namespace.key(worker_id))
    pipeline.execute()
    _, lines, _ = namespace.run()
    assert [int(worker_id) for worker_id in states_of(lines)] == list(range(1024))
    assert "1,024 of 1,024 worker_ids have a record: 1,024 expired" in lines


def test_a_freed_grant_can_t_be_extended_and_the_next_floor_is_not_below(
    namespace: Namespace,
) -> None:
    claim, grant = namespace.acquire(7)
    status, lines, err = namespace.run("--free=7")
    assert (status, err) == (0, "")
    assert lines[0].startswith("worker_id 7 is waiting; granted to pid 4007 on web-1, started 20")
    assert f" UTC, until {utc(grant.ceiling_unix_ms)} UTC (in " in lines[0]
    assert lines[1].startswith("freed: ")
    assert namespace.client.hgetall(namespace.key(7)) == {
        "floor": str(grant.floor_unix_ms),
        "ceiling": str(grant.ceiling_unix_ms),
        "run_id": namespace.run_id,
    }
    script = namespace.script()
    extension = RedisStore(script, claim, wall_clock_ms).extend(grant, wall_clock_ms())
    with pytest.raises(TokenLost):
        asyncio.run(in_one_loop(extension, script))
    _, next_grant = namespace.acquire(7)
    assert next_grant.floor_unix_ms >= grant.ceiling_unix_ms


@pytest.mark.parametrize(
    ("worker_id", "told"),
    [
        (0, "worker_id 0 has no record at redis://"),
        (1, "worker_id 1 is free (given back or freed; "),
        (2, "worker_id 2 is stale (of a run of Redis that has ended: "),
        (3, "worker_id 3 is broken (WRONGTYPE "),
        (4, "worker_id 4 is broken (its ceiling is no number: it is 'soon'"),
    ],
)
def test_what_nobody_holds_is_not_freed(namespace: Namespace, worker_id: int, told: str) -> None:
    namespace.set(1, floor=1, ceiling=2, run_id=namespace.run_id)
    namespace.set(2, floor=1, ceiling=wall_clock_ms() + 5000, run_id="before", token="t")
    namespace.client.set(namespace.key(3), "text")
    namespace.set(4, floor=1, ceiling="soon", run_id=namespace.run_id, token="t")
    before = namespace.client.dump(namespace.key(worker_id))
    status, lines, err = namespace.run(f"--free={worker_id}")
    assert (status, lines) == (1, [])
    assert err.startswith(f"workers: {told}")
    assert err.endswith("; nothing to free\n")
    assert err.count("\n") == 1
    assert namespace.client.dump(namespace.key(worker_id)) == before


def test_a_record_that_changes_after_it_was_read_stays_as_it_is(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace.acquire(7)
    ask = Script.ask

    async def after_an_extension(script: Script, question: object) -> Reply:
        namespace.set(7, token="successor")
        return await ask(script, question)  # type: ignore[arg-type]

    monkeypatch.setattr(Script, "ask", after_an_extension)
    status, lines, err = namespace.run("--free=7")
    assert (status, len(lines)) == (1, 1)
    assert err == (
        "workers: worker_id 7: somebody took, extended or released it in between; "
        "nothing was changed\n"
    )
    assert namespace.client.hget(namespace.key(7), "token") == "successor"


def test_an_answer_other_than_freed_or_lost_is_told() -> None:
    with pytest.raises(workers.NothingFreed, match=r"worker_id 7: Redis says old 6.0; nothing"):
        workers.hear_freed(7, Answer("old", NOW, (), ("6.0",)))


@pytest.mark.parametrize("free", [[], ["--free=7"]])
def test_trouble_with_redis_is_one_line_and_status_1(
    namespace: Namespace, capsys: pytest.CaptureFixture[str], free: list[str]
) -> None:
    url = str(namespace.address)
    wrong = url.replace("//", "//:not-it@")
    elsewhere = url.replace(f":{namespace.address.port}/", ":1/")
    for arguments, words in (
        ([f"--grants={url}", *free], "(FLAKE_REDIS_PASSWORD): Authentication required."),
        ([f"--grants={wrong}", *free], "(FLAKE_REDIS_PASSWORD): invalid username-password pair"),
        ([f"--grants={elsewhere}", *free], "Error 111 connecting to 127.0.0.1:1"),
    ):
        assert workers.run(arguments, {}) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("workers: redis://127.0.0.1:")
        assert words in err
        assert "not-it" not in err


@pytest.mark.parametrize(
    ("forbidden", "arguments", "end"),
    [
        ("info", [], ""),
        ("hmget", [], ""),
        ("evalsha", ["--free=7"], "; the table tells whether it was freed"),
    ],
)
def test_what_the_user_may_not_do_is_one_line_and_status_1(
    namespace: Namespace, forbidden: str, arguments: list[str], end: str
) -> None:
    namespace.acquire(7)
    namespace.client.acl_setuser(
        "flake",
        enabled=True,
        reset=True,
        passwords=[f"+{PASSWORD}"],
        keys=["*"],
        commands=["+@all", f"-{forbidden}"],
    )
    url = str(namespace.address).replace("//", "//flake@")
    status, _, err = namespace.run(f"--grants={url}", *arguments)
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith(f"workers: {namespace.address}: ")
    assert err.endswith(f"this user has no permissions to run the {forbidden!r} command{end}\n")


HELD = f"redis://:{PASSWORD}@127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([], {}, "--grants is required: redis://HOST:PORT/DB?namespace=NAME"),
        (
            ["--grants=file:/x"],
            {},
            "--grants: 'file:…' is not redis://HOST:PORT/DB; "
            "only grants from Redis have this table",
        ),
        (
            [],
            {"FLAKE_GRANTS": "memory:"},
            "--grants: 'memory:' (from FLAKE_GRANTS) is not redis://HOST:PORT/DB; "
            "only grants from Redis have this table",
        ),
        (
            [f"--grants=redis://:{PASSWORD}@h:x/0"],
            {},
            "--grants: 'redis:…' is not redis://HOST:PORT/DB?namespace=NAME or "
            "rediss:// with TLS; PORT is a number from 1 to 65535",
        ),
        *(
            (
                [f"--grants={HELD}", f"--free={text}"],
                {},
                f"--free: {text!r} is not a whole number from 0 to 1023",
            )
            for text in ("1024", "-1", "auto", "", "٣", "1_0")
        ),
        ([f"--grants={HELD}", "--free"], {}, "--free: expected one argument"),
        (
            [f"--grants={HELD}", "--free", HELD],
            {},
            "--free: 'redis:…' is not a whole number from 0 to 1023",
        ),
        ([HELD], {}, "stray argument 'redis:…'; --help lists those there are"),
        (
            [f"--grant={HELD}"],
            {},
            "unknown option '--grant'; --help lists those there are",
        ),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    assert workers.run(arguments, environment) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"workers: {message}\n")


def test_the_command_line_comes_before_the_environment() -> None:
    environment = {"FLAKE_GRANTS": "redis://b/1", "FLAKE_REDIS_PASSWORD": PASSWORD}
    address, worker_id = workers.settings(["--grants=redis://a/2", "--free", "07"], environment)
    assert (address.host, address.database, address.password) == ("a", 2, PASSWORD)
    assert worker_id == 7
    address, worker_id = workers.settings([], environment)
    assert (address.host, address.database, worker_id) == ("b", 1, None)


def test_the_help_has_a_line_for_each_state(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        workers.run(["--help"], {})
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for state in STATES:
        assert sum(line.startswith(f"  {state} ") for line in lines) == 1
    assert max(map(len, lines)) <= 100


def test_it_runs_as_a_program_into_a_reader_that_stops(namespace: Namespace) -> None:
    namespace.set(0, token="t", floor=1, ceiling=1, holder="x" * 200_000)  # no pipe holds that
    program = subprocess.Popen(
        [sys.executable, "-m", "idgen.workers"],
        env=os.environ | namespace.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout
    assert program.stderr
    assert program.stdout.readline().decode() == f"{namespace.address}\n"
    program.stdout.close()
    assert (program.wait(30), program.stderr.read()) == (1, b"")
    program.stderr.close()
