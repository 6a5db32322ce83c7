"""The rules, what is asked of them, and what a call is charged to.  Pure.

A *check* is one call as its fields tell it; a *charge* is that call and the counters that it is
counted in, one a rule.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

FIELDS = ("app", "user", "interface", "ip")
"""What a call may be counted by, in the order in which a Check has them."""

MAX_RULES = 16
MAX_LIMIT = 1_000_000_000
MAX_WINDOW_S = 31 * 86_400

CounterId = tuple[str, object]
"""Whose calls a counter counts: the rule's identity, and the value or values of its fields."""


class Check(NamedTuple):
    """One call.  Fields that aren't known are None; cost 0 looks and spends nothing."""

    app: str | None = None
    user: str | None = None
    interface: str | None = None
    ip: str | None = None
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` in a window of `window_s` seconds, which begins at its first call.

    name: 1 to 64 of letters, digits, `.`, `_` and `-`; fields: some of FIELDS, in their order;
    limit: 1..MAX_LIMIT; window_s: 1..MAX_WINDOW_S; enforce: False counts and never denies;
    open_on_failure: whether calls pass while the store can't be asked.
    """

    name: str
    fields: tuple[str, ...]
    limit: int
    window_s: int
    enforce: bool = True
    open_on_failure: bool = True
    identity: str = field(init=False, repr=False, compare=False)
    """Name and fields: where one of them changes, counting starts anew."""
    values: Callable[[Check], object] = field(init=False, repr=False, compare=False)
    """The value or values that a check has in the fields."""

    def __post_init__(self) -> None:
        assert self.fields
        object.__setattr__(self, "identity", f"{self.name}:{','.join(self.fields)}")
        places = [FIELDS.index(name) for name in self.fields]
        object.__setattr__(self, "values", itemgetter(*places))

    @property
    def window_ms(self) -> int:
        """The length of a window."""
        return self.window_s * 1000


class Charge(NamedTuple):
    """A call and the counters that it is counted in, one for each of the rules."""

    check: Check
    rules: tuple[Rule, ...]
    counters: list[CounterId]


class Rules:
    """All rules of a process, at one time."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        assert len(rules) <= MAX_RULES
        self.all = rules
        self.has_shadows = not all(rule.enforce for rule in rules)
        self._applying: dict[tuple[bool, ...], tuple[Rule, ...]] = {}
        """By which of the FIELDS a check has: equal checks have the very same rules."""

    def charge(self, check: Check) -> Charge:
        """What the call is charged to; a rule whose fields it doesn't have is left out."""
        rules = self.all if None not in check else self._applying_to(check)
        return Charge(check, rules, [(rule.identity, rule.values(check)) for rule in rules])

    def first_missing(self, check: Check) -> tuple[str, Rule] | None:
        """A field that a rule needs and the check doesn't have; None where nothing is missing."""
        for rule in self.all:
            for name in rule.fields:
                if check[FIELDS.index(name)] is None:
                    return name, rule
        return None

    def _applying_to(self, check: Check) -> tuple[Rule, ...]:
        present = tuple(value is not None for value in check[: len(FIELDS)])
        if present not in self._applying:
            known = {name for name, there in zip(FIELDS, present, strict=True) if there}
            self._applying[present] = tuple(
                rule for rule in self.all if known.issuperset(rule.fields)
            )
        return self._applying[present]
