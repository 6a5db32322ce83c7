import pytest

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


def test_a_moment_is_read_or_refused_with_its_name_and_forms() -> None:
    assert moment("from", "2026-11-21T00:00:00.123Z") == 1795219200123
    with pytest.raises(BadRequest, match=r"^from must be Unix milliseconds in digits, or RFC 3339"):
        moment("from", "2026-11-21")
