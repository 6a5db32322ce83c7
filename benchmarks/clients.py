"""IDs in a Python program: the clients beside what else a program could do.

What runs in the program runs here, on the core that wrk has otherwise; the rate is of IDs, and
the CPU time is the program's own.
"""

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import quantiles

import requests

from benchmarks.contenders import LOAD_CORE, Contender
from benchmarks.load import Sample
from benchmarks.rounds import Cell
from idgen.client import AsyncClient, Client
from idgen.client.settings import MAX_PREFETCH
from idgen.generator import Generator
from idgen.grant import Grant
from idgen.layout import Layout

SCENARIO = "an ID in Python"
FAILOVER = "the first call of a client"
FAST_BATCH = 1000
"""So many calls that take less than the clock to read are timed as one."""
IN_MEMORY = 60_000
"""IDs that are popped while none is fetched: less than a block."""
FIRST_CALLS = 60


def cells(flake: Contender, seconds: float) -> list[Cell]:
    """Those of docs/benchmarks.md's section on Python."""
    address = f"127.0.0.1:{flake.port}"
    url = f"http://{address}/"
    session = requests.Session()
    contenders: dict[str, Callable[[], Sample]] = {
        "uuid.uuid4()": lambda: _timed(uuid.uuid4, seconds, FAST_BATCH),
        "Generator, in the process": lambda: _timed(_generator(), seconds, FAST_BATCH),
        "Client, prefetch, from memory": lambda: _popped(address),
        "Client, prefetch, without a pause": lambda: _prefetched(address, seconds),
        "AsyncClient, prefetch, without a pause": lambda: _async(address, seconds, MAX_PREFETCH),
        "Client": lambda: _single(address, seconds),
        "AsyncClient, one task": lambda: _async(address, seconds),
        "AsyncClient, 25 tasks": lambda: _async(address, seconds, tasks=25),
        "Client, 1,000 at a time": lambda: _batches(address, seconds),
        "requests.get": lambda: _timed(lambda: int(requests.get(url, timeout=1).text), seconds),
        "requests.Session.get": lambda: _timed(lambda: int(session.get(url).text), seconds),
    }
    return [Cell(SCENARIO, name, _on_its_core(run)) for name, run in contenders.items()] + [
        Cell(FAILOVER, "one server that answers", _on_its_core(lambda: _first_calls([address]))),
        Cell(FAILOVER, "one of two refuses", _on_its_core(lambda: _with_refusing(address))),
        Cell(FAILOVER, "one of two says nothing", _on_its_core(lambda: _with_mute(address))),
    ]


def _on_its_core(run: Callable[[], Sample]) -> Callable[[], Sample]:
    def pinned() -> Sample:
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {LOAD_CORE})
        try:
            return run()
        finally:
            os.sched_setaffinity(0, mine)

    return pinned


def _timed(take: Callable[[], object], seconds: float, at_once: int = 1, ids: int = 1) -> Sample:
    """Call take again and again, at_once between two looks at the clock; it gives so many IDs."""
    latencies_s: list[float] = []
    cpu_s, begun_s = time.process_time(), time.perf_counter()
    now_s = begun_s
    while now_s < begun_s + seconds:
        before_s = now_s
        for _ in range(at_once):
            take()
        now_s = time.perf_counter()
        latencies_s.append((now_s - before_s) / at_once)
    taken = len(latencies_s) * at_once * ids
    return _sample(taken, now_s - begun_s, time.process_time() - cpu_s, latencies_s)


def _sample(ids: int, took_s: float, cpu_s: float, latencies_s: list[float]) -> Sample:
    cuts = quantiles(latencies_s, n=1000, method="inclusive")
    return Sample(
        rate=ids / took_s,
        cpu_us=cpu_s / ids * 1e6,
        p50_us=cuts[499] * 1e6,
        p99_us=cuts[989] * 1e6,
        p999_us=max(latencies_s) * 1e6,
        refused=0.0,
        failed=0,
    )


def _generator() -> Callable[[], int]:
    """A generator in the process, its clock included."""
    generator = Generator(Layout(), longest_wait_ms=1000)
    generator.grant = Grant(worker_id=1, floor_unix_ms=0, ceiling_unix_ms=1 << 60)
    return lambda: generator.next_id(time.time_ns() // 1_000_000)


def _popped(address: str) -> Sample:
    with Client(address, prefetch=MAX_PREFETCH) as client:
        client.next_id()
        time.sleep(0.3)  # until both blocks are there
        return _timed_count(client.next_id, IN_MEMORY)


def _timed_count(take: Callable[[], object], count: int) -> Sample:
    cpu_s, begun_s = time.process_time(), time.perf_counter()
    for _ in range(count):
        take()
    took_s = time.perf_counter() - begun_s
    return _sample(count, took_s, time.process_time() - cpu_s, [took_s / count] * 2)


def _prefetched(address: str, seconds: float) -> Sample:
    with Client(address, prefetch=MAX_PREFETCH) as client:
        client.next_id()
        return _timed(client.next_id, seconds, FAST_BATCH)


def _single(address: str, seconds: float) -> Sample:
    with Client(address) as client:
        return _timed(client.next_id, seconds)


def _batches(address: str, seconds: float) -> Sample:
    with Client(address) as client:
        return _timed(lambda: client.next_ids(1000), seconds, ids=1000)


def _async(address: str, seconds: float, prefetch: int = 0, tasks: int = 1) -> Sample:
    async def main() -> Sample:
        latencies_s: list[float] = []
        at_once = FAST_BATCH if prefetch else 1
        async with AsyncClient(address, prefetch=prefetch) as client:
            await client.next_id()
            cpu_s, begun_s = time.process_time(), time.perf_counter()
            ends_s = begun_s + seconds
            some = [_task(client.next_id, ends_s, at_once, latencies_s) for _ in range(tasks)]
            await asyncio.gather(*some)
            took_s = time.perf_counter() - begun_s
            ids = len(latencies_s) * at_once
            return _sample(ids, took_s, time.process_time() - cpu_s, latencies_s)

    return asyncio.run(main())


async def _task(
    take: Callable[[], Awaitable[int]], ends_s: float, at_once: int, latencies_s: list[float]
) -> None:
    now_s = time.perf_counter()
    while now_s < ends_s:
        before_s = now_s
        for _ in range(at_once):
            await take()
        now_s = time.perf_counter()
        latencies_s.append((now_s - before_s) / at_once)


def _first_calls(addresses: list[str]) -> Sample:
    """Of clients that know nothing yet, so that half of them meet the server that fails."""
    latencies_s = []
    cpu_s = time.process_time()
    for _ in range(FIRST_CALLS):
        with Client(addresses) as client:
            begun_s = time.perf_counter()
            client.next_id()
            latencies_s.append(time.perf_counter() - begun_s)
    return _sample(FIRST_CALLS, sum(latencies_s), time.process_time() - cpu_s, latencies_s)


@contextmanager
def _bound() -> Iterator[socket.socket]:
    """A port of this program's."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def _with_refusing(address: str) -> Sample:
    with _bound() as nobody_listens:
        return _first_calls([address, f"127.0.0.1:{nobody_listens.getsockname()[1]}"])


def _with_mute(address: str) -> Sample:
    with _bound() as nobody_answers:
        nobody_answers.listen(1024)
        return _first_calls([address, f"127.0.0.1:{nobody_answers.getsockname()[1]}"])
