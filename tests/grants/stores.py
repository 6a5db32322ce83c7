"""Every store of grants over a clock of the test's, for the suites that run against each.

The store on Redis is there twice: on a simulated one, and on a real one of which only TIME is
the test's.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import uvloop

from idgen.grants.file import FileStore
from idgen.grants.memory import MemoryStore
from idgen.grants.redis.answer import Reply
from idgen.grants.redis.claim import Claim, Question
from idgen.grants.redis.script import Script
from idgen.grants.redis.store import LUA, Asking, RedisStore
from idgen.grants.store import GrantStore
from idgen.layout import Layout
from idgen.redis.address import RedisAddress
from tests.clocks import WallClock
from tests.faults.redis_world import SimulatedRedis
from tests.faults.world import Machine, MachineFiles
from tests.redis_server import RedisServer

WORKER_ID = 7
Reopen = Callable[[], GrantStore]
"""The store as the worker_id's next process finds it; the one before has died."""

WITH_TIME_OF_THE_TEST = """
    local real = redis
    local redis = {pcall = real.pcall, call = function(name, ...)
        if name ~= 'TIME' then return real.call(name, ...) end
        local ms = tonumber(ARGV[#ARGV])
        return {tostring(math.floor(ms / 1000)), tostring(ms % 1000 * 1000)}
    end}
"""

PATIENT_MS = 10_000
"""A time-out for tests whose matter isn't time."""

_T = TypeVar("_T")
_RUNNER = asyncio.Runner(loop_factory=uvloop.new_event_loop)
"""One loop for all, of the kind that the service has: a connection belongs to its loop."""


def run(call: Coroutine[Any, Any, _T]) -> _T:
    """What it returns."""
    return _RUNNER.run(call)


def memory_stores(clock: WallClock, _: RedisServer) -> Reopen:
    store = MemoryStore(WORKER_ID, clock)
    return lambda: store


def file_stores(clock: WallClock, _: RedisServer) -> Reopen:
    """Over a disk in memory, so that thousands of sequences take seconds."""
    machine = Machine(Random(0), quantum_ms=1)
    living: list[MachineFiles] = []

    def reopen() -> GrantStore:
        for files in living:
            files.close_all()
        living[:] = [MachineFiles(machine)]
        return FileStore(Path("/state"), WORKER_ID, Layout().epoch_ms, 1, living[0], clock)

    return reopen


class SimulatedScript:
    """Asks a simulated Redis."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self.redis = SimulatedRedis(Random(0))

    async def ask(self, question: Question) -> Reply:
        self.redis.now_unix_ms = self._clock()
        return self.redis.run(question)

    async def close(self) -> None:
        pass


class TimedScript(Script):
    """Asks a real Redis."""

    def __init__(self, server: RedisServer, clock: WallClock) -> None:
        address = RedisAddress("127.0.0.1", server.port)
        lua = WITH_TIME_OF_THE_TEST + LUA.read_text(encoding="utf-8")
        super().__init__(address, lua, PATIENT_MS)
        self._clock = clock

    async def ask(self, question: Question) -> Reply:
        question.arguments.append(self._clock())
        return await super().ask(question)


def claim(
    namespace: str = "flake",
    worker_ids: range = range(WORKER_ID, WORKER_ID + 1),
    draw_token: Callable[[], str] = secrets.token_hex,
    holder: str = "host=here pid=1 started=2",
    epoch_ms: int = Layout().epoch_ms,
) -> Claim:
    """A process's, of one worker_id unless the test says otherwise."""
    return Claim(namespace, worker_ids, epoch_ms, holder, draw_token)


def _on_redis(script: Asking, clock: WallClock) -> Reopen:
    namespace = secrets.token_hex()
    return lambda: RedisStore(script, claim(namespace), clock)


def simulated_redis_stores(clock: WallClock, _: RedisServer) -> Reopen:
    return _on_redis(SimulatedScript(clock), clock)


def real_redis_stores(clock: WallClock, server: RedisServer) -> Reopen:
    return _on_redis(TimedScript(server, clock), clock)


STORES = {
    "memory": memory_stores,
    "file": file_stores,
    "simulated redis": simulated_redis_stores,
    "redis": real_redis_stores,
}
