"""Moments in words: Unix milliseconds from what people write, and back; time zones.  Pure."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_UNIX_MS = re.compile("[0-9]{1,19}")
"""Not what int() takes, which is also `1_000`, ` 5 ` and `٣`."""

# RFC 3339 with a zone and at most milliseconds.  A space before the zone is a `+` that a
# client forgot to write as %2B.  No second 60: Unix time has no leap seconds.
_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(\.[0-9]{1,3})?"
    r"(?:([Zz])|([+ -])([0-9]{2}:[0-9]{2}))"
)

ALLOWED = (
    "Unix milliseconds in digits, or RFC 3339 with a zone and at most milliseconds, "
    "such as 2026-01-01T00:00:00.000Z"
)


def unix_ms_of(text: str) -> int | None:
    """Unix milliseconds of digits that are just that, or of RFC 3339; None of anything else."""
    return int(text) if _UNIX_MS.fullmatch(text) else _rfc_3339_unix_ms(text)


def utc(unix_ms: int) -> datetime:
    """The same moment as a datetime in UTC.  Of years up to 9999."""
    return datetime.fromtimestamp(unix_ms // 1000, UTC).replace(microsecond=unix_ms % 1000 * 1000)


def rfc_3339(unix_ms: int) -> str:
    """The same moment in words, with milliseconds and a Z.  Of years up to 9999."""
    return utc(unix_ms).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def time_zone(text: str) -> ZoneInfo:
    """The time zone of that name.  Raises ValueError with what is allowed."""
    try:
        return ZoneInfo(text)
    except (LookupError, ValueError, OSError):  # the last of a folder's name, such as Europe
        raise ValueError("a time zone such as UTC or Europe/Berlin") from None


def distance(unix_ms: int, now_unix_ms: int) -> str:
    """`in 8.2s` or `4m12s ago`."""
    if unix_ms < now_unix_ms:
        return duration(now_unix_ms - unix_ms) + " ago"
    return "in " + duration(unix_ms - now_unix_ms)


def duration(ms: int) -> str:
    """The two largest units, not rounded: `8.2s`, `4m12s`, `3h07m`, `12d03h`."""
    seconds, minutes, hours = ms // 1000, ms // 60_000, ms // 3_600_000
    if not minutes:
        return f"{seconds}.{ms // 100 % 10}s"
    if not hours:
        return f"{minutes}m{seconds % 60:02d}s"
    return f"{hours}h{minutes % 60:02d}m" if hours < 24 else f"{hours // 24}d{hours % 24:02d}h"


def _rfc_3339_unix_ms(text: str) -> int | None:
    parts = _RFC_3339.fullmatch(text)
    if parts is None:
        return None
    date, time, fraction, is_utc, sign, offset = parts.groups()
    zone = "+00:00" if is_utc else sign.replace(" ", "+") + offset
    try:
        whole_seconds = datetime.fromisoformat(f"{date}T{time}{zone}")
    except ValueError:  # such as a 30th of February
        return None
    return int(whole_seconds.timestamp()) * 1000 + int((fraction or ".")[1:].ljust(3, "0"))
