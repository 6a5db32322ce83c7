"""The options: what each may be, its default, and what it is for.  One table of checks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from idgen.addresses import peers_of
from idgen.layout import DEFAULT_EPOCH_MS, MAX_EPOCH_MS, MAX_WORKER_ID
from idgen.moments import time_zone
from idgen.redis.address import RedisAddress

LOG_LEVELS = ("debug", "info", "warning", "error", "none")
LOG_FORMATS = ("text", "json")

Networks = tuple[IPv4Network | IPv6Network, ...]


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if re.fullmatch("[0-9]{1,19}", text) and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"a whole number from {low} to {high}")

    return check


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text.lower() in choices:
            return text.lower()
        raise ValueError("one of " + ", ".join(choices))

    return check


def _not_empty(text: str) -> str:
    if text:
        return text
    raise ValueError("an IP address or a host name of this machine")


def _worker_id(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return _whole_number(0, MAX_WORKER_ID)(text)
    except ValueError as allowed:
        raise ValueError(f"{allowed}, or auto") from None


def _worker_ids(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        number = _whole_number(0, MAX_WORKER_ID)
        worker_ids = range(number(first), number(last) + 1)
    except ValueError:
        worker_ids = range(0)
    if worker_ids:
        return worker_ids
    raise ValueError(f"FROM-TO, two numbers from 0 to {MAX_WORKER_ID}, the smaller first")


def _store(text: str) -> str | RedisAddress:
    if text == "memory:" or (text.startswith("file:") and "\0" not in text):
        return text
    if text.startswith(("redis:", "rediss:")):
        return RedisAddress.parse(text)
    raise ValueError("file:DIR, file:, memory: or redis://HOST:PORT/DB")


def _quota_store(text: str) -> str | RedisAddress:
    if text == "memory:":
        return text
    if text.startswith(("redis:", "rediss:")):
        return RedisAddress.parse(text)
    raise ValueError("memory: or redis://HOST:PORT/DB")


def _file(text: str) -> Path | None:
    if "\0" not in text:
        return Path(text) if text else None
    raise ValueError("the path of a file")


def _networks(text: str) -> Networks:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"addresses or networks with commas between them: {error}") from None


@dataclass(frozen=True, slots=True)
class Option:
    """One option; its name is the key in the table."""

    check: Callable[[str], Any]
    """Gives the value of the text, or raises ValueError with what is allowed."""
    default: str | None
    """None: required."""
    metavar: str
    help: str
    on_command_line: bool = True
    """False for a secret: everybody on the machine can read command lines."""


OPTIONS: dict[str, Option] = {
    "worker_id": Option(
        _worker_id,
        None,
        "N",
        f"0 to {MAX_WORKER_ID}, another one for each process of the fleet, or auto with grants "
        "from Redis",
    ),
    "worker_ids": Option(
        _worker_ids, f"0-{MAX_WORKER_ID}", "FROM-TO", "the worker_ids that auto may take"
    ),
    "port": Option(_whole_number(1, 65_535), "8888", "N", "port to listen on"),
    "address": Option(_not_empty, "127.0.0.1", "ADDRESS", "address to listen on, IPv4 or IPv6"),
    "epoch_ms": Option(
        _whole_number(0, MAX_EPOCH_MS),
        str(DEFAULT_EPOCH_MS),
        "MS",
        "Unix milliseconds from which timestamps count; never change it in a living fleet",
    ),
    "grants": Option(
        _store,
        "file:",
        "STORE",
        "where timestamp grants come from: file:DIR, file: in the state directory, "
        "redis://HOST:PORT/DB[?namespace=NAME] (rediss: with TLS), or memory:, which survives no "
        "restart",
    ),
    "peers": Option(
        peers_of,
        "",
        "ADDRESSES",
        "the processes that /ui shows: HOST:PORT or HOST:FIRST-LAST, with commas between them; "
        "with grants from Redis the holders are found there",
    ),
    "quota_rules": Option(
        _file, "", "FILE", "TOML file with the rules of quotas; without it there are none"
    ),
    "quota_store": Option(
        _quota_store,
        "memory:",
        "STORE",
        "where calls are counted: memory: of this process, or redis://HOST:PORT/DB[?namespace=NAME]",
    ),
    "quota_timezone": Option(
        time_zone, "UTC", "ZONE", "where the days of the usage statistics begin"
    ),
    "trusted_proxies": Option(
        _networks,
        "",
        "ADDRESSES",
        "whose X-App-Id, X-User-Id and X-Forwarded-For are believed: addresses or networks",
    ),
    "redis_password": Option(str, "", "", "", on_command_line=False),
    "logging": Option(_one_of(LOG_LEVELS), "info", "LEVEL", ", ".join(LOG_LEVELS)),
    "log_format": Option(_one_of(LOG_FORMATS), "text", "FORMAT", ", ".join(LOG_FORMATS)),
}

WITH_SECRETS = ("grants", "quota_store")
"""Options whose value may be a URL with a password in it."""
