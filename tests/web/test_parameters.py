from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idgen.errors import BadRequest
from idgen.web.parameters import moment, number, parameter


@pytest.mark.parametrize(
    ("query", "value"),
    [("", None), ("n=5", "5"), ("m=1&n=5", "5"), ("n=%35", "5"), ("N=5", None), ("m=1&m=2", None)],
)
def test_a_parameter_is_found_by_its_name_and_others_are_ignored(
    query: str, value: str | None
) -> None:
    assert parameter(query, "n") == value


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("n=", "n is empty"),
        ("n", "n is empty"),
        ("n=1&n=1", "n is given 2 times; it may be given once"),
        ("n=&n=1", "n is given 2 times; it may be given once"),
        ("%6e=1&n=1", "n is given 2 times; it may be given once"),
    ],
)
def test_an_empty_or_repeated_parameter_is_refused(query: str, message: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parameter(query, "n")
    assert str(refusal.value) == message


BAD_NUMBERS = [
    "", "0", "65537", "-1", "+1", "1.0", "1e3", "0x10", "1_000", " 5", "5 ", "5\n", "٣", "５",
    "abc", "99999999999999999999", "1" * 5000, "\x00", "\ufffd",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_NUMBERS, ids=lambda text: repr(text)[:20])
def test_a_bad_number_is_refused_with_its_name_and_range(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^n must be a whole number from 1 to 65536, not ") as no:
        number("n", text, 1, 65536)
    assert len(str(no.value)) < 400


def test_good_numbers_pass() -> None:
    assert [number("n", text, 1, 65536) for text in ("1", "65536", "007")] == [1, 65536, 7]
    assert number("ID", "9223372036854775807", 0, 2**63 - 1) == 2**63 - 1


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
    assert moment("from", text) == unix_ms


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
def test_a_bad_moment_is_refused_with_its_name_and_forms(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^from must be Unix milliseconds in digits, or RFC 3339"):
        moment("from", text)


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_moment_that_datetime_writes_is_read_back(naive: datetime, offset_min: int) -> None:
    zoned = naive.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    expected = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert moment("from", zoned.isoformat(timespec="milliseconds")) == expected
