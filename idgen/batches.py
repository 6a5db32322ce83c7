"""Batches that spread over milliseconds, first come first served.

A batch that finds its millisecond used up waits for the next one.  Waiting never blocks the
event loop: the queue asks again in each turn of the loop (`call_soon`), since a timer of 1 ms
misses one millisecond in five.  Single IDs don't pass through here and never wait.

Each run of IDs is made into what the caller wants of it (its text, its bytes) as it is taken: so
a large batch is rendered piece by piece between milliseconds, and no turn of the loop gets long.

The queue is as long as there are connections at most, since each waits for one answer, and the
batches of clients that have gone leave it at its head, or after MAX_BATCH_WAIT_MS.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from idgen.errors import SequenceOverflow
from idgen.limits import MAX_BATCH_IDS, MAX_BATCH_WAIT_MS
from idgen.service import IdService

T = TypeVar("T")


class _Batch(Generic[T]):
    def __init__(self, n: int, render: Callable[[range], T], deadline_s: float) -> None:
        self.missing = n
        self.render = render
        self.deadline_s = deadline_s
        self.parts: list[T] = []
        self.future: asyncio.Future[list[T]] = asyncio.get_running_loop().create_future()


class BatchQueue:
    """Serves batches from one service.  Each future is done, failed, or cancelled by its owner."""

    def __init__(self, service: IdService, monotonic_s: Callable[[], float]) -> None:
        self._service = service
        self._monotonic_s = monotonic_s
        self._waiting: deque[_Batch[Any]] = deque()

    def submit(self, n: int, render: Callable[[range], T]) -> asyncio.Future[list[T]]:
        """Ask for n IDs, 1..MAX_BATCH_IDS.

        The result is what render has made of ranges that hold n IDs together, in ascending
        order; it is there at once where nothing has to be waited for.  Fails with
        SequenceOverflow after MAX_BATCH_WAIT_MS, and with whatever else the service raises;
        what was taken by then is discarded.  A caller that has lost interest cancels the future.
        """
        assert 1 <= n <= MAX_BATCH_IDS
        batch = _Batch(n, render, self._deadline_s())
        self._waiting.append(batch)
        if len(self._waiting) == 1:  # else the next poll is under way already
            self._poll()
        return batch.future

    def _deadline_s(self) -> float:
        return self._monotonic_s() + MAX_BATCH_WAIT_MS / 1000

    def _poll(self) -> None:
        while self._waiting:
            batch = self._waiting[0]
            if batch.future.done():
                self._waiting.popleft()
                continue
            try:
                self._advance(batch)
            except SequenceOverflow as overflow:
                self._expire(overflow)
                break
            except Exception as error:
                self._waiting.popleft().future.set_exception(error)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._poll)

    def _advance(self, batch: _Batch[Any]) -> None:
        ids = self._service.next_ids(batch.missing)
        batch.parts.append(batch.render(ids))
        batch.missing -= len(ids)
        batch.deadline_s = self._deadline_s()
        if not batch.missing:
            self._waiting.popleft().future.set_result(batch.parts)

    def _expire(self, overflow: SequenceOverflow) -> None:
        """Fail those who have waited too long.

        Deadlines ascend along the queue but for the head's, which each number moves.
        """
        now_s = self._monotonic_s()
        head = self._waiting.popleft()
        while self._waiting and self._waiting[0].deadline_s <= now_s:
            _fail(self._waiting.popleft(), overflow)
        if head.deadline_s <= now_s:
            _fail(head, overflow)
        else:
            self._waiting.appendleft(head)


def _fail(batch: _Batch[Any], overflow: SequenceOverflow) -> None:
    if not batch.future.done():
        batch.future.set_exception(overflow)
