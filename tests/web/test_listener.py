import asyncio
import errno
import socket
import threading
from collections.abc import Awaitable, Callable

import uvloop

from idgen.web import listener
from idgen.web.listener import Listener


class Bench:
    """A listener, and what it was handed."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.socket.setblocking(False)
        self.address = self.socket.getsockname()
        self.served: list[socket.socket] = []
        self.listener = Listener(self.socket, self.served.append)

    def connect(self, count: int) -> list[socket.socket]:
        return [socket.create_connection(self.address) for _ in range(count)]


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench()
        await scenario(bench)
        for connection in bench.served:
            connection.close()

    uvloop.run(main())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in the kernel
            await asyncio.sleep(0.001)


def test_many_connections_are_taken_in_one_turn() -> None:
    async def scenario(bench: Bench) -> None:
        clients = bench.connect(100)
        turns = 0
        while not bench.served:
            await asyncio.sleep(0)
            turns += 1
        assert len(bench.served) == 100
        bench.listener.close()
        for client in clients:
            client.close()

    run(scenario)


def test_those_that_have_connected_at_the_close_are_still_taken() -> None:
    async def scenario(bench: Bench) -> None:
        clients = bench.connect(20)
        bench.listener.close()
        assert len(bench.served) == 20
        for client in clients:
            client.close()

    run(scenario)


def test_where_descriptors_run_out_it_rests_and_goes_on() -> None:
    async def scenario(bench: Bench) -> None:
        real, tries = bench.socket, []

        class NoRoom:
            """The listening socket of a process without descriptors."""

            def fileno(self) -> int:
                return real.fileno()

            def accept(self) -> tuple[socket.socket, object]:
                tries.append(threading.get_ident())
                raise OSError(errno.EMFILE, "Too many open files")

        bench.listener._socket = NoRoom()  # type: ignore[assignment]  # stands in for the real one
        clients = bench.connect(1)
        await until(lambda: bool(tries))
        await asyncio.sleep(listener.ACCEPT_REST_S / 2)
        assert len(tries) == 1, "it doesn't spin"
        bench.listener._socket = real
        await until(lambda: len(bench.served) == 1)
        bench.listener.close()
        clients[0].close()

    run(scenario)
