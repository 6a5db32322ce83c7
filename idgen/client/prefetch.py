"""A thread that keeps a buffer full, so that taking an ID is a pop from memory."""

import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future

from idgen.client.buffer import Buffer
from idgen.client.errors import ClientClosed

FIRST_PAUSE_S = 0.05
"""After a fill that failed; twice as long each time, and ended by a caller that finds no ID."""
LONGEST_PAUSE_S = 1.0

Ask = Callable[[int], list[int]]
"""Gets so many IDs, or raises a ClientError."""


class Prefetch:
    """Fills a buffer, for any number of threads.  The thread begins with the first ID.

    ask and the thread must not know whoever holds this object: then one that nobody closes ends
    its thread all the same.
    """

    def __init__(self, ask: Ask, buffer: Buffer) -> None:
        self._filler = _Filler(ask, buffer)
        self.close = weakref.finalize(self, self._filler.stop)
        self.next_id = self._filler.next_id
        self.take = self._filler.take


class _Filler:
    def __init__(self, ask: Ask, buffer: Buffer) -> None:
        self._ask = ask
        self._buffer = buffer
        self._lock = threading.Lock()
        """For whatever is done to the buffer but to pop from its block."""
        self._is_needed = threading.Event()
        """Set when the thread has to look before its time."""
        self._filled: Future[None] = Future()
        """Of the fill that is under way or comes next: all who wait for IDs wait for one."""
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def next_id(self) -> int:
        """One ID; waits only where there is none.  Raises what the fill raised that it awaited."""
        while True:
            with self._lock:
                try:
                    return self._buffer.next(time.monotonic())
                except IndexError:
                    filled = self._filled
                finally:
                    self._look()
            filled.result()

    def take(self, n: int) -> list[int]:
        """Up to n IDs, as many as are at hand."""
        ids: list[int] = []
        with self._lock:
            self._look()
            try:
                while len(ids) < n:
                    ids.append(self._buffer.next(time.monotonic()))
            except IndexError:
                pass
        return ids

    def stop(self) -> None:
        """The thread ends; whoever waits is told."""
        with self._lock:
            self._is_stopped = True
            self._buffer.clear()
            self._is_needed.set()
            if not self._filled.done():
                self._filled.set_exception(ClientClosed())

    def _look(self) -> None:
        """The thread looks at the buffer; it begins when the first ID is asked for."""
        if self._is_stopped:
            raise ClientClosed
        self._is_needed.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="flake-prefetch", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._is_stopped:
            self._is_needed.clear()
            now_s = time.monotonic()
            with self._lock:
                due_s = self._buffer.wants_at_s(now_s)
            if due_s is None or due_s > now_s:
                self._is_needed.wait(None if due_s is None else due_s - now_s)
            elif self._fill(now_s):
                pause_s = FIRST_PAUSE_S
            else:
                self._is_needed.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _fill(self, now_s: float) -> bool:
        """Ask for a block; whether it came.  Whoever waits is told either way."""
        error, ids = None, []
        try:
            ids = self._ask(self._buffer.block_size)
        except Exception as refused:  # a bug of ours too: nobody may wait for ever
            error = refused
        with self._lock:
            if self._is_stopped:
                return False
            filled, self._filled = self._filled, Future()
            if error:
                filled.set_exception(error)
            else:
                self._buffer.add(ids, now_s)
                filled.set_result(None)
        return error is None
