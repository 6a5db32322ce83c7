"""In which line of a file of rules something stands, which tomllib doesn't tell.  Pure.

The text is cut where statements end: at each line feed outside of strings, comments and
brackets.  In valid TOML that is exact.  What a statement names, tomllib says of it alone, so
quoted keys, spaces and whatever else the syntax has mean here what they mean there.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]
"""A top-level key; or "rule"; or "rule" and its number from 0; or these and a key of it."""

_TOKEN = re.compile(
    r'''
    """ (?: \\. | [^\\] )*? "{3,5}  # such a string may end in two quotes of its own
    | \'\'\' .*? '{3,5}
    | " (?: \\. | [^"\\\n] )* "
    | ' [^'\n]* '
    | \# [^\n]*
    | [][{}\n]
    ''',
    re.VERBOSE | re.DOTALL,
)
"""All that has a say in where a statement ends."""


def line_of(place: Place, text: str) -> int:
    """The line, from 1, in which the place begins, in a text that tomllib takes.

    What isn't there is told by what would have it: a missing key by the rule's [[rule]].
    """
    lines = _lines(text)
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def line_too_much(text: str) -> int:
    """The line, from 1, in which the first statement begins that tomllib doesn't take."""
    for line, statement in _statements(text):
        try:
            tomllib.loads(statement)
        except (ValueError, RecursionError):
            return line
    return 1


def _lines(text: str) -> dict[Place, int]:
    """The line of each place; rules within one list all have that list's."""
    lines: dict[Place, int] = {}
    table: Place = ()
    rules = 0
    for line, statement in _statements(text):
        named = tomllib.loads(statement)
        if not named:
            continue
        if statement.lstrip().startswith("["):
            top, *inner = _path(named)
            if top == "rule":
                rules += not inner
                table = (top, rules - 1, *inner)
            else:
                table = (top,)
            place = table
        else:
            place = (*table, next(iter(named)))
        for length in range(1, min(len(place), 3) + 1):
            lines.setdefault(place[:length], line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement, and the line in which it begins; an empty line and a comment are one too."""
    text += "\n"
    begin, line, depth = 0, 1, 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if token[0] == "\n" and not depth:
            statement = text[begin : token.end()]
            yield line, statement
            begin = token.end()
            line += statement.count("\n")
    if begin < len(text):  # only where a bracket or a string isn't closed
        yield line, text[begin:]


def _path(header: Any) -> list[str]:
    """The keys of `[a.b]`, which reads as {"a": {"b": {}}}, or of `[[a.b]]`."""
    path: list[str] = []
    while header:
        if isinstance(header, list):
            header = header[0]
        else:
            key, header = next(iter(header.items()))
            path.append(key)
    return path
