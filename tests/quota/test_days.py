from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from idgen.quota.days import DAY_S, Days, day_before, parse_day


def unix_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def there(moment_ms: int, zone: str) -> str:
    """The day as the standard library tells it, with nothing remembered."""
    return datetime.fromtimestamp(moment_ms // 1000, ZoneInfo(zone)).date().isoformat()


def test_a_day_goes_from_midnight_to_the_last_millisecond_before_the_next() -> None:
    days = Days(ZoneInfo("Europe/Berlin"))
    assert days.day_of(unix_ms("2026-11-21T23:59:59.999+01:00")) == "2026-11-21"
    assert days.day_of(unix_ms("2026-11-22T00:00:00.000+01:00")) == "2026-11-22"
    assert days.day_of(unix_ms("2026-11-21T23:59:59.999+01:00")) == "2026-11-21"


def test_before_1970_there_were_days_too() -> None:
    assert Days(ZoneInfo("UTC")).day_of(-1) == "1969-12-31"


def test_the_zone_is_asked_for_its_offset_once_a_day_only(monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(ZoneInfo("Europe/Berlin"))
    first_ms = unix_ms("2026-11-22T00:00:00.000+01:00")
    day = days.day_of(first_ms + 1000)
    monkeypatch.delattr(days, "_zone")
    assert days.day_of(first_ms) is day
    assert days.day_of(first_ms + DAY_S * 1000 - 1) is day


@pytest.mark.parametrize(
    ("zone", "noon"),
    [
        ("Europe/Berlin", "2026-03-29T12:00+02:00"),  # 23 hours
        ("Europe/Berlin", "2026-10-25T12:00+01:00"),  # 25 hours
        ("America/Sao_Paulo", "2018-11-04T12:00-02:00"),  # begins at 01:00
        ("America/Havana", "2026-11-01T12:00-05:00"),  # the hour after midnight comes twice
        ("America/St_Johns", "2009-11-01T12:00-03:30"),  # begins, ends at 00:01, begins again
        ("Pacific/Apia", "2011-12-29T12:00-10:00"),  # the next day is two days later
        ("America/Juneau", "1867-10-18T12:00+00:00"),  # a day comes twice; offsets have seconds
        ("Asia/Kathmandu", "1985-12-31T12:00+05:30"),
    ],
)
@pytest.mark.parametrize("step_s", [-577, 577, 7919])
def test_days_are_those_of_the_zone_whatever_its_clocks_do(
    zone: str, noon: str, step_s: int
) -> None:
    days, around_s = Days(ZoneInfo(zone)), 2 * DAY_S
    for offset_s in range(0, around_s, abs(step_s)):
        moment_ms = unix_ms(noon) + (offset_s - around_s // 2) * 1000 * (1 if step_s > 0 else -1)
        assert days.day_of(moment_ms) == there(moment_ms, zone)


def test_each_second_around_a_change_of_the_clocks_is_in_its_day() -> None:
    zone = "America/St_Johns"
    days, change_ms = Days(ZoneInfo(zone)), unix_ms("2009-11-01T00:01:00-02:30")
    seen: list[str] = []
    for second in range(-120, 3700):
        moment_ms = change_ms + second * 1000
        assert days.day_of(moment_ms) == there(moment_ms, zone)
        assert days.day_of(moment_ms + 999) == there(moment_ms, zone)
        if not seen or seen[-1] != days.day_of(moment_ms):
            seen.append(days.day_of(moment_ms))
    assert seen == ["2009-10-31", "2009-11-01", "2009-10-31", "2009-11-01"]


@pytest.mark.parametrize("text", ["2026-11-21", "2024-02-29", "0001-01-01", "9999-12-31"])
def test_a_date_is_a_day(text: str) -> None:
    assert parse_day(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-29",
        "2026-13-01",
        "0000-01-01",
        "2026-1-1",
        "20261121",
        "2026-W47-1",
        "2026W471",
        "2026-11-21\n",
        " 2026-11-21",
        "2026-11-21T00:00",
        "٢٠٢٦-١١-٢١",
        "today",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_day(text) is None


def test_the_day_before_is_a_day_earlier() -> None:
    assert day_before("2026-03-01") == "2026-02-28"
    assert day_before("2026-01-01") == "2025-12-31"
    assert day_before("2024-03-01") == "2024-02-29"
