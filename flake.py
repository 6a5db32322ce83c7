#!/usr/bin/env python3
"""Flake: unique, roughly time-ordered 64-bit IDs over HTTP.

The composition root: settings become objects, objects listen.  Nothing else happens here.
"""

import os
import sys
from pathlib import Path

try:
    import asyncio
    import logging
    import signal
    import time

    from idgen import __version__, config, log
    from idgen.batches import BatchQueue
    from idgen.errors import BadSetting
    from idgen.layout import Layout
    from idgen.service import IdService
    from idgen.stats import Stats
    from idgen.web.app import application
    from idgen.web.metrics import registry_of
    from idgen.web.server import Server
    from idgen.web.site import Site
except ModuleNotFoundError as error:
    # `make run` puts what is needed into .venv; ./flake.py finds it there by itself.
    venv = Path(__file__).resolve().parent / ".venv"
    if (venv / "bin" / "python").exists() and Path(sys.prefix).resolve() != venv.resolve():
        os.execv(venv / "bin" / "python", [str(venv / "bin" / "python"), *sys.argv])  # noqa: S606 - our own interpreter
    sys.exit(f"flake: {error.name} is not installed; `make run` installs what is needed")


def wall_clock_ms() -> int:
    """Unix milliseconds, 0.."""
    return time.time_ns() // 1_000_000


async def serve(settings: config.Config) -> None:
    """Serve until SIGTERM or SIGINT, then drain.  Raises OSError where it can't listen."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    service = IdService(Layout(settings.epoch_ms), settings.worker_id, wall_clock_ms)
    site = Site(
        service=service,
        batches=BatchQueue(service, time.monotonic),
        stats=Stats(service, time.monotonic),
        registry=registry_of(service),
    )
    server = Server(application(site), site)
    for address, port in server.listen(settings.address, settings.port):
        logging.info(
            f"flake {__version__}: worker {settings.worker_id} listens on {address} port {port}"
        )
    logging.warning("grants in memory: nothing keeps IDs unique over a restart with its clock back")
    await stop.wait()
    logging.info("draining")
    await server.drain()


def main() -> None:
    """The command `flake`: exit status 0 after a drain, 1 where it can't run, 2 for settings."""
    try:
        settings = config.load(sys.argv[1:], os.environ)
        log.set_up(settings.logging, settings.log_format)
        asyncio.run(serve(settings))
    except BadSetting as error:
        print(f"flake: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        sys.exit(f"flake: {settings.address} port {settings.port}: {error.strerror}")


if __name__ == "__main__":
    main()
