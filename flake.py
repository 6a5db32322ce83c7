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

    import uvloop

    from idgen import __version__, config, log
    from idgen.batches import BatchQueue
    from idgen.composition.clocks import boot_clock_ms, monotonic_s, wall_clock_ms
    from idgen.composition.fleet import fleet_watch, watching, worker_of
    from idgen.composition.grants import grant_store
    from idgen.composition.quotas import quotas
    from idgen.errors import BadSetting, CannotListen
    from idgen.grants.keeper import Keeper
    from idgen.grants.store import GrantStore, StoreError
    from idgen.layout import Layout
    from idgen.service import IdService
    from idgen.stats import Stats
    from idgen.web.app import application
    from idgen.web.lanes import Lanes
    from idgen.web.metrics import registry_of
    from idgen.web.plans import Planner
    from idgen.web.refusals import Refusals
    from idgen.web.server import Server
    from idgen.web.site import Site
    from idgen.web.ui.files import ui_files
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
    wire, worker = Wire(), worker_of(settings, service, store.grant_ms)
    site = Site(
        service=service,
        batches=BatchQueue(service, monotonic_s),
        stats=Stats(service, monotonic_s),
        registry=registry_of(service, worker.history),
        wire=wire,
        refusals=Refusals(service, wire),
        worker=worker,
        fleet=fleet_watch(settings, worker),
        ui=ui_files(layout),
    )
    async with quotas(settings, site), watching(site.fleet):
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
