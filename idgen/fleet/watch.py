"""Watching the fleet: one poll at a time, however many look."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NoReturn, Protocol

from idgen.fleet.asking import NoFigures
from idgen.fleet.figures import dumps
from idgen.fleet.roster import Found, Peer, Roster
from idgen.fleet.rows import Heard, Ownership, Row, collisions, each_once
from idgen.fleet.worker import Worker

POLL_EVERY_S = 1.0
POLL_PER_WORKER_S = 0.01
"""Of more than a hundred workers each is asked less often: asking one takes about a millisecond."""

POLL_WITHIN_S = 0.6
"""So long is waited for answers; of whoever is later the last one is told."""

UNWATCHED_EVERY_S = 10.0
"""How often the fleet is polled while nobody looks: what dies then is known by its figures."""

FIND_EVERY_S = 10.0
FIND_WITHIN_S = 0.3
"""So long a poll waits for who is there; what is found later the next one knows."""

_log = logging.getLogger("flake.fleet")


class CannotFind(Exception):
    """Who knows of workers can't be asked now; the message says why."""


class Finder(Protocol):
    """Somebody who knows of workers that nobody has named."""

    async def find(self) -> Found:
        """Who is there, and who has left.  Raises CannotFind."""


class FleetWatch:
    """The workers of the fleet, this one among them.

    named: HOST:PORT of those that are to be there.  ask: raises NoFigures.
    """

    def __init__(
        self,
        worker: Worker,
        named: tuple[str, ...],
        finder: Finder | None,
        ask: Callable[[str], Awaitable[Heard]],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._worker = worker
        self._roster = Roster(named, own=worker.address)
        self._finder = finder
        self._ask = ask
        self._monotonic_s = monotonic_s
        self._trouble = ""
        self._suspected: set[Ownership] = set()
        """What had two owners at the last poll.  Those of two polls have: one may just move."""
        self._find_at_s = self._poll_at_s = monotonic_s()
        self._poll: asyncio.Task[bytes] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        """Questions, at most one to each worker and one to the finder."""

    async def look(self) -> bytes:
        """The fleet as JSON, at most POLL_EVERY_S old, for up to a hundred workers."""
        now_s = self._monotonic_s()
        if self._poll is None or (self._poll.done() and now_s >= self._poll_at_s):
            rest_s = max(POLL_EVERY_S, POLL_PER_WORKER_S * len(self._roster.rows))
            self._poll_at_s = now_s + rest_s
            self._poll = asyncio.create_task(self._polled())
        return await asyncio.shield(self._poll)

    async def run(self, sleep: Callable[[float], Awaitable[object]]) -> NoReturn:
        """Keep watching, though nobody may look."""
        while True:
            try:
                await self.look()
            except Exception:  # a bug of ours, but no reason to watch no longer
                _log.exception("the fleet can't be watched")
            await sleep(UNWATCHED_EVERY_S)

    def close(self) -> None:
        """Ask nothing more."""
        for task in self._under_way:
            task.cancel()

    async def _polled(self) -> bytes:
        if self._finder is not None and self._monotonic_s() >= self._find_at_s:
            self._find_at_s = self._monotonic_s() + FIND_EVERY_S
            await self._wait([self._find(self._finder)], FIND_WITHIN_S)
        await self._wait([self._question(peer) for peer in self._roster.due()], POLL_WITHIN_S)
        return self._document()

    async def _wait(self, work: list[Awaitable[None]], within_s: float) -> None:
        """Begin some work, and wait for it; what takes longer goes on by itself."""
        tasks = [asyncio.ensure_future(each) for each in work]
        for task in tasks:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)

    async def _find(self, finder: Finder) -> None:
        try:
            found = await finder.find()
        except CannotFind as error:
            self._trouble = str(error)
        else:
            self._trouble = ""
            self._roster.adopt(found, self._monotonic_s())

    async def _question(self, peer: Peer) -> None:
        peer.is_asked, peer.asked_s = True, self._monotonic_s()
        try:
            heard = await self._ask(peer.row.address)
            peer.row = Row(peer.row.address, heard.figures.worker_id, heard, answers=True)
        except NoFigures as error:
            peer.row = replace(peer.row, trouble=str(error), answers=error.answers)
        finally:
            peer.is_asked = False
        if peer.row.answers:
            peer.seen_s = self._monotonic_s()

    def _document(self) -> bytes:
        heard = self._worker.heard()
        own = Row(self._worker.address, heard.figures.worker_id, heard, answers=True)
        rows = each_once([*self._roster.rows, own])
        contested = self._contested(rows)
        asked = next(row for row in rows if row.is_of(self._worker.instance))
        fleet = {
            "unix_ms": self._worker.service.wall_clock_ms(),
            "asked": asked.address,
            "trouble": self._trouble,
        }
        workers = ",".join(row.json(row.ownership in contested) for row in rows)
        return f'{dumps(fleet)[:-1]},"workers":[{workers}]}}'.encode()

    def _contested(self, rows: list[Row]) -> set[Ownership]:
        """What has two owners; a line of the log for each."""
        collided = collisions(rows)
        contested, self._suspected = collided.keys() & self._suspected, set(collided)
        for worker_id, epoch_ms in contested:
            where = " and ".join(row.address for row in collided[worker_id, epoch_ms])
            _log.error(f"worker_id {worker_id} of epoch {epoch_ms} has two owners: {where}")
        return contested
