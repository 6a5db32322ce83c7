"""A store off the event loop, since a disk may take long."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from idgen.grant import Grant
from idgen.grants.store import GrantStore

_T = TypeVar("_T")


class OffLoop:
    """Runs each call of a store, whole, in a thread of its own, one after the other.

    One hop a call: on a busy machine each hop between threads can take a tenth of a second.
    A call whose caller was cancelled still runs to its end, before the next one begins, unless it
    was waiting for the one before.
    """

    def __init__(self, store: GrantStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="grants")
        self.grant_ms = store.grant_ms
        self.extend_every_ms = store.extend_every_ms
        self.longest_wait_ms = store.longest_wait_ms
        self.skew_ms = store.skew_ms

    async def acquire(self) -> Grant:
        """As GrantStore has it."""
        return await self._run(self._store.acquire())

    async def extend(self, grant: Grant, unix_ms: int) -> Grant:
        """As GrantStore has it."""
        return await self._run(self._store.extend(grant, unix_ms))

    async def release(self, grant: Grant, last_unix_ms: int | None) -> None:
        """As GrantStore has it."""
        await self._run(self._store.release(grant, last_unix_ms))

    def abandon(self) -> None:
        """As GrantStore has it; at once, since a forked child has no such thread."""
        self._store.abandon()

    def __str__(self) -> str:
        return str(self._store)

    async def _run(self, call: Coroutine[Any, Any, _T]) -> _T:
        running = self._thread.submit(_finish, call)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            if running.cancel():  # before it began
                call.close()
            raise


def _finish(call: Coroutine[Any, Any, _T]) -> _T:
    try:
        call.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    raise AssertionError("a store whose calls wait for the event loop can't run off it")
