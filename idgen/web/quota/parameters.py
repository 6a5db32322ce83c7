"""Reads checks strictly: what isn't exactly right is a BadRequest that names it."""

import json
import re
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from idgen.errors import BadRequest, shown
from idgen.quota.rules import FIELDS, Check
from idgen.web.parameters import number

MAX_FIELD_LENGTH = 128
MAX_ADDRESS_LENGTH = 45
"""Of an IPv6 address with an IPv4 one in it."""
MAX_COST = 1000
MAX_CHECKS = 1000
"""In one body."""
IPV6_PREFIX = 64
"""An IPv6 client has a network of this length to itself, so that is what is counted."""

MAX_KNOWN_ADDRESSES = 4096

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_DENY_STATUS = {"429": HTTPStatus.TOO_MANY_REQUESTS, "403": HTTPStatus.FORBIDDEN}
_OF_A_CHECK = (*FIELDS, "cost")
_OF_A_QUESTION = frozenset((*_OF_A_CHECK, "deny_status"))


class Question(NamedTuple):
    """A check that was asked for in a query, and the status of a denial."""

    check: Check
    deny_status: HTTPStatus


def question(query: str) -> Question:
    """Of `app=&user=&interface=&ip=&cost=1&deny_status=429`.  Raises BadRequest."""
    values = parameters(query, _OF_A_QUESTION)
    deny_status = values.get("deny_status", "429")
    if deny_status not in _DENY_STATUS:
        raise BadRequest(f"deny_status must be 429 or 403, not {shown(deny_status)}")
    cost = number("cost", values["cost"], 0, MAX_COST) if "cost" in values else 1
    return Question(_check(values, cost, ""), _DENY_STATUS[deny_status])


def checks(body: bytes) -> list[Check]:
    """Of a JSON array of objects.  Raises BadRequest, which names the place in the array."""
    try:
        items = json.loads(body.decode(), object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no JSON: {error}") from None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_CHECKS:
        raise BadRequest(f"the body must be a JSON array of 1 to {MAX_CHECKS} checks")
    return [_check_of_item(f"[{place}].", item) for place, item in enumerate(items)]


def parameters(query: str, known: frozenset[str]) -> dict[str, str]:
    """The parameters of a query string, of which none but the known ones may be there.

    Raises BadRequest where one is unknown, empty, repeated, or no UTF-8 in percent-encoding.
    """
    parts = query.split("&")
    if query.isascii() and "%" not in query and "+" not in query:
        values = dict([part.split("=", 1) for part in parts if "=" in part])
        if len(values) == len(parts) and known.issuperset(values) and all(values.values()):
            return values  # as nearly all are; else each is looked at, for what to say
    return _looked_at(parts, known)


def _looked_at(parts: list[str], known: frozenset[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in filter(None, parts):
        name, value = map(_decoded, part.partition("=")[::2])
        if name not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise BadRequest(f"unknown parameter {shown(name)}; those there are: {allowed}")
        if name in values:
            raise BadRequest(f"{name} is given more than once; it may be given once")
        if not value:
            raise BadRequest(f"{name} is empty")
        values[name] = value
    return values


def field(name: str, value: object) -> str:
    """A name that calls are counted by: up to MAX_FIELD_LENGTH characters.  Raises BadRequest."""
    if isinstance(value, str) and 0 < len(value) <= MAX_FIELD_LENGTH:
        if value.isascii() and value.isprintable():
            return value
        if not _CONTROL.search(value) and _is_utf_8(value):
            return value
    raise BadRequest(
        f"{name} must be 1 to {MAX_FIELD_LENGTH} characters without control characters, "
        f"not {shown(value)}"
    )


@lru_cache(MAX_KNOWN_ADDRESSES)
def counted_address(text: str) -> str:
    """An IP address as it is counted: IPv6 by its network.  Raises ValueError."""
    if "%" in text:
        raise ValueError("a zone means nothing elsewhere")
    address = ip_address(text)
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))


def _decoded(text: str) -> str:
    try:
        if text.isascii():
            return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        pass
    raise BadRequest(f"{shown(text)} must be UTF-8 in percent-encoding")


def _once_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(members)
    if len(item) < len(members):
        raise ValueError(f"a member is given twice among {shown([name for name, _ in members])}")
    return item


def _check_of_item(place: str, item: Any) -> Check:
    if not isinstance(item, dict):
        raise BadRequest(f"{place[:-1]} must be an object, not {shown(item)}")
    for name in item:
        if name not in _OF_A_CHECK:
            known = ", ".join(_OF_A_CHECK)
            raise BadRequest(f"{place}{shown(name)} is unknown; members there are: {known}")
    cost = item.get("cost", 1)
    if type(cost) is not int or not 0 <= cost <= MAX_COST:
        raise BadRequest(
            f"{place}cost must be a whole number from 0 to {MAX_COST}, not {shown(cost)}"
        )
    return _check(item, cost, place)


def _check(values: dict[str, Any], cost: int, place: str) -> Check:
    app, user, interface, ip = map(values.get, FIELDS)
    if app is not None:
        field(place + "app", app)
    if user is not None:
        field(place + "user", user)
    if interface is not None:
        field(place + "interface", interface)
    return Check(app, user, interface, None if ip is None else _address(place, ip), cost)


def _address(place: str, value: object) -> str:
    try:
        if isinstance(value, str) and len(value) <= MAX_ADDRESS_LENGTH:
            return counted_address(value)
    except ValueError:
        pass
    raise BadRequest(f"{place}ip must be an IP address, not {shown(value)}")


def _is_utf_8(text: str) -> bool:
    """Whether it has no halves of a surrogate pair, which JSON can name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
