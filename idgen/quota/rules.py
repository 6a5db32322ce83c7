"""The rules, what is asked of them, and what a call is charged to.  Pure.

A *check* is one call as its fields tell it; a *charge* is that call and the rules that apply to
it, in each of which it has a counter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

FIELDS = ("app", "user", "interface", "ip")
"""What a call may be counted by, in the order in which a Check has them."""

MAX_RULES = 16
MAX_LIMIT = 1_000_000_000
MAX_WINDOW_S = 31 * 86_400


class Check(NamedTuple):
    """One call.  Fields that aren't known are None; cost 0 looks and spends nothing.

    No field has a NUL in it.
    """

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
    values: Callable[[Check], Any] = field(init=False, repr=False, compare=False)
    """The value that a check has in the field, or the tuple of them in several."""
    _counter: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assert self.fields
        object.__setattr__(self, "values", itemgetter(*map(FIELDS.index, self.fields)))
        name = f"{self.name}:{','.join(self.fields)}".replace("%", "%%")
        object.__setattr__(self, "_counter", name + "\0%s" * len(self.fields))

    def counter(self, check: Check) -> str:
        """The name of the counter that a check with all of the fields is counted in.

        Where the rule gets another name or other fields, counting starts anew.
        """
        name: str = self._counter % self.values(check)
        return name

    @property
    def window_ms(self) -> int:
        """The length of a window."""
        return self.window_s * 1000


class Charge(NamedTuple):
    """A call and the rules that apply to it."""

    check: Check
    rules: tuple[Rule, ...]


class Rules:
    """All rules of a process, at one time."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        assert len(rules) <= MAX_RULES
        self.all = rules
        self.has_shadows = not all(rule.enforce for rule in rules)
        self._applying: dict[tuple[bool, ...], tuple[Rule, ...]] = {}
        """By which of the FIELDS a check has.  Where equal rules apply they are the very same."""

    def charge(self, check: Check) -> Charge:
        """What the call is charged to; a rule whose fields it doesn't have is left out."""
        return Charge(check, self.all if None not in check else self._applying_to(check))

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
            applying = tuple(rule for rule in self.all if known.issuperset(rule.fields))
            same = [self.all, *self._applying.values()]
            self._applying[present] = next((rules for rules in same if rules == applying), applying)
        return self._applying[present]
