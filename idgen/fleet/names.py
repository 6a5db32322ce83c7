"""Names of hosts, looked up apart from all else."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tornado.netutil import Resolver, is_valid_ip

from idgen.addresses import MAX_PEERS

KEPT_S = 10.0
"""How long an address that was found is used before it is looked up anew."""

MAX_THREADS = 2
"""For lookups.  The event loop's own are for what IDs need, such as Redis's name."""

Addresses = list[tuple[int, Any]]
"""Families and socket addresses."""


class Names(Resolver):
    """Looks a name up once in KEPT_S, however often it is asked for, and however long that takes.

    look_up: getaddrinfo, which may take as long as a name server does.
    """

    def initialize(self, monotonic_s: Callable[[], float], look_up: Callable[..., Any]) -> None:
        """Tornado's constructor hook."""
        self._monotonic_s = monotonic_s
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="names")
        self._known: dict[tuple[str, int], tuple[float, asyncio.Future[Addresses]]] = {}
        """By name and port: when the lookup began, and what it gives.  At most MAX_PEERS."""

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> Addresses:
        """Tornado's question.  Raises OSError where there is no such name."""
        if is_valid_ip(host):
            return [(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))]
        now_s = self._monotonic_s()
        begun_s, found = self._known.get((host, port), (now_s - KEPT_S, None))
        if found is None or (found.done() and now_s - begun_s >= KEPT_S):
            found = asyncio.get_running_loop().run_in_executor(
                self._threads, self._addresses, host, port
            )
            if len(self._known) >= MAX_PEERS:
                self._known.clear()
            self._known[host, port] = now_s, found
        return await asyncio.shield(found)

    def _addresses(self, host: str, port: int) -> Addresses:
        found = self._look_up(host, port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]
