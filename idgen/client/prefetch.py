"""A thread that keeps a buffer full, so that taking an ID is a pop from memory.

What waits and wakes here are primitives of C.  A signal handler may raise an exception anywhere
in Python code (Celery's time limits do), and would leave a threading.Condition locked for ever.
"""

import threading
import weakref
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

from idgen.client.buffer import Buffer
from idgen.client.errors import ClientClosed
from idgen.limits import MAX_BATCH_IDS

FIRST_PAUSE_S = 0.05
"""After a fill that failed; twice as long each time, and ended by a caller that finds no ID."""
LONGEST_PAUSE_S = 1.0
FILLS_TO_WAIT_FOR = 2
"""The one under way doesn't reckon with a caller that comes now; the next one does."""


class Ask(Protocol):
    """Gets so many IDs, or raises a ClientError.  begun_s: its deadline counts from then."""

    def __call__(self, count: int, begun_s: float | None = None) -> list[int]: ...


class Prefetch:
    """Fills a buffer, for any number of threads.  The thread begins with the first ID.

    ask and the thread must not know whoever holds this object: then one that nobody closes ends
    its thread all the same.
    """

    def __init__(self, ask: Ask, buffer: Buffer, deadline_s: float) -> None:
        filler = _Filler(ask, buffer, deadline_s)
        # It runs in whichever thread collects, the filler's too, so it takes no lock.
        weakref.finalize(self, filler.end)
        self.next_id = filler.next_id
        self.take = filler.take
        self.close = filler.close


class _Fill:
    """A fill that is under way or comes next: all who wait for IDs wait for one."""

    def __init__(self) -> None:
        self.is_under_way = threading.Lock()
        self.is_under_way.acquire()
        self.has_begun = False
        self.error: Exception | None = None

    def end(self, error: Exception | None) -> None:
        self.error = error
        self.is_under_way.release()

    def wait(self, within_s: float) -> Exception | None:
        """What the fill raised, if it did."""
        if self.is_under_way.acquire(timeout=max(0.0, within_s)):
            self.is_under_way.release()
        return self.error


class _Filler:
    def __init__(self, ask: Ask, buffer: Buffer, deadline_s: float) -> None:
        self._ask = ask
        self._buffer = buffer
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        """For whatever is done to the buffer but to pop from its block."""
        self._needs: SimpleQueue[None] = SimpleQueue()
        """Not empty when the thread has to look before its time."""
        self._fill = _Fill()
        self._waiting = 0
        """Callers that wait, about: a fill asks for one ID more for each."""
        self._thread: threading.Thread | None = None
        self._is_ended = False

    def next_id(self) -> int:
        """One ID; waits for a fill only where there is none.

        Whoever gets none of these either asks a server for one: it takes longer to come than an ID
        may be kept.  Raises what a fill raised that began after this call: one that was under way
        may have met servers that have come back since.
        """
        begun_s = monotonic()
        ends_s = begun_s + self._deadline_s
        self._waiting += 1
        try:
            for fills_to_wait_for in range(FILLS_TO_WAIT_FOR, -1, -1):
                with self._lock:
                    self._look()
                    with suppress(IndexError):
                        return self._buffer.next(monotonic())
                    fill, was_under_way = self._fill, self._fill.has_begun
                if fills_to_wait_for:
                    error = fill.wait(ends_s - monotonic())
                    if error and not (was_under_way and monotonic() < ends_s):
                        raise error
        finally:
            self._waiting -= 1
        return self._ask(1, begun_s)[0]

    def take(self, n: int) -> list[int]:
        """Up to n IDs, as many as are at hand."""
        ids: list[int] = []
        with self._lock, suppress(IndexError):
            self._look()
            while len(ids) < n:
                ids.append(self._buffer.next(monotonic()))
        return ids

    def end(self) -> None:
        """The thread ends when it has done what it does."""
        self._is_ended = True
        self._needs.put(None)

    def close(self) -> None:
        """No ID is given any more; whoever waits is told."""
        self.end()
        with self._lock:
            self._buffer.clear()
            self._fill.end(ClientClosed())
            self._fill = _Fill()

    def _look(self) -> None:
        """The thread looks at the buffer; it begins when the first ID is asked for."""
        if self._is_ended:
            raise ClientClosed
        if self._needs.empty():
            self._needs.put(None)
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="flake-prefetch", daemon=True)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._is_ended:
            now_s = monotonic()
            with self._lock:
                wait_s = self._buffer.wants_in_s(now_s)
            if wait_s != 0:
                self._rest(wait_s)
            elif self._fill_up(now_s):
                pause_s = FIRST_PAUSE_S
            else:
                self._rest(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _rest(self, at_most_s: float | None) -> None:
        with suppress(Empty):
            self._needs.get(timeout=at_most_s)

    def _fill_up(self, now_s: float) -> bool:
        """Ask for a block; whether it came.  Whoever waits is told either way."""
        error, ids = None, []
        self._fill.has_begun = True
        try:
            ids = self._ask(min(self._buffer.block_size + self._waiting, MAX_BATCH_IDS))
        except Exception as refused:  # a bug of ours too: nobody may wait for ever
            error = refused
        with self._lock:
            if self._is_ended:
                return False
            if error is None:
                self._buffer.add(ids, now_s)
            fill, self._fill = self._fill, _Fill()
            fill.end(error)
        return error is None
