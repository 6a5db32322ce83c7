"""Decisions in memory, without HTTP: Flake's and those of `limits`, by the shipped rules.

    python -m benchmarks.quota_decisions flake|limits CALLERS SECONDS

A program of its own, since `limits` starts a thread whenever it counts, and either leaves hundreds
of thousands of counters to the garbage collector.  It writes a line of JSON.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.contenders import TOP
from idgen.quota.memory import MemoryStore
from idgen.quota.rule_file import read_rules
from idgen.quota.rules import Check, Rules

CALLERS_PER_APP = 100
"""An application has so many users and so many addresses, in any combination."""
AT_ONCE = 1000
"""So many decisions are timed as one; making up who calls isn't timed."""

Caller = tuple[str, str, str, str]
"""App, user, interface and IP."""


def main() -> None:
    """Opens the windows of all callers, then decides on calls of any of them."""
    name, apps, seconds = sys.argv[1], int(sys.argv[2]) // CALLERS_PER_APP, float(sys.argv[3])
    shipped = TOP / "quota.example.toml"
    rules = read_rules(shipped.read_text(encoding="utf-8"), shipped.name)
    decide = {"flake": _flake, "limits": _limits}[name](rules)
    for number in range(apps * CALLERS_PER_APP):
        decide(_caller(*divmod(number, CALLERS_PER_APP), number % CALLERS_PER_APP))
    pick = random.Random(1).random
    allowed, cpu_s = 0, 0.0
    taken_s: list[float] = []
    while sum(taken_s) < seconds:
        some = [
            _caller(
                int(pick() * apps), int(pick() * CALLERS_PER_APP), int(pick() * CALLERS_PER_APP)
            )
            for _ in range(AT_ONCE)
        ]
        begun_cpu_s, begun_s = time.process_time(), time.perf_counter()
        for caller in some:
            allowed += decide(caller)
        taken_s.append(time.perf_counter() - begun_s)
        cpu_s += time.process_time() - begun_cpu_s
    checks = len(taken_s) * AT_ONCE
    cuts = statistics.quantiles(taken_s, n=1000, method="inclusive")
    print(
        json.dumps(
            {
                "rate": checks / sum(taken_s),
                "cpu_us": cpu_s / checks * 1e6,
                "p50_us": cuts[499] / AT_ONCE * 1e6,
                "p99_us": cuts[989] / AT_ONCE * 1e6,
                "p999_us": cuts[998] / AT_ONCE * 1e6,
                "refused": 1 - allowed / checks,
                "failed": 0,
            }
        ),
        flush=True,
    )


def _caller(app: int, user: int, ip: int) -> Caller:
    """In strings that nobody has hashed yet, as those of a request are."""
    return f"app-{app:04}", f"user-{user:06}", "orders", f"10.0.0.{ip}"


def _flake(rules: Rules) -> Callable[[Caller], bool]:
    store = MemoryStore(lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)

    def decide(caller: Caller) -> bool:
        return store.take(rules.charge(Check(*caller))).allowed

    return decide


def _limits(rules: Rules) -> Callable[[Caller], bool]:
    """One limit hit after the other: what the first took stays taken where the second denies."""
    from limits import RateLimitItemPerSecond
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter

    hit = FixedWindowRateLimiter(MemoryStorage()).hit
    app_ip, app_user = (RateLimitItemPerSecond(rule.limit, rule.window_s) for rule in rules.all)

    def decide(caller: Caller) -> bool:
        app, user, interface, ip = caller
        return hit(app_ip, "app-ip", app, ip) and hit(app_user, "app-user", app, user, interface)

    return decide


if __name__ == "__main__":
    main()
