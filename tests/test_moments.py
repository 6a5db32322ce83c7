from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idgen.moments import distance, duration, rfc_3339, unix_ms_of, utc


@pytest.mark.parametrize(
    ("text", "unix_ms"),
    [
        ("1795219200123", 1795219200123),
        ("0", 0),
        ("2026-11-21T00:00:00.123Z", 1795219200123),
        ("2026-11-21t00:00:00.123z", 1795219200123),
        ("2026-11-21T00:00:00Z", 1795219200000),
        ("2026-11-21T00:00:00.1Z", 1795219200100),
        ("2026-11-21T00:00:00.12Z", 1795219200120),
        ("2026-11-21T01:00:00+01:00", 1795219200000),
        ("2026-11-21T01:00:00 01:00", 1795219200000),
        ("2026-11-20T23:30:00-00:30", 1795219200000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00+23:59", -62135683140000),
    ],
)
def test_a_moment_is_unix_ms_or_rfc_3339(text: str, unix_ms: int) -> None:
    assert unix_ms_of(text) == unix_ms


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21",
        "2026-11-21T00:00:00",
        "2026-11-21T00:00:00.1234Z",
        "2026-11-21T00:00:00.Z",
        "2026-11-21T00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T00:00:60Z",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-21T00:00:00+0100",
        "2026-11-21T00:00:00+24:00",
        "2026-11-21T00:00:00  01:00",
        "20261121T000000Z",
        "2026-W47-6T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-11-21T00:00:00Z",
        "2026-11-21 00:00:00Z",
        "-5",
        "now",
        "1795219200123.0",
        "17952192001230000000000",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert unix_ms_of(text) is None


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_moment_that_datetime_writes_is_read_back(naive: datetime, offset_min: int) -> None:
    zoned = naive.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    expected = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert unix_ms_of(zoned.isoformat(timespec="milliseconds")) == expected


@given(st.integers(0, 253_402_300_799_999))
def test_every_millisecond_is_written_as_it_is_read(unix_ms: int) -> None:
    assert unix_ms_of(rfc_3339(unix_ms)) == unix_ms
    assert (utc(unix_ms) - datetime(1970, 1, 1, tzinfo=UTC)) == timedelta(milliseconds=unix_ms)
    assert len(rfc_3339(unix_ms)) == len("2026-11-21T00:00:00.123Z")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0.0s"),
        (8_299, "8.2s"),
        (59_999, "59.9s"),
        (60_000, "1m00s"),
        (3_599_999, "59m59s"),
        (3_600_000, "1h00m"),
        (86_399_999, "23h59m"),
        (86_400_000, "1d00h"),
        (400 * 86_400_000, "400d00h"),
    ],
)
def test_a_duration_has_two_units_and_is_not_rounded(ms: int, text: str) -> None:
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(-252_000, "4m12s ago"), (-1, "0.0s ago"), (0, "in 0.0s"), (8_200, "in 8.2s")]
)
def test_a_distance_is_ahead_or_ago(ms: int, text: str) -> None:
    assert distance(1795219200123 + ms, 1795219200123) == text
