"""The fleet that `--peers` and the grants tell of."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from idgen.addresses import host_and_port
from idgen.composition.clocks import monotonic_s, wall_clock_ms
from idgen.config import Config
from idgen.fleet.asking import Asking
from idgen.fleet.watch import Finder, FleetWatch
from idgen.fleet.worker import Worker
from idgen.history import History
from idgen.redis.address import RedisAddress
from idgen.service import IdService


def worker_of(settings: Config, service: IdService, grant_ms: int) -> Worker:
    """This process among others."""
    return Worker(
        service=service,
        history=History(service),
        address=host_and_port(settings.address, settings.port),
        instance=secrets.token_hex(8),
        started_unix_ms=wall_clock_ms(),
        grant_ms=grant_ms,
    )


def fleet_watch(settings: Config, worker: Worker) -> FleetWatch:
    """The others, as far as they are known."""
    ask = Asking(wall_clock_ms, monotonic_s).ask
    return FleetWatch(worker, settings.peers, _finder(settings), ask, monotonic_s)


@asynccontextmanager
async def watching(fleet: FleetWatch) -> AsyncIterator[None]:
    """Have the fleet watched while the block runs."""
    watch = asyncio.create_task(fleet.run(asyncio.sleep))
    try:
        yield
    finally:
        watch.cancel()
        fleet.close()


def _finder(settings: Config) -> Finder | None:
    if not isinstance(settings.grants, RedisAddress):
        return None
    from idgen.fleet.redis_finder import RedisFinder  # the grants have seen that it is installed

    address = settings.grants.with_password(settings.redis_password)
    return RedisFinder(address, socket.gethostname())
