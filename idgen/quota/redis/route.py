"""What is said to `quota.lua`, and what its answer means.  Pure."""

from collections.abc import Sequence

from idgen.quota.decision import Level, Verdict
from idgen.quota.redis.keys import key_of
from idgen.quota.rules import Charge, Rule

Word = bytes | str | int


class Route:
    """What all flights of checks with the same rules have in common."""

    def __init__(self, namespace: str, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self._keys = [key_of(namespace, rule) for rule in rules]
        self._of_rules: list[Word] = [len(rules)]
        for rule in rules:
            self._of_rules += (rule.limit, rule.window_ms, int(rule.enforce))

    def words(self, charges: Sequence[Charge]) -> list[Word]:
        """Number of keys, keys and arguments."""
        checks = [charge.check for charge in charges]
        words: list[Word] = [len(checks) * len(self._keys)]
        words += [key(check) for check in checks for key in self._keys]
        words += self._of_rules
        words += [check.cost for check in checks]
        return words

    def verdicts(self, charges: Sequence[Charge], answer: Sequence[int]) -> list[Verdict]:
        """What was decided on each.  Raises ValueError if that can't be the answer."""
        width = 1 + 2 * len(self.rules)
        if len(answer) != width * len(charges):
            raise ValueError(f"{len(answer)} numbers for {len(charges)} checks")
        verdicts = []
        for start, charge in zip(range(0, len(answer), width), charges, strict=True):
            places = range(start + 1, start + width, 2)
            levels = [Level(answer[place], answer[place + 1]) for place in places]
            verdicts.append(Verdict(answer[start] == 1, charge, levels))
        return verdicts
