"""Days of a time zone: in which one a moment lies, and what people write for one.  Pure."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY_S = 86_400
"""No zone has ever changed its offset twice within so much: the closest two are four days apart."""

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Days:
    """The days of one zone.

    The moments around the last one that was asked for are remembered: all of its day, or up to
    where the zone's offset changes on that day.  (A day may be left and come back: in St. John's
    clocks went back from 00:01 to 23:01.)
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._day = ""
        self._first_ms, self._last_ms = 1, 0

    def day_of(self, unix_ms: int) -> str:
        """YYYY-MM-DD.  Of years 1 to 9999; the very same string again and again."""
        if not self._first_ms <= unix_ms <= self._last_ms:
            self._remember(unix_ms // 1000)
        return self._day

    def _remember(self, unix_s: int) -> None:
        there = datetime.fromtimestamp(unix_s, self._zone)
        midnight_s = unix_s - (there.hour * 3600 + there.minute * 60 + there.second)
        first_s = self._reach(unix_s, midnight_s)
        last_s = self._reach(unix_s, midnight_s + DAY_S - 1)
        self._day = there.date().isoformat()
        self._first_ms, self._last_ms = first_s * 1000, last_s * 1000 + 999

    def _reach(self, unix_s: int, end_s: int) -> int:
        """The end, or the last second on the way there that has the offset of unix_s."""
        offset = self._offset(unix_s)
        if self._offset(end_s) == offset:
            return end_s
        same_s, other_s = unix_s, end_s
        while abs(other_s - same_s) > 1:
            middle_s = (same_s + other_s) // 2
            if self._offset(middle_s) == offset:
                same_s = middle_s
            else:
                other_s = middle_s
        return same_s

    def _offset(self, unix_s: int) -> timedelta | None:
        return datetime.fromtimestamp(unix_s, self._zone).utcoffset()


def parse_day(text: str) -> str | None:
    """The text, if it is a date that there is as YYYY-MM-DD; None if it is anything else."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return None
    return text if _DAY.fullmatch(text) else None  # fromisoformat also takes 2026W471


def day_before(day: str) -> str:
    """YYYY-MM-DD of the day before this one, which is written so as well."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
