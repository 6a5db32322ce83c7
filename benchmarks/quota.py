"""Quotas: decisions in memory, over HTTP with counters in memory and in Redis, and a whole fleet.

One process has the servers' core for itself, as everywhere; Redis, where there is one, shares the
other core with the load, since one process and Redis are to be told apart.  Of a fleet nothing is
pinned: two processes, two of nginx, Redis and the load go wherever there is room.
"""

import itertools
import json
import random
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.contenders import LOAD_CORE, TOP, Contender, Stage
from benchmarks.load import Sample, wrk
from benchmarks.quota_counters import CHECKS_PER_POST, counters
from benchmarks.quota_rate import Caller, checks_at_rate
from benchmarks.rounds import Cell

PREFIX = "quota: "
"""How the names of all scenarios here begin."""
DECISIONS = PREFIX + "decisions in memory, no HTTP"
MEMORY = PREFIX + "GET /quota/check, counters in memory"
REDIS = PREFIX + "GET /quota/check, counters in Redis"
POSTS = PREFIX + "POST of 100 checks, counters in Redis"
COUNTERS = PREFIX + "100,000 counters in Redis"
DECIDED = [("Flake", 10_000), ("limits", 10_000), ("Flake", 100_000)]
"""By whom, and among how many callers to each of the two rules."""
FORMS = {"distinct": "each query another", "same": "the same bytes each time"}

RATE = 4630
FLEET = PREFIX + f"two processes behind nginx, Redis, {RATE:,} checks/s"
POST_CONNECTIONS = 4
"""They keep a process busy. With 25, so many checks would wait that the last wait too long."""
USER_LIMIT = 20
"""Of the fleet's rule for a user: less than what HOT_USERS ask for within half a second."""
HOT_USERS = 10
HOT_SHARE = 0.1

_SCRIPT = Path(__file__).resolve().parent / "quota_wrk.lua"
_SAME = "/quota/check?app=app-0001&user=user-000001&interface=orders&ip=10.0.0.1"
_SHIPPED = TOP / "quota.example.toml"


def cells(running: Stage, seconds: float) -> list[Cell]:
    """Those of docs/benchmarks.md's section on quotas."""
    roomy = _rules(running, "roomy.toml", r"^limit = .+$", "limit = 1_000_000_000")
    in_memory = running.flake("Flake", f"--quota_rules={roomy}")
    in_redis = _with_redis(running, roomy, running.redis(LOAD_CORE))
    counted_redis = running.redis(LOAD_CORE)
    counted = _with_redis(running, roomy, counted_redis)
    return [
        *(
            Cell(
                DECISIONS,
                f"{name}, {callers:,} callers",
                partial(_decisions, name, callers, seconds),
            )
            for name, callers in DECIDED
        ),
        *(
            Cell(scenario, name, partial(_closed, contender, word, seconds))
            for scenario, contender in [(MEMORY, in_memory), (REDIS, in_redis)]
            for word, name in FORMS.items()
        ),
        Cell(POSTS, "Flake", partial(_posts, in_redis, seconds)),
        Cell(FLEET, "Flake", _at_rate(_fleet(running), seconds)),
        Cell(COUNTERS, "Flake", partial(counters, counted, counted_redis)),
    ]


def _rules(running: Stage, name: str, pattern: str, other: str) -> Path:
    """The shipped rules, but for lines that are to be others."""
    text, count = re.subn(pattern, other, _SHIPPED.read_text(encoding="utf-8"), flags=re.M)
    assert count
    return running.write(name, text)


def _with_redis(running: Stage, rules: Path, store: Contender) -> Contender:
    """A process and the Redis that does its counting, whose CPU time is in each check's."""
    flake = running.flake("Flake", f"--quota_rules={rules}", f"--quota_store={_url(store)}")
    return replace(flake, pids=flake.pids + store.pids)


def _url(store: Contender) -> str:
    return f"redis://127.0.0.1:{store.port}/0"


def _fleet(running: Stage) -> Contender:
    """nginx.conf without the line that it says to take out where counters are in Redis."""
    rules = _rules(running, "fleet.toml", "^limit = 1000$", f"limit = {USER_LIMIT}")
    store = running.redis(None)
    words = [f"--quota_rules={rules}", f"--quota_store={_url(store)}"]
    behind = [running.flake("Flake", *words) for _ in range(2)]
    fleet = running.fleet("two Flake", behind, without="hash $arg_app consistent;")
    return replace(fleet, pids=fleet.pids + store.pids)


def _decisions(name: str, callers: int, seconds: float) -> Sample:
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "benchmarks.quota_decisions"]
    command += [name.lower(), str(callers), str(seconds)]
    run = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, check=True)
    return Sample(**json.loads(run.stdout))


def _closed(contender: Contender, form: str, seconds: float, connections: int = 25) -> Sample:
    """What wasn't checked, for want of the store, counts as not answered."""
    before = _unchecked(contender)
    sample = wrk(contender, connections, seconds, _SAME, _SCRIPT, [form])
    return replace(sample, failed=sample.failed + _unchecked(contender) - before)


def _posts(contender: Contender, seconds: float) -> Sample:
    sample = _closed(contender, "post", seconds, POST_CONNECTIONS)
    rate, cpu_us = sample.rate * CHECKS_PER_POST, sample.cpu_us / CHECKS_PER_POST
    return replace(sample, rate=rate * (1 - sample.refused), cpu_us=cpu_us)


def _unchecked(contender: Contender) -> int:
    """How many checks a process has decided without its store since it started."""
    with urllib.request.urlopen(f"http://127.0.0.1:{contender.port}/metrics") as answer:
        text = answer.read().decode()
    found = re.findall(
        r'^flake_quota_decisions_total\{outcome="unchecked_\w+"\} (\S+)$', text, re.M
    )
    assert len(found) == 2
    return round(sum(map(float, found)))


def _at_rate(fleet: Contender, seconds: float) -> Callable[[], Sample]:
    runs = itertools.count()

    def run() -> Sample:
        call = _callers(f"{next(runs):03}")
        return checks_at_rate(fleet, 25, seconds, RATE, call, USER_LIMIT)

    return run


def _callers(run: str) -> Callable[[], Caller]:
    """Some users who call more often than they may, and a hundred thousand who hardly ever do."""
    draws = random.Random(run)

    def call() -> Caller:
        pick = draws.random
        hot = pick() < HOT_SHARE
        number = int(pick() * (HOT_USERS if hot else 1000))
        app = number if hot else int(pick() * 100)
        kind = "hot" if hot else "user"
        return f"run-{run}-{app:02}", f"{kind}-{number:06}", f"10.0.0.{int(pick() * 250)}"

    return call
