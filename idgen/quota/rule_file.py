"""Rules as an operator writes them, in TOML.  Pure: text in, rules out.

[[rule]]
name = "app-ip"
fields = ["app", "ip"]
limit = 10_000
window_s = 3600
enforce = true               # if left out
on_store_failure = "open"    # if left out
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from idgen.errors import FlakeError, shown
from idgen.quota.rule_lines import Place, line_of, line_too_much
from idgen.quota.rules import FIELDS, MAX_LIMIT, MAX_RULES, MAX_WINDOW_S, Rule, Rules

MAX_TOLD = 200
"""How much of what the TOML parser says a message repeats, in characters."""


class BadRules(FlakeError):
    """A file of rules that can't be used: `FILE:LINE: FAULT`.

    line: from 1; None where the fault is in no line.
    """

    reason = "bad_rules"

    def __init__(self, file: str, line: int | None, fault: str) -> None:
        super().__init__(f"{file}: {fault}" if line is None else f"{file}:{line}: {fault}")
        self.file = file
        self.line = line
        self.fault = fault


def read_rules(text: str, file: str) -> Rules:
    """The rules of a file.  Raises BadRules; file is its name, for that message alone."""
    try:
        return Rules(_rules(tomllib.loads(text)))
    except _Fault as fault:
        raise BadRules(file, line_of(fault.place, text), fault.told) from None
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(str(error), text, file) from None
    except (ValueError, RecursionError):  # a number of 4,301 digits, lists in lists in lists
        told = "is more than can be read: too many digits, or too deeply nested"
        raise BadRules(file, line_too_much(text), told) from None


def _no_toml(message: str, text: str, file: str) -> BadRules:
    """The parser's error, which ends in (at line X, column Y), or in (at end of document)."""
    what, _, where = message.rpartition(" (at ")
    told = f"is no TOML: {what if len(what) <= MAX_TOLD else what[:MAX_TOLD] + '…'}"
    if place := re.fullmatch(r"line (\d+), column (\d+)\)", where):
        return BadRules(file, int(place[1]), f"{told} (column {place[2]})")
    return BadRules(file, text.rstrip().count("\n") + 1, f"{told} (end of file)")


class _Fault(Exception):
    """What is wrong, and with what in the file."""

    def __init__(self, told: str, *place: str | int) -> None:
        super().__init__(told)
        self.told = told
        self.place: Place = place


@dataclass(frozen=True, slots=True)
class _Key:
    allowed: str
    """In words, for messages."""
    fits: Callable[[Any], bool]
    default: object = None
    """None: required."""


def _whole_number(high: int) -> _Key:
    # Not isinstance: true is no number here.
    return _Key(f"a whole number from 1 to {high}", lambda it: type(it) is int and 1 <= it <= high)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[A-Za-z0-9._-]{1,64}", value))


def _are_fields(value: object) -> bool:
    if not isinstance(value, list) or not value or any(name not in FIELDS for name in value):
        return False
    return len(set(value)) == len(value)


KEYS = {
    "name": _Key("1 to 64 of letters, digits, '.', '_' and '-'", _is_name),
    "fields": _Key("a list of one or more of " + ", ".join(FIELDS) + ", each once", _are_fields),
    "limit": _whole_number(MAX_LIMIT),
    "window_s": _whole_number(MAX_WINDOW_S),
    "enforce": _Key("true or false", lambda it: isinstance(it, bool), True),
    "on_store_failure": _Key('"open" or "closed"', lambda it: it in ("open", "closed"), "open"),
}
"""What a rule may have."""


def _rules(table: dict[str, Any]) -> tuple[Rule, ...]:
    for key in table:
        if key != "rule":
            raise _Fault(f"unknown key {shown(key)}; a file of rules has only [[rule]]", key)
    tables = table.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise _Fault("rule is no list of tables; each rule begins with [[rule]]", "rule")
    if not tables:
        raise _Fault("has no [[rule]]", "rule")
    if len(tables) > MAX_RULES:
        raise _Fault(f"has {len(tables)} rules; {MAX_RULES} is the most", "rule", MAX_RULES)
    rules: list[Rule] = []
    for number, one in enumerate(tables):
        rule = _rule(one, number)
        if any(rule.name == other.name for other in rules):
            told = f"name: {shown(rule.name)} is another rule's; each has a name of its own"
            raise _Fault(told, "rule", number, "name")
        rules.append(rule)
    return tuple(rules)


def _rule(table: dict[str, Any], number: int) -> Rule:
    for key in table:
        if key not in KEYS:
            told = f"unknown key {shown(key)}; a rule has {', '.join(KEYS)}"
            raise _Fault(told, "rule", number, key)
    found = {name: _value(name, key, table, number) for name, key in KEYS.items()}
    return Rule(
        name=found["name"],
        fields=tuple(field for field in FIELDS if field in found["fields"]),
        limit=found["limit"],
        window_s=found["window_s"],
        enforce=found["enforce"],
        open_on_failure=found["on_store_failure"] == "open",
    )


def _value(name: str, key: _Key, table: dict[str, Any], number: int) -> Any:
    value = table.get(name, key.default)
    if value is None:
        raise _Fault(f"{name} is missing; it is {key.allowed}", "rule", number, name)
    if not key.fits(value):
        raise _Fault(f"{name}: {_shown(value)} is not {key.allowed}", "rule", number, name)
    return value


def _shown(value: object) -> str:
    try:
        return shown(value)
    except RecursionError:  # limit.a.a.a.a.a = 1, and so on, reads as tables in tables in tables
        return "a table in a table in a table…"
