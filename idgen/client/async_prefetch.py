"""A task that keeps a buffer full: prefetch.py's twin for one event loop."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from time import monotonic
from typing import Protocol

from idgen.client.buffer import Buffer
from idgen.client.errors import ClientClosed
from idgen.client.prefetch import FILLS_TO_WAIT_FOR, FIRST_PAUSE_S, LONGEST_PAUSE_S
from idgen.limits import MAX_BATCH_IDS


class AsyncAsk(Protocol):
    """Gets so many IDs, or raises a ClientError.  begun_s: its deadline counts from then."""

    def __call__(self, count: int, begun_s: float | None = None) -> Awaitable[list[int]]: ...


class AsyncPrefetch:
    """Fills a buffer.  To be made while the loop runs, and for its tasks alone."""

    def __init__(self, ask: AsyncAsk, buffer: Buffer, deadline_s: float) -> None:
        self._ask = ask
        self._buffer = buffer
        self._deadline_s = deadline_s
        self._is_needed = asyncio.Event()
        """Set when the task has to look before its time."""
        self._filled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Of the fill that is under way or comes next: all who wait for IDs wait for one."""
        self._is_filling = False
        self._is_stopped = False
        self._waiting = 0
        """Callers that wait: a fill asks for one ID more for each."""
        self._task = asyncio.create_task(self._run(), name="flake-prefetch")

    async def next_id(self) -> int:
        """One ID; waits for a fill only where there is none.

        Whoever gets none of these either asks a server for one: it takes longer to come than an ID
        may be kept, or the task has ended, as asyncio.run ends all at its end.  Raises what a fill
        raised that began after this call, as prefetch.py does.
        """
        begun_s = monotonic()
        ends_s = begun_s + self._deadline_s
        self._waiting += 1
        try:
            for fills_to_wait_for in range(FILLS_TO_WAIT_FOR, -1, -1):
                if self._is_stopped:
                    raise ClientClosed
                self._is_needed.set()
                with suppress(IndexError):
                    return self._buffer.next(monotonic())
                if fills_to_wait_for:
                    was_under_way = self._is_filling
                    error = await self._wait(self._filled, ends_s - monotonic())
                    if error and not (was_under_way and monotonic() < ends_s):
                        raise error
        finally:
            self._waiting -= 1
        return (await self._ask(1, begun_s))[0]

    async def _wait(self, filled: asyncio.Future[None], within_s: float) -> BaseException | None:
        """What the fill raised, if it did."""
        await asyncio.wait(
            [filled, self._task], timeout=within_s, return_when=asyncio.FIRST_COMPLETED
        )
        return filled.exception() if filled.done() else None

    def take(self, n: int) -> list[int]:
        """Up to n IDs, as many as are at hand."""
        self._is_needed.set()
        ids: list[int] = []
        with suppress(IndexError):
            while len(ids) < n:
                ids.append(self._buffer.next(monotonic()))
        return ids

    async def stop(self) -> None:
        """The task ends; whoever waits is told."""
        self._is_stopped = True
        self._buffer.clear()
        self._tell(ClientClosed())
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            self._is_needed.clear()
            now_s = monotonic()
            wait_s = self._buffer.wants_in_s(now_s)
            if wait_s != 0:
                await self._need(wait_s)
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
        self._is_filling = True
        try:
            ids = await self._ask(min(self._buffer.block_size + self._waiting, MAX_BATCH_IDS))
        except Exception as error:  # a bug of ours too: nobody may wait for ever
            self._tell(error)
            return False
        self._buffer.add(ids, now_s)
        self._tell(None)
        return True

    def _tell(self, error: Exception | None) -> None:
        self._is_filling = False
        filled, self._filled = self._filled, asyncio.get_running_loop().create_future()
        if error is None:
            filled.set_result(None)
        else:
            filled.set_exception(error)
            filled.exception()  # nobody may have waited, and then asyncio would complain
