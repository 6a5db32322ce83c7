"""IDs at hand, in blocks: bounded by count and by age.  Pure: time is an argument.

A block is used up before the next one is begun, so IDs come in order within it.  Any number of
threads may pop from the block that is in use; all else is for one at a time.  (`deque.popleft` is
atomic by contract, in builds without the global lock too; an iterator isn't there.)
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from idgen.limits import MAX_BATCH_IDS

LOOKS = 8
"""So often in the longest age of an ID a buffer is looked at that nobody seemed to use."""


@dataclass(frozen=True, slots=True)
class _Block:
    """IDs of one batch, and when that was asked for."""

    ids: deque[int]
    asked_s: float


class Buffer:
    """Holds up to size IDs, none of them older than max_age_s.

    expires_s: a sequence of one number, 0.0, which a fork wipes (wiped.py).

    pop and expires_s are there for whoever can't afford a call of this class's: pop() gives the
    next ID of the block in use or raises IndexError, and may be called until expires_s[0].
    """

    def __init__(self, size: int, max_age_s: float, expires_s: "memoryview[float]") -> None:
        self.block_size = max(1, min(size // 2, MAX_BATCH_IDS))
        self.expires_s = expires_s
        self._size = size
        self._max_age_s = max_age_s
        self._later: deque[_Block] = deque()
        self._left_at_add = 0
        self._use_nothing()

    def next(self, now_s: float) -> int:
        """The next ID, of the next block where this one gives no more.  Raises IndexError."""
        while True:
            if now_s < self.expires_s[0]:
                try:
                    return self.pop()
                except IndexError:
                    pass  # it is used up
            if not self._later:
                self._use_nothing()
                raise IndexError
            self._use_next()

    def clear(self) -> None:
        """All IDs are forgotten."""
        self._later.clear()
        self._use_nothing()

    def add(self, ids: Iterable[int], asked_s: float) -> None:
        """A block that was asked for at asked_s.  It takes the place of one that isn't in use."""
        self._later.clear()
        self._later.append(_Block(deque(ids), asked_s))
        if not self._ids:
            self._use_next()
        self._left_at_add = len(self._ids)

    def wants_in_s(self, now_s: float) -> float | None:
        """In how many seconds to look again; 0: now is the time for a block; None: not by itself.

        It is time where there is room.  Where there is none, when the newest block is half as old
        as it may get, so that buffers that are little used outlast an outage too; but not for
        somebody who has taken no ID since it came.  (Those who pop tell nobody: hence the looks.)
        """
        if self._has_room:
            return 0
        if not self._later:
            return None
        age_s = now_s - self._later[-1].asked_s
        if age_s < self._max_age_s / 2:
            return self._max_age_s / 2 - age_s
        if len(self._ids) != self._left_at_add:
            return 0
        return self._max_age_s / LOOKS if age_s < self._max_age_s else None

    def _use_next(self) -> None:
        block = self._later.popleft()
        self._use(block.ids, block.asked_s + self._max_age_s)

    def _use_nothing(self) -> None:
        self._use(deque(), 0.0)

    def _use(self, ids: deque[int], expires_s: float) -> None:
        self._ids = ids
        # In this order, or another thread could pop from a block that has expired.
        self.pop = ids.popleft
        self.expires_s[0] = expires_s

    @property
    def _has_room(self) -> bool:
        """For one block beside the one in use; for one alone where only one ID is to be held."""
        return not self._later and (self._size > 1 or not self._ids)
