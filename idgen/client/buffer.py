"""IDs at hand, in blocks: bounded by count and by age.  Pure: time is an argument.

A block is used up before the next one is begun, so IDs come in order within it.  Any number of
threads may pop from the block that is in use; all else is for one at a time.  (`deque.popleft` is
atomic by contract, in builds without the global lock too; an iterator isn't there.)
"""

from collections import deque
from collections.abc import Iterable

from idgen.limits import MAX_BATCH_IDS


class Block:
    """IDs of one batch.  pop() gives the next, or raises IndexError; not after expires_s."""

    __slots__ = ("asked_s", "expires_s", "ids", "pop")

    def __init__(self, ids: Iterable[int], asked_s: float, expires_s: float) -> None:
        self.ids = deque(ids)
        self.pop = self.ids.popleft
        self.asked_s = asked_s
        self.expires_s = expires_s


NO_BLOCK = Block((), 0.0, 0.0)


class Buffer:
    """Holds up to size IDs, none of them older than max_age_s.

    block is the one in use.  It can be popped from without a call of this class's, which would
    cost as much again; that it hasn't expired is then the caller's to see.
    """

    def __init__(self, size: int, max_age_s: float) -> None:
        self.block_size = max(1, min(size // 2, MAX_BATCH_IDS))
        self._size = size
        self._max_age_s = max_age_s
        self.block = NO_BLOCK
        self._later: deque[Block] = deque()
        self._left_at_add = 0

    def next(self, now_s: float) -> int:
        """The next ID, of the next block where this one gives no more.  Raises IndexError."""
        while True:
            if now_s < self.block.expires_s:
                try:
                    return self.block.pop()
                except IndexError:
                    pass  # it is used up
            if not self._later:
                self.block = NO_BLOCK
                raise IndexError
            self.block = self._later.popleft()

    def clear(self) -> None:
        """All IDs are forgotten."""
        self._later.clear()
        self.block = NO_BLOCK

    def add(self, ids: Iterable[int], asked_s: float) -> None:
        """A block that was asked for at asked_s; it takes the place of a later one if need be."""
        if not self._has_room:
            self._later.clear()
        self._later.append(Block(ids, asked_s, asked_s + self._max_age_s))
        self._left_at_add = len(self.block.ids)

    def wants_at_s(self, now_s: float) -> float | None:
        """When the next block should be asked for; None: when IDs are taken again.

        At once where there is room.  Where there is none, when the newest block is half as old
        as it may get, so that buffers that are little used outlast an outage too; but never
        for somebody who takes no IDs.
        """
        if self._has_room:
            return now_s
        if not self._later or len(self.block.ids) == self._left_at_add:
            return None
        return self._later[-1].asked_s + self._max_age_s / 2

    @property
    def _has_room(self) -> bool:
        held = len(self.block.ids) + sum(len(block.ids) for block in self._later)
        return held + self.block_size <= self._size
