"""The service in this process, on real sockets, with clocks that the test moves."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from idgen.batches import BatchQueue
from idgen.fleet.asking import Asking
from idgen.fleet.watch import FleetWatch
from idgen.fleet.worker import Worker
from idgen.history import History
from idgen.layout import Layout
from idgen.service import IdService
from idgen.stats import Stats
from idgen.web.app import application
from idgen.web.inbox import MAX_HEAD_BYTES
from idgen.web.lanes import Lanes
from idgen.web.message import MAX_BODY_BYTES
from idgen.web.metrics import registry_of
from idgen.web.plans import Planner
from idgen.web.refusals import Refusals
from idgen.web.server import Server
from idgen.web.site import Site
from idgen.web.ui.files import ui_files
from idgen.web.wire import Wire
from tests.clocks import MonotonicClock, WallClock, granted_service

NOW = 1795219200123
WORKER_ID = 1023
FIRST = Layout().pack(NOW, WORKER_ID, 0)


class Lane(Enum):
    """Who answers."""

    FAST = "fast lane"
    HANDLERS = "handlers"
    """Tornado's handlers answer everything, behind our own connections."""
    ORACLE = "oracle"
    """The same handlers behind Tornado's own HTTPServer."""


@dataclass
class Response:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def media_type(self) -> str:
        return self.headers.get_content_type()


def worker_of(service: IdService) -> Worker:
    """The service as a worker of a fleet."""
    history = History(service)
    return Worker(service, history, "127.0.0.1:1", "0123456789abcdef", NOW, grant_ms=1000)


def site_of(
    service: IdService,
    stats_clock: Callable[[], float] = time.monotonic,
    peers: tuple[str, ...] = (),
) -> Site:
    """The parts that a service is served with."""
    wire, worker = Wire(), worker_of(service)
    ask = Asking(service.wall_clock_ms, time.monotonic).ask
    return Site(
        service=service,
        batches=BatchQueue(service, time.monotonic),
        stats=Stats(service, stats_clock),
        registry=registry_of(service, worker.history),
        wire=wire,
        refusals=Refusals(service, wire),
        worker=worker,
        fleet=FleetWatch(worker, peers, None, ask, time.monotonic),
        ui=ui_files(service.layout),
    )


class Serving:
    """A server in a thread of its own."""

    def __init__(
        self,
        epoch_ms: int,
        wall_clock_ms: Callable[[], int] | None,
        lane: Lane,
        furnish: Callable[[Site], None],
    ) -> None:
        self.lane = lane
        self._furnish = furnish
        self.clock = WallClock(NOW)
        self.stats_clock = MonotonicClock()
        self.service = granted_service(WORKER_ID, wall_clock_ms or self.clock, Layout(epoch_ms))
        self.loop = uvloop.new_event_loop()
        self.port = 0
        self._started = threading.Event()
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=lambda: self.loop.run_until_complete(self._serve()))

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self.site = site_of(self.service, self.stats_clock)
        self._furnish(self.site)
        app = application(self.site)
        await (self._oracle(app) if self.lane is Lane.ORACLE else self._our_own(app))

    async def _our_own(self, app: Application) -> None:
        plan = Planner(self.site).plan if self.lane is Lane.FAST else lambda message: None
        self.lanes = Lanes(app, self.site, plan)
        self.server = Server(self.lanes)
        (listening,) = self.server.listen("127.0.0.1", 0)
        self.port = int(listening.rpartition(":")[2])
        self._started.set()
        await self._stop.wait()
        await self.server.drain()

    async def _oracle(self, app: Application) -> None:
        http = HTTPServer(app, max_header_size=MAX_HEAD_BYTES, max_body_size=MAX_BODY_BYTES)
        (listener,) = bind_sockets(0, "127.0.0.1")
        http.add_socket(listener)
        self.port = listener.getsockname()[1]
        self._started.set()
        await self._stop.wait()
        http.stop()
        await http.close_all_connections()

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(10)

    def begin_drain(self) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive(), "the drain didn't end"
        self.loop.close()

    def clock_runs(self) -> None:
        """From now on the wall clock goes on with the machine's, from where it stands."""
        ahead_ms = self.clock.unix_ms - time.time_ns() // 1_000_000
        self.clock.reading = lambda: time.time_ns() // 1_000_000 + ahead_ms

    def use_up_this_millisecond(self) -> None:
        """All 4,096 numbers of the clock's millisecond, batches' and singles'."""
        for _ in range(4096):
            self.service.next_id()

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            yield connection
        finally:
            connection.close()

    def request(self, target: str, accept: str | None = None, method: str = "GET") -> Response:
        with self.connection() as connection:
            return exchange(connection, target, accept, method)

    def get(self, target: str, accept: str | None = None) -> Response:
        return self.request(target, accept)

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send_raw(self, data: bytes) -> bytes:
        """All that comes back until the server closes."""
        with self.raw() as client:
            client.sendall(data)
            return read_to_end(client)


def exchange(
    connection: http.client.HTTPConnection,
    target: str,
    accept: str | None = None,
    method: str = "GET",
) -> Response:
    """One request over a connection that stays open."""
    connection.request(method, target, headers={"Accept": accept} if accept else {})
    response = connection.getresponse()
    return Response(response.status, response.headers, response.read())


def read_to_end(client: socket.socket) -> bytes:
    """What arrives until the other side closes; a reset is an end too."""
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


@contextmanager
def serving(
    epoch_ms: int = Layout().epoch_ms,
    wall_clock_ms: Callable[[], int] | None = None,
    lane: Lane = Lane.FAST,
    furnish: Callable[[Site], None] = lambda site: None,
) -> Iterator[Serving]:
    """A server until the block ends; its wall clock is the test's own or the one given.

    furnish adds to its site, in the loop that serves.
    """
    server = Serving(epoch_ms, wall_clock_ms, lane, furnish)
    server.start()
    try:
        yield server
    finally:
        server.begin_drain()
        server.join()
