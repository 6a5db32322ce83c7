"""Both stores of counters over a time that the test moves, for the suites that run against each.

Redis has its own clock: there time moves on by lowering the TTLs, and passes by itself besides.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import uvloop

from idgen.quota.decision import Verdict
from idgen.quota.memory import MemoryStore
from idgen.quota.redis.counters import RedisStore
from idgen.quota.rules import Charge
from idgen.redis.address import RedisAddress
from tests.redis_server import RedisServer

PATIENT_MS = 10_000
"""A time-out for tests whose matter isn't time."""

_RUNNER = asyncio.Runner(loop_factory=uvloop.new_event_loop)
"""One loop for all: a connection belongs to its loop."""

_MOVE_ON = """
    for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
        redis.call('PEXPIRE', key, redis.call('PTTL', key) - ARGV[2])
    end
"""
"""PEXPIRE deletes what has nothing left."""


class Store(Protocol):
    """A store that is asked and answers at once."""

    slack_ms: int
    """Of a reset: what has passed by itself at most."""

    def take(self, *charges: Charge) -> Sequence[Verdict]:
        """All at once, in this order."""

    def move_on(self, by_ms: int) -> None:
        """Have time pass."""


class InMemory:
    """MemoryStore."""

    slack_ms = 0

    def __init__(self, _: RedisServer) -> None:
        self.now_ms = 1000
        self.store = MemoryStore(lambda: self.now_ms)

    def take(self, *charges: Charge) -> Sequence[Verdict]:
        return [self.store.take(charge) for charge in charges]

    def move_on(self, by_ms: int) -> None:
        self.now_ms += by_ms


class OnRedis:
    """RedisStore on a real Redis, in a namespace of its own."""

    slack_ms = 9000

    def __init__(self, server: RedisServer) -> None:
        self.namespace = secrets.token_hex(8)
        self.client = server.client
        address = RedisAddress("127.0.0.1", server.port, namespace=self.namespace)
        self.store = RedisStore(address, PATIENT_MS)

    def take(self, *charges: Charge) -> Sequence[Verdict]:
        async def asked() -> Sequence[Verdict]:
            taken = [self.store.take(charge) for charge in charges]
            return [one if isinstance(one, Verdict) else await one for one in taken]

        verdicts = _RUNNER.run(asked())
        assert not any(verdict.trouble for verdict in verdicts), verdicts
        return verdicts

    def move_on(self, by_ms: int) -> None:
        self.client.eval(_MOVE_ON, 0, f"{self.namespace}:*", str(by_ms))


STORES: dict[str, Callable[[RedisServer], Store]] = {"memory": InMemory, "redis": OnRedis}
