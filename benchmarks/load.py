"""Load: wrk in closed loop, and a client of our own that keeps a rate whatever is answered."""

import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.contenders import LOAD_CORE, Contender

_SCRIPT = Path(__file__).resolve().parent / "wrk.lua"


@dataclass(frozen=True)
class Sample:
    """One run: requests a second, CPU µs a request, latencies in µs, and what went wrong."""

    rate: float
    cpu_us: float
    p50_us: float
    p99_us: float
    p999_us: float
    refused: float
    """The share of answers that were no 2xx, 0..1."""
    failed: int
    """Answers that never came."""
    ids: float = 0.0
    """IDs a second, where batches were asked for."""


def closed_loop(
    contender: Contender,
    connections: int,
    seconds: float,
    *,
    target: str = "/",
    accept: str = "text/plain",
    distinct: bool = False,
    close: bool = False,
    pinned: bool = True,
) -> Sample:
    """wrk with one thread: each connection asks again as soon as it has its answer."""
    words = [accept, *(["distinct"] if distinct else ["close"] if close else [])]
    return wrk(contender, connections, seconds, target, _SCRIPT, words, pinned=pinned)


def wrk(
    contender: Contender,
    connections: int,
    seconds: float,
    target: str,
    script: Path,
    words: list[str],
    *,
    pinned: bool = True,
) -> Sample:
    """The same, with what the script makes of these words.  wrk knows whole seconds alone."""
    command = [
        *(["taskset", "-c", str(LOAD_CORE)] if pinned else []),
        *("wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "-s", str(script)),
        *(f"http://127.0.0.1:{contender.port}{target}", "--", *words),
    ]
    cpu_us = contender.cpu_us()
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu_us = contender.cpu_us() - cpu_us
    told = json.loads(run.stdout.splitlines()[-1])
    return Sample(
        rate=told["requests"] / told["duration_us"] * 1e6,
        cpu_us=cpu_us / told["requests"],
        p50_us=told["p50_us"],
        p99_us=told["p99_us"],
        p999_us=told["p999_us"],
        refused=told["refused"] / told["requests"],
        failed=told["failed"],
    )


class _Client(asyncio.Protocol):
    """A connection that asks when it is told to, one request at a time."""

    def __init__(self, free: "deque[_Client]", latencies_s: list[float]) -> None:
        self._free = free
        self._latencies_s = latencies_s
        self.refused = 0
        self._received = b""
        self._due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._free.append(self)

    def ask(self, due_s: float) -> None:
        self._due_s = due_s
        self._transport.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length):
            self.refused += not head.startswith(b"HTTP/1.1 200 ")
            self._latencies_s.append(time.perf_counter() - self._due_s)
            self._received = b""
            self._free.append(self)


def fixed_rate(contender: Contender, connections: int, seconds: float, rate: float) -> Sample:
    """Ask at a steady rate; latency counts from when a request was due, not from when it left.

    So a server that stands still is charged for all that should have been asked meanwhile.
    """
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        cpu_us = contender.cpu_us()
        begun_s = time.perf_counter()
        latencies_s, refused = uvloop.run(_at_rate(contender.port, connections, seconds, rate))
        took_s = time.perf_counter() - begun_s
        cpu_us = contender.cpu_us() - cpu_us
    finally:
        os.sched_setaffinity(0, mine)
    cuts = statistics.quantiles(latencies_s, n=1000)
    return Sample(
        rate=len(latencies_s) / took_s,
        cpu_us=cpu_us / len(latencies_s),
        p50_us=cuts[499] * 1e6,
        p99_us=cuts[989] * 1e6,
        p999_us=cuts[998] * 1e6,
        refused=refused / len(latencies_s),
        failed=round(rate * seconds) - len(latencies_s),
    )


async def _at_rate(
    port: int, connections: int, seconds: float, rate: float
) -> tuple[list[float], int]:
    """Latencies, and how many answers were no 200."""
    loop = asyncio.get_running_loop()
    free: deque[_Client] = deque()
    latencies_s: list[float] = []
    clients = [_Client(free, latencies_s) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_same, client), "127.0.0.1", port)
    begun_s, sent, count = time.perf_counter(), 0, round(rate * seconds)
    while len(latencies_s) < count and time.perf_counter() - begun_s < seconds + 5:
        due = min(count, int((time.perf_counter() - begun_s) * rate) + 1)
        while sent < due and free:
            free.popleft().ask(begun_s + sent / rate)
            sent += 1
        await asyncio.sleep(0)  # a timer's millisecond would be counted as latency
    return latencies_s, sum(client.refused for client in clients)


def _same(client: _Client) -> _Client:
    return client


def ids_taken(contender: Contender) -> int:
    """How many IDs a Flake process has given since it started."""
    with urllib.request.urlopen(f"http://127.0.0.1:{contender.port}/stats") as answer:
        return int(json.load(answer)["generated_ids"])


class Batches:
    """Clients that ask for batches without a pause, until the block ends."""

    def __init__(self, contender: Contender, n: int, connections: int) -> None:
        self._command = [
            *("taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", "-d600s"),
            f"http://127.0.0.1:{contender.port}/?n={n}",
        ]

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class Idlers:
    """Connections that were used once and now say nothing, until the block ends."""

    def __init__(self, contender: Contender, count: int) -> None:
        self._script = (
            "import resource, socket, sys\n"
            f"resource.setrlimit(resource.RLIMIT_NOFILE, ({count + 100}, {count + 100}))\n"
            "held = []\n"
            f"for _ in range({count}):\n"
            f"    client = socket.create_connection(('127.0.0.1', {contender.port}))\n"
            "    client.sendall(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
            "    assert client.recv(4096).startswith(b'HTTP/1.1 200')\n"
            "    held.append(client)\n"
            "print(len(held), flush=True)\n"
            "sys.stdin.read()\n"
        )

    def __enter__(self) -> None:
        self._process = subprocess.Popen(
            ["taskset", "-c", str(LOAD_CORE), sys.executable, "-c", self._script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip().isdigit(), "not all could connect"

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
