"""Watching the fleet: one poll at a time, however many look."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NoReturn, Protocol

from idgen.fleet.asking import NoFigures
from idgen.fleet.rows import Heard, Row, collisions, each_once
from idgen.fleet.worker import Worker

POLL_EVERY_S = 1.0
POLL_PER_WORKER_S = 0.01
"""Of more than a hundred workers each is asked less often: asking one takes about a millisecond."""

UNWATCHED_EVERY_S = 10.0
"""How often the fleet is polled while nobody looks: what dies then is known by its figures."""

FIND_EVERY_S = 10.0

_log = logging.getLogger("flake.fleet")


class CannotFind(Exception):
    """Who knows of workers can't be asked now; the message says why."""


class Finder(Protocol):
    """Somebody who knows of workers that nobody has named."""

    async def find(self) -> list[Row]:
        """A row for each; those that can't be asked have their trouble.  Raises CannotFind."""


class FleetWatch:
    """The workers of the fleet, this one among them.

    peers: HOST:PORT of those that are to be there.  ask: raises NoFigures.
    """

    def __init__(
        self,
        worker: Worker,
        peers: tuple[str, ...],
        finder: Finder | None,
        ask: Callable[[str], Awaitable[Heard]],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._worker = worker
        self._peers = peers
        self._finder = finder
        self._ask = ask
        self._monotonic_s = monotonic_s
        self._rows = {peer: Row(peer, None) for peer in peers}
        self._trouble = ""
        self._find_at_s = self._poll_at_s = monotonic_s()
        self._poll: asyncio.Task[bytes] | None = None

    async def look(self) -> bytes:
        """The fleet as JSON, at most POLL_EVERY_S old, for up to a hundred workers."""
        now_s = self._monotonic_s()
        if self._poll is None or (self._poll.done() and now_s >= self._poll_at_s):
            self._poll_at_s = now_s + max(POLL_EVERY_S, POLL_PER_WORKER_S * len(self._rows))
            self._poll = asyncio.create_task(self._polled())
        return await asyncio.shield(self._poll)

    async def run(self, sleep: Callable[[float], Awaitable[object]]) -> NoReturn:
        """Keep watching, though nobody may look."""
        while True:
            await self.look()
            await sleep(UNWATCHED_EVERY_S)

    async def _polled(self) -> bytes:
        await self._find()
        own = self._worker.address
        # This process last: by an address of its own it may be somebody's peer already.
        asked = [self._asked(row) for row in self._rows.values() if row.address != own]
        rows = await asyncio.gather(*asked)
        self._rows |= {row.address: row for row in rows}
        return self._document([*rows, self._own()])

    async def _find(self) -> None:
        if self._finder is None or self._monotonic_s() < self._find_at_s:
            return
        self._find_at_s = self._monotonic_s() + FIND_EVERY_S
        try:
            found = {row.address: row for row in await self._finder.find()}
        except CannotFind as error:
            self._trouble = str(error)
            return
        self._trouble = ""
        addresses = dict.fromkeys([*self._peers, *found])
        self._rows = {address: self._row(address, found.get(address)) for address in addresses}

    def _row(self, address: str, found: Row | None) -> Row:
        """What was heard of it counts for more than what was found of it."""
        known = self._rows.get(address)
        if known is not None and (known.heard or found is None):
            return known
        assert found is not None, "it is among those named or among those found"
        return found

    async def _asked(self, row: Row) -> Row:
        """The row after its worker was asked."""
        if not row.can_be_asked:
            return row
        try:
            heard = await self._ask(row.address)
        except NoFigures as error:
            return replace(row, trouble=str(error), answers=error.answers)
        return Row(row.address, heard.figures.worker_id, heard, answers=True)

    def _own(self) -> Row:
        heard = self._worker.heard()
        return Row(self._worker.address, heard.figures.worker_id, heard, answers=True)

    def _document(self, rows: list[Row]) -> bytes:
        each = each_once(rows)
        collided = collisions(each)
        for (worker_id, epoch_ms), owners in collided.items():
            where = " and ".join(row.address for row in owners)
            _log.error(f"worker_id {worker_id} of epoch {epoch_ms} has two owners: {where}")
        fleet: dict[str, Any] = {
            "unix_ms": self._worker.service.wall_clock_ms(),
            "asked": self._worker.address,
            "trouble": self._trouble,
            "workers": [row.document(row.ownership in collided) for row in each],
        }
        return json.dumps(fleet, ensure_ascii=False, separators=(",", ":")).encode()
