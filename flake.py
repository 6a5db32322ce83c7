#!/usr/bin/env python3
"""Flake: unique, roughly time-ordered 64-bit IDs over HTTP.

The composition root: settings become objects, objects listen.  Nothing else happens here.
"""

import os
import signal
import sys
from pathlib import Path

# Until there is something to drain, a signal just ends the process, and no import shows a trace.
# HUP reloads rules of quotas, and is nothing where there are none.
signal.signal(signal.SIGHUP, signal.SIG_IGN)
for early in (signal.SIGTERM, signal.SIGINT):
    signal.signal(early, lambda *_: os._exit(0))

try:
    import asyncio
    import gc
    import logging
    import random
    import secrets
    import socket
    import time
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager
    from functools import partial

    import uvloop

    from idgen import __version__, config, log
    from idgen.batches import BatchQueue
    from idgen.errors import BadSetting, CannotListen
    from idgen.grants.file import FileStore
    from idgen.grants.files import OsFiles
    from idgen.grants.keeper import Keeper
    from idgen.grants.memory import MemoryStore
    from idgen.grants.off_loop import OffLoop
    from idgen.grants.redis.claim import Claim
    from idgen.grants.redis.store import LUA, RedisStore
    from idgen.grants.state_directory import state_directory
    from idgen.grants.store import GrantStore, StoreError, StoreRefused
    from idgen.layout import Layout
    from idgen.quota.days import Days
    from idgen.quota.memory import MemoryStore as MemoryCounters
    from idgen.quota.rule_file import BadRules
    from idgen.quota.rule_watch import RuleFile, RuleWatch
    from idgen.quota.rules import Rules
    from idgen.quota.service import Quota
    from idgen.quota.usage import Usage
    from idgen.quota.usage_memory import MemoryUsage
    from idgen.redis.address import RedisAddress
    from idgen.service import IdService
    from idgen.stats import Stats
    from idgen.web.app import application
    from idgen.web.lanes import Lanes
    from idgen.web.metrics import registry_of
    from idgen.web.plans import Planner
    from idgen.web.quota.guard import Guard
    from idgen.web.quota.metrics import QuotaCollector
    from idgen.web.quota.proxies import Proxies
    from idgen.web.refusals import Refusals
    from idgen.web.server import Server
    from idgen.web.site import Site
    from idgen.web.wire import Wire
except ModuleNotFoundError as error:
    # `make run` puts what is needed into .venv; ./flake.py finds it there by itself.
    venv = Path(__file__).resolve().parent / ".venv"
    if (venv / "bin" / "python").exists() and Path(sys.prefix).resolve() != venv.resolve():
        os.execv(venv / "bin" / "python", [str(venv / "bin" / "python"), *sys.argv])  # noqa: S606 - our own interpreter
    sys.exit(f"flake: {error.name} is not installed; `make run` installs what is needed")


RELEASE_AFTER_S = 0.2
"""How long the last question to the store may take before the release is asked beside it."""


COLLECT_AFTER = 10_000
"""Objects made and not gone, before the garbage collector looks for cycles among them."""


def wall_clock_ms() -> int:
    """Unix milliseconds, 0.."""
    return time.time_ns() // 1_000_000


def boot_clock_ms() -> int:
    """Milliseconds since the machine started, which nobody can set."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def grant_store(settings: config.Config) -> GrantStore:
    """The store that `--grants` names.  Raises StoreRefused."""
    if isinstance(settings.grants, RedisAddress):
        return redis_store(settings, settings.grants)
    assert settings.worker_id is not None  # auto needs Redis
    if settings.grants == "memory:":
        logging.warning("grants in memory: nothing keeps IDs unique over a restart")
        return MemoryStore(settings.worker_id, wall_clock_ms)
    named = settings.grants.removeprefix("file:")
    directory = Path(named).absolute() if named else state_directory(os.environ)
    return OffLoop(
        FileStore(
            directory, settings.worker_id, settings.epoch_ms, os.getpid(), OsFiles(), wall_clock_ms
        )
    )


def missing(error: ModuleNotFoundError) -> StoreRefused:
    """What to say where a package for Redis is not installed."""
    told = f"{error.name} is not installed; `make run` or pip install '.[redis]' installs it"
    return StoreRefused(told)


def redis_store(settings: config.Config, address: RedisAddress) -> GrantStore:
    """The store on that Redis.  Raises StoreRefused where its client is not installed."""
    try:
        from idgen.grants.redis.script import Script
    except ModuleNotFoundError as error:
        raise missing(error) from None
    worker_ids = settings.worker_ids
    if settings.worker_id is not None:
        worker_ids = range(settings.worker_id, settings.worker_id + 1)
    holder = f"host={socket.gethostname()} pid={os.getpid()} started={wall_clock_ms()}"
    claim = Claim(
        address.namespace, worker_ids, settings.epoch_ms, holder, partial(secrets.token_hex, 16)
    )
    lua = LUA.read_text(encoding="utf-8")
    script = Script(address.with_password(settings.redis_password), lua)
    return RedisStore(script, claim, wall_clock_ms)


def quota_of(settings: config.Config, rules: Rules) -> Quota:
    """Quotas by these rules, in the store that `--quota_store` names.  Raises StoreRefused."""
    days = Days(settings.quota_timezone)
    if not isinstance(settings.quota_store, RedisAddress):
        usage = Usage(MemoryUsage(), days, wall_clock_ms)
        return Quota(rules, MemoryCounters(boot_clock_ms), usage)
    try:
        from idgen.quota.redis.counters import RedisStore as RedisCounters
        from idgen.quota.redis.usage import RedisUsage
    except ModuleNotFoundError as error:
        raise missing(error) from None
    address = settings.quota_store.with_password(settings.redis_password)
    usage = Usage(RedisUsage(address, secrets.token_hex(8)), days, wall_clock_ms)
    return Quota(rules, RedisCounters(address), usage)


@asynccontextmanager
async def quotas(settings: config.Config, site: Site) -> AsyncIterator[None]:
    """Have the site guarded by the rules of `--quota_rules`, if any, while the block runs.

    Raises BadSetting, StoreRefused.
    """
    if settings.quota_rules is None:
        yield
        return
    file = RuleFile(settings.quota_rules)
    try:
        quota = site.quota = quota_of(settings, file.load())
    except BadRules as error:
        raise BadSetting(f"--quota_rules: {error}") from None
    site.guard = Guard(quota, Proxies(settings.trusted_proxies), site.refusals)
    watch = RuleWatch(file, quota.adopt, asyncio.sleep)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, watch.look_soon)
    site.registry.register(QuotaCollector(quota, watch))
    names = ", ".join(rule.name for rule in quota.rules.all)
    logging.info(f"quotas {names} from {settings.quota_rules}, counted in {settings.quota_store}")
    tasks = [asyncio.create_task(run) for run in (watch.run(), quota.usage.run(asyncio.sleep))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await quota.close()


async def serve(settings: config.Config) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises BadSetting, StoreError, CannotListen.
    """
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    store = grant_store(settings)
    layout = Layout(settings.epoch_ms)
    service = IdService(layout, settings.worker_id, wall_clock_ms, store.longest_wait_ms)
    keeper = Keeper(store, service, boot_clock_ms, asyncio.sleep, random.random)
    os.register_at_fork(after_in_child=keeper.abandon)
    wire = Wire()
    site = Site(
        service=service,
        batches=BatchQueue(service, time.monotonic),
        stats=Stats(service, time.monotonic),
        registry=registry_of(service),
        wire=wire,
        refusals=Refusals(service, wire),
    )
    async with quotas(settings, site):
        server = Server(Lanes(application(site), site, Planner(site).plan))
        try:
            await run(settings, server, store, keeper, stop)
        finally:
            await keeper.release()


async def run(
    settings: config.Config,
    server: Server,
    store: GrantStore,
    keeper: Keeper,
    stop: asyncio.Event,
) -> None:
    """Listen, and keep the grant, until it is time to stop; then drain.

    Raises BadSetting, StoreError, CannotListen.
    """
    delay_ms = await keeper.step()
    named = "auto" if settings.worker_id is None else settings.worker_id
    listening = " and ".join(server.listen(settings.address, settings.port))
    logging.info(f"flake {__version__}: worker {named} listens on {listening}, grants from {store}")
    # What is there now stays: a full collection would go through it each time, for 20 ms and more.
    # And a request leaves no cycles behind, so there is little to look for.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    keeping = asyncio.create_task(keeper.run(delay_ms))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([keeping, stopping], return_when=asyncio.FIRST_COMPLETED)
    logging.info("draining")
    await server.drain()
    if keeping.done():
        keeping.result()
    keeping.cancel()
    # asyncio.wait_for, deep in a store, may swallow that; the release then comes after it.
    await asyncio.wait([keeping], timeout=RELEASE_AFTER_S)


def main() -> None:
    """The command `flake`: exit status 0 after a drain, 1 where it can't run, 2 for settings."""
    try:
        settings = config.load(sys.argv[1:], os.environ)
        log.set_up(settings.logging, settings.log_format)
        uvloop.run(serve(settings))
    except BadSetting as error:
        print(f"flake: {error}", file=sys.stderr)
        sys.exit(2)
    except (StoreError, CannotListen) as error:
        sys.exit(f"flake: {error}")


if __name__ == "__main__":
    main()
