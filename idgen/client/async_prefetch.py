"""A task that keeps a buffer full: prefetch.py's twin for one event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from idgen.client.buffer import Buffer
from idgen.client.errors import ClientClosed
from idgen.client.prefetch import FIRST_PAUSE_S, LONGEST_PAUSE_S

AsyncAsk = Callable[[int], Awaitable[list[int]]]
"""Gets so many IDs, or raises a ClientError."""


class AsyncPrefetch:
    """Fills a buffer.  To be made while the loop runs, and for its tasks alone."""

    def __init__(self, ask: AsyncAsk, buffer: Buffer) -> None:
        self._ask = ask
        self._buffer = buffer
        self._is_needed = asyncio.Event()
        """Set when the task has to look before its time."""
        self._filled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Of the fill that is under way or comes next: all who wait for IDs wait for one."""
        self._task = asyncio.create_task(self._run(), name="flake-prefetch")

    async def next_id(self) -> int:
        """One ID; waits only where there is none.  Raises what the fill raised that it awaited."""
        while True:
            self._is_needed.set()
            try:
                return self._buffer.next(time.monotonic())
            except IndexError:
                # A caller that is cancelled isn't the only one who waits.
                await asyncio.shield(self._filled)

    def take(self, n: int) -> list[int]:
        """Up to n IDs, as many as are at hand."""
        self._is_needed.set()
        ids: list[int] = []
        try:
            while len(ids) < n:
                ids.append(self._buffer.next(time.monotonic()))
        except IndexError:
            pass
        return ids

    async def stop(self) -> None:
        """The task ends; whoever waits is told."""
        self._buffer.clear()
        self._task.cancel()
        await asyncio.wait([self._task])
        self._tell(ClientClosed())

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            self._is_needed.clear()
            now_s = time.monotonic()
            due_s = self._buffer.wants_at_s(now_s)
            if due_s is None or due_s > now_s:
                await self._need(None if due_s is None else due_s - now_s)
            elif await self._fill(now_s):
                pause_s = FIRST_PAUSE_S
            else:
                await self._need(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _need(self, within_s: float | None) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._is_needed.wait()
        except TimeoutError:
            pass  # its time has come

    async def _fill(self, now_s: float) -> bool:
        """Ask for a block; whether it came.  Whoever waits is told either way."""
        try:
            ids = await self._ask(self._buffer.block_size)
        except Exception as error:  # a bug of ours too: nobody may wait for ever
            self._tell(error)
            return False
        self._buffer.add(ids, now_s)
        self._tell(None)
        return True

    def _tell(self, error: Exception | None) -> None:
        filled, self._filled = self._filled, asyncio.get_running_loop().create_future()
        if error is None:
            filled.set_result(None)
        else:
            filled.set_exception(error)
            filled.exception()  # nobody may have waited, and then asyncio would complain
