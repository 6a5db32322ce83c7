import asyncio
import os
import pty
import secrets
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Dialect
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.schema import CreateTable

from idgen.progress import Progress
from idgen.quota import archive
from idgen.quota.redis.usage import PAGE_APPS, RedisUsage
from idgen.quota.tally import Tally, UsageId
from idgen.quota.usage_tables import USAGE_BY_APP, USAGE_BY_INTERFACE, UsageTables
from idgen.redis.address import RedisAddress
from tests.clocks import MonotonicClock
from tests.faults.proxy import Proxy
from tests.grants.stores import PATIENT_MS
from tests.redis_server import RedisServer
from tests.test_progress import Terminal

NOW = 1795219200123
TODAY, YESTERDAY = "2026-11-21", "2026-11-20"
PASSWORD = "open-sesame"
BY_APP = "SELECT day, app, total, denied, users FROM usage_by_app ORDER BY day, app"
BY_INTERFACE = "SELECT day, app, interface, calls FROM usage_by_interface ORDER BY 1, 2, 3"


@dataclass
class World:
    """A namespace of Redis, a database that isn't there yet, and what the program says."""

    address: RedisAddress
    file: Path
    capture: pytest.CaptureFixture[str]

    @property
    def database(self) -> str:
        return f"sqlite:///{self.file}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "FLAKE_QUOTA_STORE": str(self.address),
            "FLAKE_REDIS_PASSWORD": PASSWORD,
            "FLAKE_DATABASE": self.database,
        }

    def add(self, tallies: Mapping[UsageId, Tally]) -> None:
        """As a process flushes it."""

        async def flushed() -> None:
            store = RedisUsage(
                self.address.with_password(PASSWORD), secrets.token_hex(8), PATIENT_MS
            )
            await store.add(tallies)
            await store.close()

        asyncio.run(flushed())

    def run(self, *arguments: str) -> tuple[int, str, str]:
        status = archive.run(arguments, self.environment, NOW)
        out, err = self.capture.readouterr()
        assert PASSWORD not in out + err
        return status, out, err

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(query).fetchall()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), "--requirepass", PASSWORD) as server:
        yield server


@pytest.fixture
def world(server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> World:
    address = RedisAddress("127.0.0.1", server.port, namespace=f"test-{secrets.token_hex(4)}")
    return World(address, tmp_path / "usage.db", capsys)


def tally(total: int, denied: int = 0, users: str = "", **interfaces: int) -> Tally:
    return Tally(total, denied, Counter(interfaces), set(users.split()))


def test_yesterday_s_usage_is_copied(world: World) -> None:
    world.add(
        {
            UsageId(YESTERDAY, "shop"): tally(5, 2, "ann bob", orders=3, stock=1),
            UsageId(YESTERDAY, "Shop"): tally(1, 0, "ann", orders=1),
            UsageId(YESTERDAY, "denied"): tally(0, 7),
            UsageId(TODAY, "shop"): tally(100),
        }
    )
    status, out, err = world.run()
    assert (status, err) == (0, "")
    assert out == f"{YESTERDAY}: 3 apps, 6 calls, 9 denied into {world.database}\n"
    assert world.rows(BY_APP) == [
        (YESTERDAY, "Shop", 1, 0, 1),
        (YESTERDAY, "denied", 0, 7, 0),
        (YESTERDAY, "shop", 5, 2, 2),
    ]
    assert world.rows(BY_INTERFACE) == [
        (YESTERDAY, "Shop", "orders", 1),
        (YESTERDAY, "shop", "orders", 3),
        (YESTERDAY, "shop", "stock", 1),
    ]


def test_a_second_run_replaces_what_the_first_has_copied_and_nothing_else(world: World) -> None:
    world.add({UsageId(YESTERDAY, "shop"): tally(5, 2, "ann", orders=3)})
    world.add({UsageId(TODAY, "shop"): tally(1, 0, "ann", orders=1)})
    for arguments in ([], [f"--day={TODAY}"], []):
        assert world.run(*arguments)[0] == 0
    assert world.rows(BY_APP) == [(YESTERDAY, "shop", 5, 2, 1), (TODAY, "shop", 1, 0, 1)]
    world.add({UsageId(YESTERDAY, "shop"): tally(1, 0, "bob", stock=1)})
    with closing(sqlite3.connect(world.file)) as database, database:
        database.execute(f"INSERT INTO usage_by_app VALUES ('{YESTERDAY}', 'gone', 9, 9, 9)")
        database.execute(f"INSERT INTO usage_by_interface VALUES ('{YESTERDAY}', 'shop', 'x', 9)")
    assert world.run()[0] == 0
    assert world.rows(BY_APP) == [
        (YESTERDAY, "gone", 9, 9, 9),
        (YESTERDAY, "shop", 6, 2, 2),
        (TODAY, "shop", 1, 0, 1),
    ]
    assert world.rows(BY_INTERFACE) == [
        (YESTERDAY, "shop", "orders", 3),
        (YESTERDAY, "shop", "stock", 1),
        (TODAY, "shop", "orders", 1),
    ]


def test_which_day_was_yesterday_depends_on_the_time_zone(world: World) -> None:
    west = world.run("--quota_timezone=Pacific/Honolulu")[1]  # 10 hours behind: the 20th there
    assert west == f"2026-11-19: 0 apps, 0 calls, 0 denied into {world.database}\n"
    environment = world.environment | {"FLAKE_QUOTA_TIMEZONE": "Pacific/Honolulu"}
    assert archive.parse([], environment, NOW).day == "2026-11-19"
    assert archive.parse(["--quota_timezone=UTC"], environment, NOW).day == YESTERDAY


def test_many_applications_are_copied_in_pages_under_a_bar(world: World) -> None:
    count = 2 * PAGE_APPS + PAGE_APPS // 2
    world.add({UsageId(TODAY, f"app-{n}"): tally(n, 1, "ann", a=n) for n in range(1, count + 1)})
    terminal, clock = Terminal(), MonotonicClock()
    told = []

    async def scenario() -> archive.Archived:
        class Told(Progress):
            def tell(self, text: str) -> None:
                clock.now_s += 1
                told.append(text)
                super().tell(text)

        usage = RedisUsage(world.address.with_password(PASSWORD), "", PATIENT_MS)
        tables = UsageTables(world.database)
        try:
            return await archive.archive(usage, tables, TODAY, Told(terminal, clock))
        finally:
            await usage.close()

    archived = asyncio.run(scenario())
    calls = count * (count + 1) // 2
    assert (archived.apps, archived.calls, archived.denied) == (count, calls, count)
    assert world.rows("SELECT count(*), sum(total), sum(users) FROM usage_by_app") == [
        (count, calls, count)
    ]
    assert len(told) >= count // PAGE_APPS
    assert told[-1] == f"{TODAY}  [####################] {count}/{count} apps"
    assert terminal.getvalue().endswith(f"\r{told[-1]}\x1b[K")


def test_the_bar_grows_with_what_is_done() -> None:
    assert archive.bar(0, 7) == "[                    ] 0/7"
    assert archive.bar(512, 1024) == "[##########          ] 512/1024"
    assert archive.bar(1023, 1024) == "[################### ] 1023/1024"
    assert archive.bar(1024, 1024) == "[####################] 1024/1024"


def test_it_runs_as_a_program_and_shows_the_bar_on_a_terminal_only(world: World) -> None:
    world.add({UsageId(TODAY, "shop"): tally(5, 2)})

    async def played() -> tuple[int | None, bytes, bytes]:
        terminal, end = pty.openpty()
        async with Proxy(world.address.port) as proxy:
            proxy.delay_ms = 90  # 720 ms for four round trips: longer than the bar waits
            url = str(world.address).replace(f":{world.address.port}/", f":{proxy.port}/")
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "idgen.quota.archive", f"--day={TODAY}"),
                env=os.environ | world.environment | {"FLAKE_QUOTA_STORE": url},
                stdout=asyncio.subprocess.PIPE,
                stderr=end,
            )
            out, _ = await program.communicate()
        os.close(end)
        shown = os.read(terminal, 65_536)
        os.close(terminal)
        return program.returncode, out, shown

    status, out, shown = asyncio.run(played())
    told = f"{TODAY}: 1 apps, 5 calls, 2 denied into {world.database}\n"
    assert (status, out.decode()) == (0, told)
    bar = f"{TODAY}  [####################] 1/1 apps"
    assert shown.decode() == f"\r{bar}\x1b[K\r\x1b[K"
    again = subprocess.run(
        [sys.executable, "-m", "idgen.quota.archive", f"--day={TODAY}"],
        env=os.environ | world.environment,
        capture_output=True,
        check=True,
        text=True,
    )
    assert (again.stdout, again.stderr) == (told, "")


def test_trouble_is_one_line_and_status_1(world: World, tmp_path: Path) -> None:
    address, port = str(world.address), world.address.port
    (tmp_path / "text").write_text("this is no database, but it is long enough to be read" * 99)
    world.add({UsageId(YESTERDAY, "shop"): tally(5, 2)})
    for arguments, words in (
        (
            [f"--quota_store={address.replace('//', '//:not-it@')}"],
            f"{address}: it wants another user or password (FLAKE_REDIS_PASSWORD): ",
        ),
        (
            [f"--quota_store={address.replace(f':{port}/', ':1/')}"],
            "redis://127.0.0.1:1/0?namespace=",
        ),
        (
            [f"--database=sqlite:///{tmp_path}/no/such.db"],
            f"sqlite:///{tmp_path}/no/such.db: unable to open database file",
        ),
        (
            [f"--database=sqlite:///{tmp_path}/text"],
            f"sqlite:///{tmp_path}/text: file is not a database",
        ),
        (
            [f"--database=postgresql+pg8000://me:{PASSWORD}@127.0.0.1:1/usage?password={PASSWORD}"],
            "postgresql+pg8000://me:***@127.0.0.1:1/usage: the driver pg8000 is missing",
        ),
    ):
        status, out, err = world.run(*arguments)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"archive: {words}")
        assert "not-it" not in err


def test_a_page_that_fails_leaves_its_rows_as_they_were(world: World) -> None:
    world.add({UsageId(YESTERDAY, "shop"): tally(5, 2, "ann", orders=3)})
    assert world.run()[0] == 0
    before = world.rows(BY_APP), world.rows(BY_INTERFACE)
    world.add({UsageId(YESTERDAY, "shop"): tally(5, 2, "ann", orders=3)})
    with closing(sqlite3.connect(world.file)) as database, database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON usage_by_interface "
            "BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    status, out, err = world.run()
    assert (status, out) == (1, "")
    assert err == f"archive: {world.database}: disk is full\n"
    assert (world.rows(BY_APP), world.rows(BY_INTERFACE)) == before


STORE = "--quota_store=redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([], {}, "--quota_store is required: redis://HOST:PORT/DB?namespace=NAME"),
        (
            [],
            {"FLAKE_QUOTA_STORE": "memory:"},
            "--quota_store: 'memory:' (from FLAKE_QUOTA_STORE) is not redis://HOST:PORT/DB; "
            "with memory: usage lives in the process, so ask that for GET /quota/usage",
        ),
        (
            [f"--quota_store=redis://:{PASSWORD}@h:x/0"],
            {},
            "--quota_store: 'redis:…' is not redis://HOST:PORT/DB?namespace=NAME or "
            "rediss:// with TLS; PORT is a number from 1 to 65535",
        ),
        *(
            ([STORE, f"--day={day}"], {}, f"--day: {day!r} is not a day such as 2026-11-21")
            for day in ("2026-02-29", "yesterday", "", "20261121")
        ),
        *(
            (
                [STORE],
                {"FLAKE_QUOTA_TIMEZONE": zone},
                f"--quota_timezone: {zone!r} (from FLAKE_QUOTA_TIMEZONE) is not a time zone "
                "such as UTC or Europe/Berlin",
            )
            for zone in ("Nowhere", "Europe", "", "..")
        ),
        *(
            (
                [STORE, f"--database={dialect}://me:{PASSWORD}@h{port}/d"],
                {},
                f"--database: '{dialect}:…' is not a URL of SQLAlchemy such as "
                "sqlite:///usage.db or postgresql://USER@HOST/DATABASE",
            )
            for dialect, port in (("postgresql", ":x"), ("oracel", ""))
        ),
        ([STORE, "now"], {}, "stray argument 'now'; --help lists those there are"),
        ([STORE, "--days=2"], {}, "unknown option '--days'; --help lists those there are"),
        ([STORE, "--day"], {}, "--day: expected one argument"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    assert archive.run(arguments, environment, NOW) == 2
    assert capsys.readouterr() == ("", f"archive: {message}\n")


def test_the_command_line_comes_before_the_environment_and_sqlite_is_the_default() -> None:
    environment = {"FLAKE_QUOTA_STORE": "redis://b/1", "FLAKE_REDIS_PASSWORD": PASSWORD}
    settings = archive.parse(["--quota_store=redis://a/2"], environment, NOW)
    assert (settings.address.host, settings.address.password) == ("a", PASSWORD)
    assert settings.tables.name == "sqlite:///usage.db"
    environment["FLAKE_DATABASE"] = "sqlite:///b.db"
    assert archive.parse([], environment, NOW).tables.name == "sqlite:///b.db"
    given = archive.parse(["--database", "sqlite:///a.db"], environment, NOW)
    assert (given.tables.name, given.address.host) == ("sqlite:///a.db", "b")


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        (MySQLDialect(), "VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"),
        (
            MySQLDialect(is_mariadb=True),
            "VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        ),
        (PGDialect(), "VARCHAR(128)"),  # type: ignore[no-untyped-call]
        (SQLiteDialect(), "VARCHAR(128)"),
    ],
)
def test_names_equal_only_themselves_in_every_dialect(dialect: Dialect, words: str) -> None:
    by_app = str(CreateTable(USAGE_BY_APP).compile(dialect=dialect))
    by_interface = str(CreateTable(USAGE_BY_INTERFACE).compile(dialect=dialect))
    assert f"app {words} NOT NULL" in by_app
    assert f"app {words} NOT NULL" in by_interface
    assert f"interface {words} NOT NULL" in by_interface
    assert "PRIMARY KEY (day, app)" in by_app
    assert "PRIMARY KEY (day, app, interface)" in by_interface


@pytest.mark.parametrize("missing", ["sqlalchemy", "redis"])
def test_without_what_it_needs_it_says_how_to_get_that(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import idgen.quota.archive"
    program = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (program.returncode, program.stdout, program.stderr.count("\n")) == (1, "", 1)
    assert program.stderr.startswith(f"archive: {missing}")
    assert program.stderr.endswith("is missing; pip install '.[archive]' installs it\n")
