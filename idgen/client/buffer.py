"""IDs at hand, in blocks: bounded by count and by age.  Pure: time is an argument.

A block is used up before the next one is begun, so IDs come in order within it.  Any number of
threads may pop from the block that is in use; all else is for one at a time.  (`deque.popleft` is
atomic by contract, in builds without the global lock too; an iterator isn't there.)
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from idgen.limits import MAX_BATCH_IDS


@dataclass(frozen=True, slots=True)
class _Block:
    """IDs of one batch, and when that was asked for."""

    ids: deque[int]
    asked_s: float


class Buffer:
    """Holds up to size IDs, none of them older than max_age_s.

    expires_s: a sequence of one number, 0.0 (wiped.py).

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
            block = self._later.popleft()
            self._use(block.ids, block.asked_s + self._max_age_s)

    def clear(self) -> None:
        """All IDs are forgotten."""
        self._later.clear()
        self._use_nothing()

    def add(self, ids: Iterable[int], asked_s: float) -> None:
        """A block that was asked for at asked_s; it takes the place of a later one if need be."""
        if not self._has_room:
            self._later.clear()
        self._later.append(_Block(deque(ids), asked_s))
        self._left_at_add = len(self._ids)

    def wants_at_s(self, now_s: float) -> float | None:
        """When the next block should be asked for; None: when IDs are taken again.

        At once where there is room.  Where there is none, when the newest block is half as old
        as it may get, so that buffers that are little used outlast an outage too; but never
        for somebody who takes no IDs.
        """
        if self._has_room:
            return now_s
        if not self._later or len(self._ids) == self._left_at_add:
            return None
        return self._later[-1].asked_s + self._max_age_s / 2

    def _use_nothing(self) -> None:
        self._use(deque(), 0.0)

    def _use(self, ids: deque[int], expires_s: float) -> None:
        self._ids = ids
        # In this order, or another thread could pop from a block that has expired.
        self.pop = ids.popleft
        self.expires_s[0] = expires_s

    @property
    def _has_room(self) -> bool:
        held = len(self._ids) + sum(len(block.ids) for block in self._later)
        return held + self.block_size <= self._size
