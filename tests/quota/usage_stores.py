"""Stores of usage for the suites that try them, and short words for what they hold."""

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from idgen.quota.redis.usage import RedisUsage
from idgen.quota.tally import Tally, UsageId
from idgen.redis.address import RedisAddress
from tests.grants.stores import PATIENT_MS

DAY = "2026-11-21"
SHOP = UsageId(DAY, "shop")


def at(port: int) -> RedisAddress:
    """A namespace that nobody else has."""
    return RedisAddress("127.0.0.1", port, namespace=f"test-{secrets.token_hex(4)}")


@asynccontextmanager
async def opened(address: RedisAddress, timeout_ms: int = PATIENT_MS) -> AsyncIterator[RedisUsage]:
    """The store of one process."""
    store = RedisUsage(address, secrets.token_hex(8), timeout_ms)
    try:
        yield store
    finally:
        await store.close()


def tally(total: int = 0, denied: int = 0, users: str = "", **interfaces: int) -> Tally:
    return Tally(total, denied, Counter(interfaces), set(users.split()))


def is_read(total: int = 0, denied: int = 0, user_count: int = 0, **interfaces: int) -> Tally:
    return Tally(total, denied, Counter(interfaces), user_count=user_count)
