"""The counters of one process, in its memory: bounded, expiring, exact, and gone when it ends.

Nothing in here that there is one of for each counter is an object that the garbage collector looks
into, nor is what holds them: keys are strings, windows numbers, and a dict of such isn't tracked.
Else a collection would stand still for a tenth of a second with 200,000 counters.
"""

from collections import Counter, deque
from collections.abc import Callable
from math import inf

from idgen.quota.decision import EMPTY, Level, Verdict, decide, without_store
from idgen.quota.rules import MAX_RULES, Charge, Rule

MAX_COUNTERS = 500_000

MAX_DROPPED = 2 * MAX_RULES
"""Ended windows that one call drops at most: twice as many as it can open, so all go in time."""

BUCKET_MS = 1000
"""Windows that end within that long of each other are dropped together."""

_USED_BITS = 40
_USED = (1 << _USED_BITS) - 1
"""A window is a number: above these bits when it ends (ms), in them what was used."""

_new = tuple.__new__
"""What a NamedTuple's own constructor calls; half of its time goes into getting there."""


class _Bucket:
    """Counters whose windows end at about the same time."""

    __slots__ = ("counters", "first_ms", "last_ms")

    def __init__(self, ending_ms: int) -> None:
        self.first_ms = self.last_ms = ending_ms
        self.counters: dict[str, None] = {}


class MemoryStore:
    """A QuotaStore that answers at once.  clock_ms: milliseconds of a clock that nobody can set."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._windows: dict[str, int] = {}
        """By the name of the counter."""
        self._endings: dict[int, deque[_Bucket]] = {}
        """By the length of windows (s), so that each is in order; one that was cut is in two."""
        self._next_ending_ms: float = inf
        self.failures: Counter[str] = Counter()
        """Calls that found no room for their counters."""

    def __len__(self) -> int:
        """How many counters there are; the ended ones among them go with the next calls."""
        return len(self._windows)

    def take(self, charge: Charge) -> Verdict:
        """Decide and charge; a full table can't be asked by calls that need a new counter.

        What is done here is for speed: it does for most calls what `decide` does for all.
        """
        now_ms = self._clock_ms()
        if now_ms >= self._next_ending_ms:
            self._drop_ended(now_ms)
        check, rules = charge
        cost = check.cost
        windows = self._windows
        levels: list[Level] = []
        charged: list[str] = []
        for rule in rules:
            counter = rule.counter(check)
            window = windows.get(counter)
            if window is None:
                break
            used = (window & _USED) + cost
            left_ms = (window >> _USED_BITS) - now_ms
            if used > rule.limit or not 0 < left_ms <= rule.window_s * 1000 or not cost:
                break
            windows[counter] = window + cost
            charged.append(counter)
            levels.append(_new(Level, (used, left_ms)))
        else:
            return _new(Verdict, (True, charge, levels, ""))
        for counter in charged:
            windows[counter] -= cost
        return self._take_any(charge, now_ms)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _take_any(self, charge: Charge, now_ms: int) -> Verdict:
        rules = charge.rules
        counters = [rule.counter(charge.check) for rule in rules]
        before = [self._level(*both, now_ms) for both in zip(rules, counters, strict=True)]
        allowed, after = decide(charge, before)
        if after is before:
            return Verdict(allowed, charge, before)
        if EMPTY in before and len(self) + before.count(EMPTY) > MAX_COUNTERS:
            self.failures["full"] += 1
            return without_store(charge, f"no room for more than {MAX_COUNTERS} counters in memory")
        for rule, counter, was, level in zip(rules, counters, before, after, strict=True):
            if was is EMPTY:
                self._open(rule, counter, level.used, now_ms + level.reset_ms)
            else:
                self._windows[counter] += level.used - was.used
        return Verdict(allowed, charge, after)

    def _level(self, rule: Rule, counter: str, now_ms: int) -> Level:
        """The level before the call.  A window from when the rule had longer ones is cut."""
        window = self._windows.get(counter, 0)
        used, ending_ms = window & _USED, window >> _USED_BITS
        if ending_ms <= now_ms:
            return EMPTY
        if ending_ms > now_ms + rule.window_ms:
            ending_ms = now_ms + rule.window_ms
            self._open(rule, counter, used, ending_ms)
        return Level(used, ending_ms - now_ms)

    def _open(self, rule: Rule, counter: str, used: int, ending_ms: int) -> None:
        self._windows[counter] = (ending_ms << _USED_BITS) + used
        buckets = self._endings.get(rule.window_s)
        if buckets is None:
            buckets = self._endings[rule.window_s] = deque()
        if not buckets or ending_ms - buckets[-1].first_ms >= BUCKET_MS:
            buckets.append(_Bucket(ending_ms))
        buckets[-1].counters[counter] = None
        buckets[-1].last_ms = ending_ms
        self._next_ending_ms = min(self._next_ending_ms, buckets[0].last_ms)

    def _drop_ended(self, now_ms: int) -> None:
        """Drop those that ended first, but a few: no call waits for a hundred thousand of them."""
        left = MAX_DROPPED
        self._next_ending_ms = inf
        for window_s, buckets in list(self._endings.items()):
            while left and buckets and buckets[0].last_ms <= now_ms:
                ended = buckets[0].counters
                while left and ended:
                    counter, _ = ended.popitem()
                    if self._windows.get(counter, inf) <= (now_ms << _USED_BITS) + _USED:
                        del self._windows[counter]  # else it was opened anew, or has gone
                    left -= 1
                if not ended:
                    buckets.popleft()
            if buckets:
                self._next_ending_ms = min(self._next_ending_ms, buckets[0].last_ms)
            else:
                del self._endings[window_s]
