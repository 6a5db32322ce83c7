"""Copies a day's usage from Redis into a relational database.

    python -m idgen.quota.archive --quota_store=redis://HOST:PORT/DB[?namespace=NAME]
        [--database=sqlite:///usage.db] [--day=YYYY-MM-DD] [--quota_timezone=UTC]

A program of its own, for once a day, some minutes after midnight.  It deletes nothing in Redis,
where a day expires by itself: so a run can be repeated, and then finds what was flushed late.
What it has archived of an application and day is replaced by what Redis has now; applications
that Redis knows nothing of (any more) keep their rows.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

try:
    from idgen.quota.redis.usage import RedisUsage
    from idgen.quota.usage_tables import DatabaseTrouble, UsageTables
except ModuleNotFoundError as missing:
    hint = "pip install '.[archive]' installs it"
    print(f"archive: {missing.name} is missing; {hint}", file=sys.stderr)
    sys.exit(1)

from idgen.errors import BadSetting, QuotaUnavailable
from idgen.moments import time_zone
from idgen.progress import Progress
from idgen.quota.days import Days, day_before, parse_day
from idgen.quota.tally import UsageId
from idgen.redis.address import RedisAddress, without_secrets

DEFAULT_DATABASE = "sqlite:///usage.db"
TIMEOUT_MS = 2000
"""For a connection to Redis, and for each of its answers: nobody's call waits here."""
BAR_LENGTH = 20

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Settings:
    """What to copy, and where to."""

    address: RedisAddress
    tables: UsageTables
    day: str


@dataclass(slots=True)
class Archived:
    """How much was copied."""

    apps: int = 0
    calls: int = 0
    denied: int = 0


async def archive(usage: RedisUsage, tables: UsageTables, day: str, progress: Progress) -> Archived:
    """Copy a day, a page of applications after the other.

    Raises QuotaUnavailable, DatabaseTrouble: the pages before are copied.
    """
    archived = Archived()
    known = await usage.count_apps(day)
    tables.create()
    async for apps in usage.apps(day):
        read = await usage.read_all([UsageId(day, app) for app in apps])
        tables.replace(day, dict(zip(apps, read, strict=True)))
        archived.apps += len(apps)
        archived.calls += sum(tally.total for tally in read)
        archived.denied += sum(tally.denied for tally in read)
        progress.tell(f"{day}  {bar(archived.apps, max(known, archived.apps))} apps")
    return archived


def bar(done: int, of: int) -> str:
    """`[##########          ] 512/1024`.  of: 1.. and no less than done."""
    length = BAR_LENGTH * done // of
    return f"[{'#' * length:<{BAR_LENGTH}}] {done}/{of}"


async def copy(settings: Settings) -> Archived:
    """The same, in sight of whoever sits at the terminal."""
    usage = RedisUsage(settings.address, "", TIMEOUT_MS)
    progress = Progress(sys.stderr, time.monotonic)
    try:
        return await archive(usage, settings.tables, settings.day, progress)
    finally:
        progress.done()
        settings.tables.close()
        await usage.close()


def parse(arguments: Sequence[str], environment: Mapping[str, str], unix_ms: int) -> Settings:
    """The settings; unix_ms tells which day was yesterday.

    Raises BadSetting, DatabaseTrouble; SystemExit(0) after --help.
    """
    options, others = _parser().parse_known_args(arguments)
    for text in others:
        what = without_secrets(text.partition("=")[0])
        kind = "unknown option" if text.startswith("-") else "stray argument"
        raise BadSetting(f"{kind} {what}; --help lists those there are")

    def setting(name: str, default: str | None, check: Callable[[str], _T]) -> _T:
        text, source = getattr(options, name), ""
        if text is None:
            text, source = environment.get(f"FLAKE_{name.upper()}"), f" (from FLAKE_{name.upper()})"
        if text is None:
            text, source = default, ""
        if text is None:
            raise BadSetting(f"--{name} is required: redis://HOST:PORT/DB?namespace=NAME")
        try:
            return check(text)
        except ValueError as allowed:
            shown = without_secrets(text)
            raise BadSetting(f"--{name}: {shown}{source} is not {allowed}") from None

    address = setting("quota_store", None, _store)
    zone = setting("quota_timezone", "UTC", time_zone)
    yesterday = day_before(Days(zone).day_of(unix_ms))
    return Settings(
        address.with_password(environment.get("FLAKE_REDIS_PASSWORD", "")),
        setting("database", DEFAULT_DATABASE, UsageTables),
        yesterday if options.day is None else setting("day", None, _day),
    )


def _store(text: str) -> RedisAddress:
    if text.startswith("memory:"):
        raise ValueError(
            "redis://HOST:PORT/DB; with memory: usage lives in the process, so ask that for "
            "GET /quota/usage"
        )
    return RedisAddress.parse(text)


def _day(text: str) -> str:
    day = parse_day(text)
    if day is None:
        raise ValueError("a day such as 2026-11-21")
    return day


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadSetting(message.removeprefix("argument "))


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m idgen.quota.archive",
        description="Copies a day's usage from Redis into a relational database. It can be "
        "repeated: the day's rows are replaced by what Redis has now.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--quota_store",
        metavar="URL",
        help="redis://HOST:PORT/DB[?namespace=NAME], as the fleet has it (default: "
        "FLAKE_QUOTA_STORE); a password can stand in FLAKE_REDIS_PASSWORD",
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="of SQLAlchemy: sqlite:///FILE, postgresql://…, mysql://… (default: FLAKE_DATABASE, "
        f"else {DEFAULT_DATABASE})",
    )
    parser.add_argument("--day", metavar="YYYY-MM-DD", help="which day (default: yesterday)")
    parser.add_argument(
        "--quota_timezone",
        metavar="ZONE",
        help="where yesterday was, as the fleet has it (default: FLAKE_QUOTA_TIMEZONE, else UTC)",
    )
    return parser


def run(arguments: Sequence[str], environment: Mapping[str, str], unix_ms: int) -> int:
    """The exit status: 1 for trouble with Redis or the database, 2 for bad options."""
    try:
        settings = parse(arguments, environment, unix_ms)
        archived = asyncio.run(copy(settings))
    except (BadSetting, QuotaUnavailable, DatabaseTrouble) as error:
        print(f"archive: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadSetting) else 1
    print(
        f"{settings.day}: {archived.apps} apps, {archived.calls} calls, {archived.denied} denied "
        f"into {settings.tables.name}"
    )
    return 0


def main() -> None:
    """The command line."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run(sys.argv[1:], os.environ, time.time_ns() // 1_000_000))


if __name__ == "__main__":
    main()
