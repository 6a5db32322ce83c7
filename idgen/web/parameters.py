"""Reads parameters strictly: what isn't exactly right is a BadRequest that says what is."""

import re
from urllib.parse import parse_qsl

from idgen.errors import BadRequest, shown
from idgen.limits import MAX_BATCH_IDS
from idgen.moments import ALLOWED, unix_ms_of

_NUMBER = re.compile("[0-9]{1,19}")
"""Not what int() takes, which is also `1_000`, ` 5 ` and `٣`."""

_HAS_N = re.compile("(?:^|&)(?:n|%6[Ee])(?:[=&]|$)")


def parameter(query: str, name: str) -> str | None:
    """The parameter of a query string; None where it isn't there.

    Raises BadRequest where it is empty or there more than once.
    """
    values = [value for key, value in parse_qsl(query, keep_blank_values=True) if key == name]
    if not values:
        return None
    if len(values) > 1:
        raise BadRequest(f"{name} is given {len(values)} times; it may be given once")
    if not values[0]:
        raise BadRequest(f"{name} is empty")
    return values[0]


def batch_size(query: str) -> int | None:
    """How many IDs a query asks for, 1..MAX_BATCH_IDS; None where it asks for a single one."""
    if not _HAS_N.search(query):
        return None  # parsing it would cost more than all the rest of a request
    text = parameter(query, "n")
    return None if text is None else number("n", text, 1, MAX_BATCH_IDS)


def number(name: str, text: str, low: int, high: int) -> int:
    """A whole number from low to high, written in 1 to 19 ASCII digits."""
    if _NUMBER.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    raise BadRequest(f"{name} must be a whole number from {low} to {high}, not {shown(text)}")


def moment(name: str, text: str) -> int:
    """Unix milliseconds of a time: digits that are just that, or RFC 3339 with a zone."""
    unix_ms = unix_ms_of(text)
    if unix_ms is None:
        raise BadRequest(f"{name} must be {ALLOWED}, not {shown(text)}")
    return unix_ms
