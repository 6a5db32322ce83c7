"""The client for asyncio, on aiohttp."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterable
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, Self

from idgen.client import settings
from idgen.client.async_prefetch import AsyncPrefetch
from idgen.client.buffer import Buffer
from idgen.client.call import Rules
from idgen.client.errors import ClientClosed
from idgen.client.over_aiohttp import Transport
from idgen.client.wiped import Wiped
from idgen.limits import MAX_BATCH_IDS


class AsyncClient:
    """Client's twin for asyncio: the same arguments, errors and promises.

        async with AsyncClient(["10.0.0.1:8080", "10.0.0.2:8080"]) as ids:
            await ids.next_id()

    It serves any number of tasks of one event loop; called from another loop, it starts anew
    there, as it does in a forked child.
    """

    def __init__(
        self,
        servers: str | Iterable[str],
        *,
        timeout_s: float = settings.TIMEOUT_S,
        deadline_s: float = settings.DEADLINE_S,
        prefetch: int = 0,
        max_age_s: float = settings.MAX_AGE_S,
    ) -> None:
        self._settings = settings.checked(servers, timeout_s, deadline_s, prefetch, max_age_s)
        self._is_closed = False
        self._own = _Own(self._settings)
        self._buffer = self._own.buffer

    @classmethod
    def from_env(cls, **others: Any) -> Self:
        """A client of the servers in FLAKE_SERVERS.  Raises BadArgument where it isn't set."""
        return cls(settings.servers_from(os.environ), **others)

    async def next_id(self) -> int:
        """One ID, 0..2^63-1.  Raises a ClientError."""
        # In one function: with prefetch, each call more would cost a fifth.
        buffer = self._buffer
        if monotonic() < buffer.expires_s[0]:
            try:
                return buffer.pop()
            except IndexError:
                pass  # the block is used up
        return await (await self._asker()).next_id()

    async def next_ids(self, n: int) -> list[int]:
        """n IDs, 1..65536: those at hand first, the rest in ascending order from one server.

        Raises BadArgument and ClientError; IDs at hand are then lost, never given again.
        """
        settings.check_count("n", n, 1, MAX_BATCH_IDS)
        asker = await self._asker()
        ids = asker.at_hand(n)
        return ids + await asker.ask(n - len(ids)) if len(ids) < n else ids

    async def close(self) -> None:
        """End the connections and the prefetch.  Nothing is lost but the numbers at hand."""
        self._is_closed = True
        if not self._own.is_a_parents:
            await self._own.close()

    def __aiter__(self) -> AsyncIterator[int]:
        """IDs without end."""
        return self

    async def __anext__(self) -> int:
        return await self.next_id()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client can't be copied or pickled: IDs would be given twice")

    async def _asker(self) -> "_Asker":
        """Of this process and of the loop that runs: connections and tasks belong to one."""
        if self._is_closed:
            raise ClientClosed
        if self._own.is_a_parents:
            _kept.append(self._own)
            self._own = _Own(self._settings)
            self._buffer = self._own.buffer
        return await self._own.asker()


_kept: list["_Own"] = []
"""What belongs to a parent's event loop: to collect it would take sockets out of an epoll that
the child shares, and the parent would wait for them for ever."""


class _Own:
    """All that must not be in two processes."""

    def __init__(self, chosen: settings.Settings) -> None:
        self._mark = Wiped()
        self._expires_s = Wiped()
        self._rules = Rules(chosen, random.random)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asker: _Asker | None = None
        self.buffer = Buffer(chosen.prefetch, chosen.max_age_s, self._expires_s.number)
        self._mark.number[0] = 1.0

    @property
    def is_a_parents(self) -> bool:
        """Whether this process was forked since."""
        return self._mark.number[0] == 0.0

    async def asker(self) -> "_Asker":
        """That of the loop that runs."""
        loop = asyncio.get_running_loop()
        if self._asker is None or self._loop is not loop:
            before, loop_before = self._asker, self._loop
            self._loop, self._asker = loop, _Asker(self._rules, self.buffer)
            if before is not None and loop_before is not None and loop_before.is_closed():
                await before.transport.close()  # or aiohttp would complain
        return self._asker

    async def close(self) -> None:
        """Whoever asks now is told so."""
        self.buffer.clear()
        if self._asker is not None and self._loop is asyncio.get_running_loop():
            await self._asker.close()


class _Asker:
    """Asks servers, for the tasks of one event loop."""

    def __init__(self, rules: Rules, buffer: Buffer) -> None:
        self._rules = rules
        self._turns = asyncio.Semaphore(settings.MAX_ATTEMPTS)
        self.transport = Transport()
        self._is_closed = False
        chosen = rules.settings
        self._prefetch = (
            AsyncPrefetch(self.ask, buffer, chosen.deadline_s) if chosen.prefetch else None
        )

    async def ask(self, count: int, begun_s: float | None = None) -> list[int]:
        """So many IDs of one server, in ascending order.  Raises a ClientError.

        begun_s: when the caller began, if that wasn't now; its deadline counts from then.
        """
        call = self._rules.begin(count, monotonic() if begun_s is None else begun_s)
        ids = None
        while ids is None:
            has_turn = await self._turn(call.deadline_s - monotonic())
            try:
                if self._is_closed:
                    raise ClientClosed
                url, timeout_s = call.next_attempt(monotonic())
                ids = call.judge(await self.transport.get(url, count, timeout_s), monotonic())
            finally:
                if has_turn:
                    self._turns.release()
        return ids

    async def _turn(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                return await self._turns.acquire()
        except TimeoutError:
            return False

    async def next_id(self) -> int:
        """One ID, where none is at hand."""
        return (await self.ask(1))[0] if self._prefetch is None else await self._prefetch.next_id()

    def at_hand(self, n: int) -> list[int]:
        """Up to n IDs of the buffer."""
        return self._prefetch.take(n) if self._prefetch is not None else []

    async def close(self) -> None:
        """Whoever asks from now on is told so, and whoever asks now after the attempt."""
        self._is_closed = True
        if self._prefetch is not None:
            await self._prefetch.stop()
        await self.transport.close()
