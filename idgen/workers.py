"""The worker_ids of a fleet: who holds which, as the Redis that grants them knows it.

    python -m idgen.workers --grants=redis://HOST:PORT/DB[?namespace=NAME] [--free=N]

A program of its own.  All times are compared with Redis's clock, never with the one here.
"""

import argparse
import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

try:
    from idgen.grants.redis.reading import read
    from idgen.grants.redis.script import Script
except ModuleNotFoundError:
    print("workers: redis is missing; pip install '.[redis]' installs it", file=sys.stderr)
    sys.exit(1)

from idgen.errors import BadSetting
from idgen.grants.redis.answer import Answer
from idgen.grants.redis.claim import question_to_free
from idgen.grants.redis.records import STATES
from idgen.grants.redis.store import LUA
from idgen.grants.redis.table import summary, table, told
from idgen.grants.store import StoreUnavailable
from idgen.layout import MAX_WORKER_ID
from idgen.redis.address import RedisAddress, without_secrets

TIMEOUT_MS = 2000
"""For a connection, and for each answer: a person waits here, not a grant."""

WORKER_IDS = range(MAX_WORKER_ID + 1)


class NothingFreed(Exception):
    """Nobody has the grant that was to be ended, or not the one whom we saw."""


async def show(address: RedisAddress) -> None:
    """Print the table.  Raises StoreUnavailable."""
    fleet = await read(address, WORKER_IDS, TIMEOUT_MS)
    table_lines = ["", *table(fleet)] if fleet.records else []
    print("\n".join([str(address), *summary(fleet), *table_lines]))


async def free(address: RedisAddress, worker_id: int) -> None:
    """End the grant that somebody has.  Raises StoreUnavailable, NothingFreed."""
    fleet = await read(address, [worker_id], TIMEOUT_MS)
    if not fleet.records:
        raise NothingFreed(f"worker_id {worker_id} has no record at {address}; nothing to free")
    record = fleet.records[0]
    state = fleet.state(record)
    if record.token is None or state == "stale":
        why = record.problem or STATES[state]
        raise NothingFreed(f"worker_id {worker_id} is {state} ({why}); nothing to free")
    print(told(fleet, record), flush=True)
    script = Script(address, LUA.read_text(encoding="utf-8"), TIMEOUT_MS)
    try:
        question = question_to_free(address.namespace, worker_id, record.token)
        answer = Answer.parse(await script.ask(question))
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{error}; the table tells whether it was freed") from None
    finally:
        await script.close()
    hear_freed(worker_id, answer)
    print("freed: the next floor is not below that; its holder, should it live, can't extend it")


def hear_freed(worker_id: int, answer: Answer) -> None:
    """The answer to question_to_free.  Raises NothingFreed."""
    if answer.outcome == "lost":
        raise NothingFreed(
            f"worker_id {worker_id}: somebody took, extended or released it in between; "
            "nothing was changed"
        )
    if answer.outcome != "released":
        said = " ".join([answer.outcome, *answer.texts])
        raise NothingFreed(f"worker_id {worker_id}: Redis says {said}; nothing was changed")


def settings(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[RedisAddress, int | None]:
    """Where to look, and the worker_id to free.  Raises BadSetting; SystemExit(0) after --help."""
    options, others = _parser().parse_known_args(arguments)
    for text in others:
        shown = without_secrets(text.partition("=")[0])
        kind = "unknown option" if text.startswith("-") else "stray argument"
        raise BadSetting(f"{kind} {shown}; --help lists those there are")
    url, source = options.grants, ""
    if url is None:
        url, source = environment.get("FLAKE_GRANTS"), " (from FLAKE_GRANTS)"
    if url is None:
        raise BadSetting("--grants is required: redis://HOST:PORT/DB?namespace=NAME")
    try:
        if url.startswith(("file:", "memory:")):
            raise ValueError("redis://HOST:PORT/DB; only grants from Redis have this table")
        address = RedisAddress.parse(url)
    except ValueError as allowed:
        shown = without_secrets(url)
        raise BadSetting(f"--grants: {shown}{source} is not {allowed}") from None
    if options.free is not None and not _is_worker_id(options.free):
        shown = without_secrets(options.free)
        raise BadSetting(f"--free: {shown} is not a whole number from 0 to {MAX_WORKER_ID}")
    worker_id = None if options.free is None else int(options.free)
    return address.with_password(environment.get("FLAKE_REDIS_PASSWORD", "")), worker_id


def _is_worker_id(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,19}", text)) and int(text) in WORKER_IDS


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadSetting(message.removeprefix("argument "))


def _parser() -> _Parser:
    states = "\n".join(f"  {state:<8} {meaning}" for state, meaning in STATES.items())
    parser = _Parser(
        prog="python -m idgen.workers",
        description="Shows the worker_ids that a Redis has granted, or frees one of them.",
        epilog=f"states:\n{states}",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--grants",
        metavar="URL",
        help="redis://HOST:PORT/DB[?namespace=NAME], as the fleet has it (default: FLAKE_GRANTS); "
        "a password can stand in FLAKE_REDIS_PASSWORD",
    )
    parser.add_argument(
        "--free",
        metavar="N",
        help="end the grant of worker_id N, whose holder is dead; seldom needed, since it ends at "
        "its ceiling anyway, before which nobody else can issue IDs in any case",
    )
    return parser


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit status: 1 for trouble with Redis or nothing to free, 2 for bad options."""
    try:
        address, worker_id = settings(arguments, environment)
        asyncio.run(show(address) if worker_id is None else free(address, worker_id))
    except (BadSetting, StoreUnavailable, NothingFreed) as error:
        print(f"workers: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadSetting) else 1
    return 0


def main() -> None:
    """The command line."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        status = run(sys.argv[1:], os.environ)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
