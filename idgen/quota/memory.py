"""The counters of one process, in its memory: bounded, expiring, exact, and gone when it ends."""

from array import array
from collections import Counter, deque
from collections.abc import Callable
from math import inf
from typing import TypeAlias

from idgen.quota.decision import EMPTY, Level, Verdict, decide, without_store
from idgen.quota.rules import MAX_RULES, Charge, CounterId, Rule

MAX_COUNTERS = 500_000
"""Half a kilobyte each."""

MAX_DROPPED = 2 * MAX_RULES
"""Ended windows that one call drops at most: twice as many as it can open, so all go in time."""

_Window: TypeAlias = "array[int]"
"""What was used, and when it ends by the store's clock.

A list would do, but the garbage collector would go through half a million of them at a time.
"""

_new = tuple.__new__
"""What a NamedTuple's own constructor calls; half of its time goes into getting there."""


class MemoryStore:
    """A QuotaStore that answers at once.  clock_ms: milliseconds of a clock that nobody can set."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._windows: dict[CounterId, _Window] = {}
        self._endings: dict[int, deque[tuple[int, CounterId]]] = {}
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
        check, rules, counters = charge
        cost = check.cost
        windows = self._windows
        levels: list[Level] = []
        place = 0
        for rule in rules:
            window = windows.get(counters[place])
            if window is None:
                break
            used = window[0] + cost
            left_ms = window[1] - now_ms
            if used > rule.limit or not 0 < left_ms <= rule.window_s * 1000 or not cost:
                break
            window[0] = used
            levels.append(_new(Level, (used, left_ms)))
            place += 1  # zip and enumerate are slower
        else:
            return _new(Verdict, (True, charge, levels, ""))
        for counter in counters[:place]:
            windows[counter][0] -= cost
        return self._take_any(charge, now_ms)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _take_any(self, charge: Charge, now_ms: int) -> Verdict:
        rules, counters = charge.rules, charge.counters
        before = [self._level(*both, now_ms) for both in zip(rules, counters, strict=True)]
        allowed, after = decide(charge, before)
        if after is before:
            return Verdict(allowed, charge, before)
        if EMPTY in before and len(self) + before.count(EMPTY) > MAX_COUNTERS:
            self.failures["full"] += 1
            return without_store(charge, f"no room for more than {MAX_COUNTERS} counters in memory")
        for rule, counter, was, level in zip(rules, counters, before, after, strict=True):
            if was is EMPTY:
                self._windows[counter] = array("q", (level.used, now_ms + level.reset_ms))
                self._note_ending(rule, counter, now_ms + level.reset_ms)
            else:
                self._windows[counter][0] = level.used
        return Verdict(allowed, charge, after)

    def _level(self, rule: Rule, counter: CounterId, now_ms: int) -> Level:
        """The level before the call.  A window from when the rule had longer ones is cut."""
        window = self._windows.get(counter)
        if window is None or window[1] <= now_ms:
            return EMPTY
        if window[1] > now_ms + rule.window_ms:
            window[1] = now_ms + rule.window_ms
            self._note_ending(rule, counter, window[1])
        return Level(window[0], window[1] - now_ms)

    def _note_ending(self, rule: Rule, counter: CounterId, ending_ms: int) -> None:
        self._endings.setdefault(rule.window_s, deque()).append((ending_ms, counter))
        self._next_ending_ms = min(self._next_ending_ms, ending_ms)

    def _drop_ended(self, now_ms: int) -> None:
        """Drop those that ended first, but a few: no call waits for a hundred thousand of them."""
        left = MAX_DROPPED
        self._next_ending_ms = inf
        for window_s, endings in list(self._endings.items()):
            while left and endings and endings[0][0] <= now_ms:
                _, counter = endings.popleft()
                window = self._windows.get(counter)
                if window and window[1] <= now_ms:  # else it was opened anew, or has gone
                    del self._windows[counter]
                left -= 1
            if endings:
                self._next_ending_ms = min(self._next_ending_ms, endings[0][0])
            else:
                del self._endings[window_s]
