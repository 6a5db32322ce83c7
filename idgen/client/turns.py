"""Turns for threads, first come first served.

Primitives of C alone: a signal handler may raise an exception anywhere in Python code (Celery's
time limits do), and would leave a threading.Semaphore locked for ever.
"""

import threading
from collections import deque


class Turns:
    """So many at a time."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._waiting: deque[threading.Lock] = deque()
        """One for each thread that waits, released when its turn has come."""

    def take(self, within_s: float) -> bool:
        """Whether it is the caller's turn, which is then to be given back."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        has_turn = False
        try:
            has_turn = gate.acquire(timeout=max(0.0, within_s))
        finally:
            if not has_turn:
                self._leave(gate)
        return has_turn

    def give_back(self) -> None:
        """The next one's turn has come."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def _leave(self, gate: threading.Lock) -> None:
        with self._lock:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return
        self.give_back()  # its turn has come at this very moment
