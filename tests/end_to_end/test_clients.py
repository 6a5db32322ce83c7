"""The clients against real servers that are killed, stopped, slow, refusing and cut off."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path

import numpy as np
import pytest

from idgen.client import AsyncClient, Client, ClientError, decode
from tests.end_to_end.fleet import TOP, until
from tests.end_to_end.process import Process, running
from tests.faults.proxy import Mode, Proxy

WORKERS = 3
GOAL_IDS = 1_000_000
CALLS_A_FAULT = 25
"""What each caller that asks a server gets done while a fault lasts, and again after it."""
BATCH = 1000
PREFETCH = 20_000


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Process]]:
    with ExitStack() as stack:
        state = f"--grants=file:{tmp_path}"
        yield [
            stack.enter_context(running(tmp_path, f"--worker_id={worker_id}", state))
            for worker_id in range(WORKERS)
        ]


async def eventually(holds: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(until, holds, what)


class Caller:
    """Takes IDs again and again, and notes them and whatever is raised."""

    def __init__(self, name: str, take: Callable[[], Awaitable[list[int]]]) -> None:
        self.name = name
        self.calls = 0
        self.longest_s = 0.0
        self.errors: list[str] = []
        self.taken: list[list[int]] = []
        self._take = take

    async def run(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            begun_s = time.monotonic()
            try:
                self.taken.append(await self._take())
            except ClientError as error:
                self.errors.append(str(error))
            self.calls += 1
            self.longest_s = max(self.longest_s, time.monotonic() - begun_s)
            await asyncio.sleep(0.001)


def callers(synchronous: list[Client], asynchronous: list[AsyncClient]) -> list[Caller]:
    """Single IDs, batches and prefetched IDs, of both clients."""

    def pops(client: Client) -> list[int]:
        return [client.next_id() for _ in range(BATCH)]

    async def async_pops(client: AsyncClient) -> list[int]:
        return [await client.next_id() for _ in range(BATCH)]

    async def single(client: AsyncClient) -> list[int]:
        return [await client.next_id()]

    client, prefetching = synchronous
    async_client, async_prefetching = asynchronous
    return [
        Caller("single", lambda: asyncio.to_thread(lambda: [client.next_id()])),
        Caller("batch", lambda: asyncio.to_thread(client.next_ids, BATCH)),
        Caller("prefetched", lambda: asyncio.to_thread(pops, prefetching)),
        Caller("async single", lambda: single(async_client)),
        Caller("async batch", lambda: async_client.next_ids(BATCH)),
        Caller("async prefetched", lambda: async_pops(async_prefetching)),
    ]


@asynccontextmanager
async def killed(server: Process) -> AsyncIterator[None]:
    server.kill()
    yield
    server.start()
    await eventually(server.serves, "it serves again")


@asynccontextmanager
async def stopped(server: Process) -> AsyncIterator[None]:
    with all_stopped([server]):
        yield


@asynccontextmanager
async def cut_off(proxy: Proxy, mode: Mode) -> AsyncIterator[None]:
    await proxy.switch(mode)
    yield
    await proxy.switch(Mode.PASSING)


@asynccontextmanager
async def slowed(proxy: Proxy) -> AsyncIterator[None]:
    proxy.delay_ms = 200
    yield
    proxy.delay_ms = 0


async def suffer(servers: list[Process], proxy: Proxy, more: Callable[[], Awaitable[None]]) -> None:
    """Each fault alone, then two at a time; the third server lives."""
    one, other, _ = servers
    faults: list[AbstractAsyncContextManager[None]] = [
        killed(one),
        stopped(other),
        slowed(proxy),
        *(cut_off(proxy, mode) for mode in Mode if mode is not Mode.PASSING),
    ]
    for fault in faults:
        async with fault:
            await more()
        await more()
    async with killed(one), stopped(other):
        await more()
    async with stopped(one), cut_off(proxy, Mode.BLACK_HOLE):
        await more()
    async with killed(other), cut_off(proxy, Mode.REFUSING):
        await more()
    await more()


async def ask_under_faults(servers: list[Process]) -> list[Caller]:
    """All callers, when they have called under each fault and have a million IDs together."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(servers[2].port))
        ports = [servers[0].port, servers[1].port, proxy.port]
        names = [f"127.0.0.1:{port}" for port in ports]
        synchronous = [
            stack.enter_context(Client(names, prefetch=prefetch)) for prefetch in (0, PREFETCH)
        ]
        asynchronous = [
            await stack.enter_async_context(AsyncClient(names, prefetch=prefetch))
            for prefetch in (0, PREFETCH)
        ]
        some = callers(synchronous, asynchronous)

        async def more() -> None:
            goals = {caller: caller.calls + CALLS_A_FAULT for caller in some}
            while any(caller.calls < goal for caller, goal in goals.items()):  # noqa: ASYNC110 - counts have no event
                await asyncio.sleep(0.01)

        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for caller in some:
                tasks.create_task(caller.run(is_over))
            await suffer(servers, proxy, more)
            while sum(len(ids) for caller in some for ids in caller.taken) < GOAL_IDS:
                await more()
            is_over.set()
        return some


def test_no_error_and_no_id_twice_while_one_server_lives(servers: list[Process]) -> None:
    for server in servers:
        until(server.serves, "it serves")
    some = asyncio.run(ask_under_faults(servers))
    for caller in some:
        print(
            f"{caller.name}: {caller.calls:,} calls, {sum(map(len, caller.taken)):,} IDs, "
            f"longest call {caller.longest_s * 1000:.0f} ms"
        )
        assert caller.errors == [], caller.name
    ids = np.array([each for caller in some for ids in caller.taken for each in ids], np.uint64)
    assert len(ids) >= GOAL_IDS
    assert len(np.unique(ids)) == len(ids)
    assert {decode(int(each)).worker_id for each in ids[:: len(ids) // 1000]} == {0, 1, 2}


def test_with_all_servers_gone_prefetched_ids_go_on_as_long_as_they_last(
    servers: list[Process],
) -> None:
    names = [f"127.0.0.1:{server.port}" for server in servers]
    for server in servers:
        until(server.serves, "it serves")
    with Client(names, prefetch=PREFETCH, max_age_s=600) as client:
        ids = [client.next_id()]
        until(lambda: len(client._buffer._later) == 1, "the buffer is full")
        with all_stopped(servers):
            ids += [client.next_id() for _ in range(PREFETCH - 1)]
            with pytest.raises(ClientError, match="no server gave IDs"):
                ids += [client.next_id() for _ in range(PREFETCH)]
        ids += [client.next_id() for _ in range(PREFETCH)]
    assert len(set(ids)) == len(ids)


@contextmanager
def all_stopped(servers: list[Process]) -> Iterator[None]:
    for server in servers:
        os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for server in servers:
            os.kill(server.process.pid, signal.SIGCONT)


FORKS = """
import ctypes, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from idgen.client import Client

fork = {"Python": os.fork, "C": ctypes.PyDLL(None).fork}[sys.argv[2]]

client = Client.from_env(prefetch=int(sys.argv[1]))
ids = [client.next_id() for _ in range(3)]
time.sleep(0.5)  # until the buffer is full: Python can't fork in C while its threads are busy
pipes = []
for _ in range(4):
    read, write = os.pipe()
    if not fork():
        with ThreadPoolExecutor(3) as threads:
            taken = [str(each) for each in threads.map(lambda _: client.next_id(), range(300))]
        os.write(write, " ".join(taken).encode())
        os._exit(0)
    os.close(write)
    pipes.append(read)
ids += [client.next_id() for _ in range(300)]
for read in pipes:
    with open(read) as pipe:
        ids += map(int, pipe.read().split())
client.close()
print(*ids)
"""


def printed_ids(script: str, server: Process, *arguments: object) -> list[str]:
    """What a program prints that uses a client of this server; it must not complain."""
    ended = subprocess.run(
        # Of GNU's: it ends children that hang as well.
        ["timeout", "--kill-after=1", "60", sys.executable, "-c", script, *map(str, arguments)],
        cwd=TOP,
        env=os.environ | {"FLAKE_SERVERS": f"127.0.0.1:{server.port}"},
        capture_output=True,
        text=True,
    )
    assert ended.stderr == ""
    assert ended.returncode == 0
    return ended.stdout.split()


@pytest.mark.parametrize("prefetch", [0, 1000])
@pytest.mark.parametrize("forked_by", ["Python", "C"])
def test_a_forked_child_shares_no_id_and_no_connection_with_its_parent(
    servers: list[Process], forked_by: str, prefetch: int
) -> None:
    """C's fork, which Python isn't told of, is what uWSGI does."""
    until(servers[0].serves, "it serves")
    ids = printed_ids(FORKS, servers[0], prefetch, forked_by)
    assert len(ids) == len(set(ids)) == 3 + 5 * 300


LOOPS = """
import asyncio, gc, sys
from idgen.client import AsyncClient

client = AsyncClient.from_env(prefetch=int(sys.argv[1]))

async def some():
    return [await client.next_id() for _ in range(12)] + await client.next_ids(12)

async def last():
    async with client:
        return await some()

ids = asyncio.run(some()) + asyncio.run(some()) + asyncio.run(last())
gc.collect()
print(*ids)
"""

FORK_IN_A_LOOP = """
import asyncio, gc, os, sys
from idgen.client import AsyncClient

async def main():
    async with AsyncClient.from_env(prefetch=int(sys.argv[1])) as client:
        ids = [await client.next_id() for _ in range(12)]
        if not (child := os.fork()):
            gc.collect()  # must not touch the epoll that the parent's loop waits at
            os._exit(0)
        os.waitpid(child, 0)
        return ids + [await client.next_id() for _ in range(60)]

print(*asyncio.run(main()))
"""


@pytest.mark.parametrize("prefetch", [0, 10])
@pytest.mark.parametrize("script", [LOOPS, FORK_IN_A_LOOP], ids=["loops", "fork in a loop"])
def test_an_async_client_outlives_its_loop_and_a_fork(
    servers: list[Process], script: str, prefetch: int
) -> None:
    until(servers[0].serves, "it serves")
    ids = printed_ids(script, servers[0], prefetch)
    assert len(ids) == len(set(ids)) == 72


def test_ids_without_end_can_be_looped_over(servers: list[Process]) -> None:
    until(servers[0].serves, "it serves")
    name = f"127.0.0.1:{servers[0].port}"
    with Client(name, prefetch=10) as client:
        ids = [flake_id for _, flake_id in zip(range(25), client, strict=False)]
    assert sorted(set(ids)) == ids

    async def main() -> None:
        async with AsyncClient(name) as client:
            ids = []
            async for flake_id in client:
                ids.append(flake_id)
                if len(ids) == 25:
                    break
        assert sorted(set(ids)) == ids

    asyncio.run(main())
