"""Usage in Redis: a hash, a HyperLogLog and a place in the day's set for each application.

What is handed in goes there in numbered pieces, each by one script.  Redis keeps the number of a
process's last piece, so that one whose reply was lost isn't added a second time.
"""

import logging
from asyncio import Semaphore
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from idgen.errors import QuotaUnavailable
from idgen.plain import plain
from idgen.quota.redis.line import Line
from idgen.quota.redis.usage_pieces import Piece, apps_key, counts_key, pieces, users_key
from idgen.quota.tally import Tally, UsageId
from idgen.redis.address import RedisAddress
from idgen.redis.connection import connection, trouble

LUA = files(__package__).joinpath("usage.lua")

TIMEOUT_MS = 80
"""For a connection, and for each answer.  What couldn't be stored is handed in again."""

MAX_READS = 16
"""So many at once; redis-py's pool refuses more connections than a hundred."""

PAGE_APPS = 100
"""So many are listed, or read, in one round trip."""

_log = logging.getLogger("flake.quota")


class RedisUsage:
    """A UsageStore at one address.  token: one of this process's own that nobody else has."""

    def __init__(self, address: RedisAddress, token: str, timeout_ms: int = TIMEOUT_MS) -> None:
        self._address = address
        self._timeout_ms = timeout_ms
        self._redis = connection(address, timeout_ms)
        self._line = Line(address, LUA.read_text(encoding="utf-8"), timeout_ms)
        self._token = token
        self._number = 0
        """Of the piece that was begun last."""
        self._adding: Mapping[UsageId, Tally] | None = None
        """What isn't all added yet, though some of it may be."""
        self._pieces: Iterator[Piece] = iter(())
        self._piece: Piece | None = None
        """The one that is on its way, or of which that isn't known."""
        self._reading = Semaphore(MAX_READS)
        self._failures = 0
        """Of reads."""
        self._told = ""

    async def add(self, tallies: Mapping[UsageId, Tally]) -> None:
        """Add to what is there.  Raises QuotaUnavailable; handed in again, it goes on from there.

        One call at a time, and the mapping doesn't change until all of it is added.
        """
        if self._adding is not tallies:
            self._adding, self._piece = tallies, None
            self._pieces = pieces(self._address.namespace, self._token, tallies)
        while (piece := self._piece or self._next_piece()) is not None:
            words = [len(piece.keys), *piece.keys, self._number, *piece.arguments]
            self._hear(await self._asked(self._line.call(words)))
            self._piece = None
        self._adding = None

    async def read(self, usage_id: UsageId) -> Tally:
        """All that was added of one application's day; empty where nothing was.

        Raises QuotaUnavailable.
        """
        (tally,) = await self.read_all([usage_id])
        return tally

    async def read_all(self, usage_ids: Sequence[UsageId]) -> list[Tally]:
        """The same of up to PAGE_APPS, in one round trip.  Raises QuotaUnavailable."""
        assert len(usage_ids) <= PAGE_APPS
        pipeline = self._redis.pipeline(transaction=False)
        for usage_id in usage_ids:
            pipeline.hgetall(counts_key(self._address.namespace, usage_id))
            pipeline.pfcount(users_key(self._address.namespace, usage_id))
        failures = self._failures
        async with self._reading:
            if self._failures != failures:  # who has waited for others isn't to wait once more
                raise QuotaUnavailable(f"{self._address}: it couldn't be asked just now")
            try:
                answers = await self._asked(pipeline.execute())
            except QuotaUnavailable:
                self._failures += 1
                raise
        return list(map(_tally, answers[::2], answers[1::2]))

    async def count_apps(self, day: str) -> int:
        """How many applications called on a day.  Raises QuotaUnavailable."""
        return int(await self._asked(self._redis.scard(apps_key(self._address.namespace, day))))

    async def apps(self, day: str) -> AsyncIterator[list[str]]:
        """Those applications, each once, in pages of up to PAGE_APPS.  Raises QuotaUnavailable."""
        key, cursor, seen = apps_key(self._address.namespace, day), 0, set[bytes]()
        while True:
            scanning = self._redis.sscan(key, cursor, count=PAGE_APPS)
            cursor, found = await self._asked(scanning)
            new = [app for app in dict.fromkeys(found) if app not in seen]
            seen.update(new)  # a scan may come by one twice
            for first in range(0, len(new), PAGE_APPS):
                yield list(map(_text, new[first : first + PAGE_APPS]))
            if not cursor:
                return

    async def close(self) -> None:
        """Let go of connections."""
        await self._line.close()
        await self._redis.aclose()

    async def _asked(self, call: Awaitable[Any]) -> Any:
        """The answer.  Raises QuotaUnavailable."""
        try:
            return await call
        except Exception as error:  # of a reset connection redis-py lets uvloop's RuntimeError out
            raise QuotaUnavailable(trouble(self._address, self._timeout_ms, error)[0]) from error

    def _next_piece(self) -> Piece | None:
        self._piece = next(self._pieces, None)
        self._number += self._piece is not None
        return self._piece

    def _hear(self, answer: int | bytes) -> None:
        """Log what couldn't be written, once while it is the same."""
        told = plain(answer) if isinstance(answer, bytes) else ""
        if told and told != self._told:
            _log.warning(f"{self._address}: some usage is lost: {told}")
        self._told = told or self._told


def _tally(counts: Mapping[bytes, bytes], users: int) -> Tally:
    interfaces = {
        _text(name[2:]): int(calls) for name, calls in counts.items() if name.startswith(b"i:")
    }
    total, denied = int(counts.get(b"total", 0)), int(counts.get(b"denied", 0))
    return Tally(total, denied, Counter(interfaces), user_count=users)


def _text(name: bytes) -> str:
    return name.decode(errors="replace")
