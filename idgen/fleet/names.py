"""Names of hosts, looked up apart from all else."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

from tornado.netutil import Resolver, is_valid_ip

from idgen.addresses import MAX_PEERS

KEPT_S = 10.0
"""How long an address that was found is used before it is looked up anew."""

LOOK_UP_WITHIN_MS = 400
"""How long anybody waits for a lookup; it goes on by itself."""

MAX_LOOKUPS = 4
"""Under way at once."""

Addresses = list[tuple[int, Any]]
"""Families and socket addresses."""


class Names(Resolver):
    """Looks a name up once in KEPT_S, however often it is asked for, and however long that takes.

    Each lookup has a thread of its own, for which nothing waits: neither those of the event loop,
    which may be needed for Redis's name, nor the end of the process.

    look_up: getaddrinfo, which may take as long as a name server does.
    """

    def initialize(self, monotonic_s: Callable[[], float], look_up: Callable[..., Any]) -> None:
        """Tornado's constructor hook."""
        self._monotonic_s = monotonic_s
        self._look_up = look_up
        self._turns = asyncio.Semaphore(MAX_LOOKUPS)
        self._known: dict[tuple[str, int], tuple[float, asyncio.Task[Addresses]]] = {}
        """By name and port: when the lookup began, and what it gives.  At most MAX_PEERS."""

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Addresses:
        """Tornado's question.  Raises OSError where there is no such name."""
        if is_valid_ip(host):
            return [(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))]
        found = self._lookup(host, port)
        await asyncio.wait([found], timeout=LOOK_UP_WITHIN_MS / 1000)
        if not found.done():
            raise OSError(f"its name isn't found within {LOOK_UP_WITHIN_MS} ms")
        return found.result()

    def _lookup(self, host: str, port: int) -> asyncio.Task[Addresses]:
        now_s = self._monotonic_s()
        begun_s, found = self._known.get((host, port), (now_s, None))
        if found is None or (found.done() and now_s - begun_s >= KEPT_S):
            if len(self._known) >= MAX_PEERS:
                self._known = {key: of for key, of in self._known.items() if not of[1].done()}
            found = asyncio.create_task(self._looked_up(host, port))
            found.add_done_callback(_heard)
            self._known[host, port] = now_s, found
        return found

    async def _looked_up(self, host: str, port: int) -> Addresses:
        async with self._turns:
            loop = asyncio.get_running_loop()
            found: asyncio.Future[Any] = loop.create_future()

            def run() -> None:
                try:
                    told, failed = self._look_up(host, port, type=socket.SOCK_STREAM), None
                except (OSError, UnicodeError) as error:
                    told, failed = [], error
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_settle, found, told, failed)

            threading.Thread(target=run, name="names", daemon=True).start()
            return [(family, address) for family, _, _, _, address in await found]


def _heard(found: asyncio.Task[Addresses]) -> None:
    """Of a failure that comes when nobody waits any more asyncio needn't tell."""
    if not found.cancelled():
        found.exception()


def _settle(found: "asyncio.Future[Any]", told: Any, failed: Exception | None) -> None:
    if found.done():  # the process is about to end
        return
    if failed is None:
        found.set_result(told)
    else:
        found.set_exception(failed)
