"""The decision on a call: all or nothing.  Pure; `quota.lua` decides the same inside Redis.

Every rule is checked before any counter is charged.  A denied call charges nothing, and leaves
each window as it was: asking again never makes the wait longer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from idgen.quota.rules import Charge, Rule


class Level(NamedTuple):
    """How full a counter is: used, 0.., and how long its window still lasts, 0 if none is open."""

    used: int
    reset_ms: int


EMPTY = Level(0, 0)


class Verdict(NamedTuple):
    """Whether a call may be made, and the level of each counter after that."""

    allowed: bool
    charge: Charge
    levels: Sequence[Level]
    """One for each rule of the charge; none where the store couldn't be asked."""
    trouble: str = ""
    """Why the store couldn't be asked, in one line; empty if it was."""

    @property
    def denying(self) -> list[tuple[Rule, Level]]:
        """The rules that deny the call, if it is denied for want of quota."""
        if self.allowed:
            return []
        cost, both = self.charge.check.cost, zip(self.charge.rules, self.levels, strict=False)
        return [(rule, level) for rule, level in both if not _fits(rule, level, cost)]

    @property
    def retry_after_ms(self) -> int | None:
        """The longest wait of the denying rules; None where waiting won't help, or needn't be."""
        denying = self.denying
        if not denying or any(self.charge.check.cost > rule.limit for rule, _ in denying):
            return None
        return max(level.reset_ms for _, level in denying)

    @property
    def over_shadows(self) -> list[Rule]:
        """The rules that would have denied an allowed call, were they enforced."""
        if not self.allowed or not self.charge.check.cost:
            return []
        both = zip(self.charge.rules, self.levels, strict=False)
        return [rule for rule, level in both if not rule.enforce and level.used > rule.limit]


def decide(charge: Charge, before: Sequence[Level]) -> tuple[bool, Sequence[Level]]:
    """Whether a call may be made, and the levels after it; the very same ones if nothing changes.

    before: the level of each counter now.
    """
    cost = charge.check.cost
    if not cost:
        return True, before
    for rule, (used, _) in zip(charge.rules, before, strict=True):
        if used + cost > rule.limit and rule.enforce:
            return False, before
    return True, [
        Level(used + cost, reset_ms or rule.window_ms)
        for rule, (used, reset_ms) in zip(charge.rules, before, strict=True)
    ]


def without_store(charge: Charge, trouble: str) -> Verdict:
    """The verdict while the store can't be asked: what the rules say of that."""
    passes = all(rule.open_on_failure or not rule.enforce for rule in charge.rules)
    return Verdict(passes or not charge.check.cost, charge, (), trouble)


def as_if_asked(peeked: Verdict, cost: int) -> Verdict:
    """What a call of this cost would be answered now, after a look that spent nothing."""
    charge = peeked.charge._replace(check=peeked.charge.check._replace(cost=cost))
    if peeked.trouble:
        return without_store(charge, peeked.trouble)
    allowed, levels = decide(charge, peeked.levels)
    return Verdict(allowed, charge, levels)


def _fits(rule: Rule, level: Level, cost: int) -> bool:
    return not cost or not rule.enforce or level.used + cost <= rule.limit
