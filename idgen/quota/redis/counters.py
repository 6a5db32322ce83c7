"""The counters of a fleet, in Redis.  Checks that wait go there together, in one flight."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterable
from importlib.resources import files
from math import inf
from typing import NamedTuple

from idgen.quota.decision import Verdict, without_store
from idgen.quota.redis.line import Line
from idgen.quota.redis.route import Route
from idgen.quota.rules import Charge, Rule
from idgen.redis.address import RedisAddress
from idgen.redis.connection import trouble

LUA = files(__package__).joinpath("quota.lua")

FLIGHT_TIMEOUT_MS = 40
"""For all of a flight, with the connection that it may need."""

MAX_CHECKS_PER_FLIGHT = 250
"""The next flight waits as long as Redis is busy with these."""

FLIGHT_EVERY_MS = 1
WORTH_A_FLIGHT = 16
"""Checks that leave sooner after the last flight.  A flight costs as much as ten of its checks."""

MAX_WAITING = 20_000
"""More than there are connections: past that calls are denied, whatever the rules say of a store
that is away, or whoever calls most would be let through uncounted."""

MAX_ROUTES = 64
"""One for each set of rules that applies to some check; past that they are made anew."""

_log = logging.getLogger("flake.quota")


class _Waiting(NamedTuple):
    charge: Charge
    future: "asyncio.Future[Verdict]"


class RedisStore:
    """A QuotaStore at one address, for the loop in which it was asked first."""

    def __init__(self, address: RedisAddress, timeout_ms: int = FLIGHT_TIMEOUT_MS) -> None:
        self._address = address
        self._timeout_ms = timeout_ms
        self._line = Line(address, LUA.read_text(encoding="utf-8"), timeout_ms)
        self._routes: dict[int, Route] = {}
        """By the id of their rules, which they keep alive."""
        self._queues: dict[Route, deque[_Waiting]] = {}
        """Those in which somebody waits; the first is the next to fly."""
        self._waiting_count = 0
        self._departed_s = -inf
        self._flights: asyncio.Task[None] | None = None
        self._outage = ""
        self.failures: Counter[str] = Counter()
        """Checks that were decided on without Redis, by the reason in a word."""

    def take(self, charge: Charge) -> "Verdict | asyncio.Future[Verdict]":
        """Decide on the call and charge it.

        While flights land it waits for its own, however many there are before it.  Once one
        doesn't, within the time of a flight all who wait are told so.  Checks with the very
        same tuple of rules are decided on in their order, others in any.
        """
        if not charge.rules:
            return Verdict(True, charge, ())
        if self._waiting_count >= MAX_WAITING:
            self.failures["full"] += 1
            said = f"{self._address}: {MAX_WAITING} checks wait for it"
            _log.warning("calls are denied: %s", said)
            return Verdict(False, charge, (), said)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(charge, loop.create_future())
        self._queues.setdefault(self._route(charge.rules), deque()).append(waiting)
        self._waiting_count += 1
        if self._flights is None:
            self._flights = loop.create_task(self._fly_all())  # begins in the loop's next turn
        return waiting.future

    async def close(self) -> None:
        """Let those land who are under way or wait, and hang up."""
        if self._flights:
            await self._flights
        await self._line.close()

    def _route(self, rules: tuple[Rule, ...]) -> Route:
        route = self._routes.get(id(rules))
        if route is None:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            route = self._routes[id(rules)] = Route(self._address.namespace, rules)
        return route

    async def _fly_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queues:
                await self._gather(loop)
                route = next(iter(self._queues))
                boarding = self._board(route)
                if boarding:
                    await self._fly(route, boarding)
        finally:
            self._flights = None

    async def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for more, shortly after the last flight, or each check would have its own."""
        early_s = self._departed_s + FLIGHT_EVERY_MS / 1000 - loop.time()
        if early_s > 0 and self._waiting_count < WORTH_A_FLIGHT:
            await asyncio.sleep(early_s)
        self._departed_s = loop.time()

    def _board(self, route: Route) -> list[_Waiting]:
        """Those of the route who fly now; the rest of them comes after the other routes."""
        queue = self._queues.pop(route)
        boarding: list[_Waiting] = []
        while queue and len(boarding) < MAX_CHECKS_PER_FLIGHT:
            waiting = queue.popleft()
            self._waiting_count -= 1
            if not waiting.future.done():
                boarding.append(waiting)
        if queue:
            self._queues[route] = queue
        return boarding

    async def _fly(self, route: Route, boarding: list[_Waiting]) -> None:
        charges = [waiting.charge for waiting in boarding]
        try:
            answer = await self._line.call(route.words(charges))
            verdicts = route.verdicts(charges, answer)
        except Exception as error:  # of a reset connection redis-py lets uvloop's RuntimeError out
            said, reason = trouble(self._address, self._timeout_ms, error)
            self._note_outage(said, reason)
            self._answer_without(boarding, said, reason)
            for queue in self._queues.values():
                self._answer_without(queue, said, reason)
            self._queues.clear()
            self._waiting_count = 0
            return
        self._note_outage("", "")
        for waiting, verdict in zip(boarding, verdicts, strict=True):
            if not waiting.future.done():
                waiting.future.set_result(verdict)

    def _answer_without(self, them: Iterable[_Waiting], said: str, reason: str) -> None:
        for waiting in them:
            if not waiting.future.done():
                self.failures[reason] += 1
                waiting.future.set_result(without_store(waiting.charge, said))

    def _note_outage(self, said: str, reason: str) -> None:
        """Log where one begins, changes or ends."""
        if reason != self._outage:
            self._outage = reason
            if reason:
                _log.warning("calls are decided on without their quotas: %s", said)
            else:
                _log.info("quotas are asked for again at %s", self._address)
