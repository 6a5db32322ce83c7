"""A program that calls as fast as it can: RACER PORT NAMESPACE CALLS; prints how many passed."""

import asyncio
import sys

import uvloop

from idgen.quota.decision import Verdict
from idgen.quota.redis.counters import RedisStore
from idgen.quota.rules import Check, Rule, Rules
from idgen.redis.address import RedisAddress

LIMIT = 1000
RULES = Rules((Rule("all", ("app",), LIMIT, 3600), Rule("one", ("app", "user"), LIMIT, 3600)))
CALLERS = 20
PATIENT_MS = 30_000


async def race(port: int, namespace: str, calls: int) -> int:
    """How many of the calls have passed."""
    store = RedisStore(RedisAddress("127.0.0.1", port, namespace=namespace), PATIENT_MS)
    passed = 0

    async def call(user: int) -> None:
        nonlocal passed
        for count in range(calls // CALLERS):
            asked = store.take(RULES.charge(Check("a", f"user {user} {count % 50}")))
            verdict = asked if isinstance(asked, Verdict) else await asked
            assert not verdict.trouble, verdict.trouble
            passed += verdict.allowed

    await asyncio.gather(*map(call, range(CALLERS)))
    await store.close()
    return passed


if __name__ == "__main__":
    print(uvloop.run(race(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
