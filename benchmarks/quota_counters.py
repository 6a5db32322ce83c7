"""What counters take in Redis: its memory before and after checks of which each opens windows."""

import http.client
import json
import statistics
import time
from collections.abc import Sequence

import redis

from benchmarks.contenders import Contender
from benchmarks.quota_rate import QuotaSample

COUNTED = 100_000
RULES = 2
"""Of the shipped file; each check here opens a window by each."""
APPS = 4
"""Few, so that their usage statistics, which are there as well, don't weigh."""
CHECKS_PER_POST = 100
SETTLED_S = 1.5
"""Usage goes to Redis each second, and Redis frees the room that a table had before it grew."""


def counters(contender: Contender, store: Contender) -> QuotaSample:
    """One POST after the other on one connection; nobody else may use this Redis.

    A counter that isn't there in the end counts as not answered.
    """
    with redis.Redis(port=store.port, socket_timeout=5) as client:
        client.flushall()
        _post(contender, range(APPS))
        time.sleep(SETTLED_S)
        before, keys = client.info("memory")["used_memory"], client.dbsize()
        cpu_us, begun_s = contender.cpu_us(), time.perf_counter()
        latencies_s = _post(contender, range(APPS, APPS + COUNTED // RULES))
        took_s, cpu_us = time.perf_counter() - begun_s, contender.cpu_us() - cpu_us
        time.sleep(SETTLED_S)
        grown, made = client.info("memory")["used_memory"] - before, client.dbsize() - keys
    cuts = statistics.quantiles(latencies_s, n=1000, method="inclusive")
    checks = COUNTED // RULES
    return QuotaSample(
        rate=checks / took_s,
        cpu_us=cpu_us / checks,
        p50_us=cuts[499] * 1e6,
        p99_us=cuts[989] * 1e6,
        p999_us=cuts[998] * 1e6,
        refused=0.0,
        failed=COUNTED - made,
        counter_bytes=grown / made,
    )


def _post(contender: Contender, callers: Sequence[int]) -> list[float]:
    """The latency of each POST."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=5)
    latencies_s = []
    for first in range(0, len(callers), CHECKS_PER_POST):
        checks = [_check(number) for number in callers[first : first + CHECKS_PER_POST]]
        begun_s = time.perf_counter()
        connection.request("POST", "/quota/check", json.dumps(checks))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == http.HTTPStatus.OK, answer.status
        latencies_s.append(time.perf_counter() - begun_s)
    connection.close()
    return latencies_s


def _check(number: int) -> dict[str, str]:
    return {
        "app": f"app-{number % APPS:04}",
        "user": f"user-{number:06}",
        "interface": "orders",
        "ip": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
    }
