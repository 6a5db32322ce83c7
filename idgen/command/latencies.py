"""How long calls took, in little room: counts of buckets that are 1 % wide.  Pure."""

import math
from collections import Counter

SHORTEST_S = 1e-6
"""What is shorter counts as this."""
WIDTH = 1.01
"""Each bucket ends at so many times the end of the one before.

So calls of up to an hour fall into some 2,200 buckets.
"""


class Latencies:
    """Any number of them."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.longest_s = 0.0

    def add(self, took_s: float) -> None:
        """A call took so long."""
        bucket = math.ceil(math.log(max(took_s, SHORTEST_S) / SHORTEST_S, WIDTH))
        self._buckets[bucket] += 1
        self.count += 1
        self.longest_s = max(self.longest_s, took_s)

    def quantile_s(self, part: float) -> float:
        """That part of the calls, 0 to 1, took no longer, up to 1 % more.  Of one call or more."""
        assert self.count
        wanted, seen = part * self.count, 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(SHORTEST_S * WIDTH**bucket, self.longest_s)
        return self.longest_s
