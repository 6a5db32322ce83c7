import pytest

from idgen.command.main import run
from idgen.layout import Layout
from idgen.web.answers import bounds

FIRST = 1795219200123
LAST = Layout().last_unix_ms


def test_the_bounds_of_a_millisecond_are_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bounds", "2026-11-21T00:00:00.123Z", str(FIRST)]) == 0
    assert capsys.readouterr().out == f"{2248254318702493695 - (1 << 22) + 1} 2248254318702493695\n"


@pytest.mark.parametrize("epoch_ms", [Layout().epoch_ms, 0])
def test_json_is_the_service_s_answer(epoch_ms: int, capsys: pytest.CaptureFixture[str]) -> None:
    last = str(FIRST + 1000)
    assert run(["bounds", str(FIRST), last, "--json", f"--epoch_ms={epoch_ms}"]) == 0
    line = capsys.readouterr().out
    assert line.encode() == bounds(FIRST, FIRST + 1000, Layout(epoch_ms)).body + b"\n"


def test_the_whole_span_of_the_layout_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bounds", str(Layout().epoch_ms), str(LAST)]) == 0
    assert capsys.readouterr().out == "0 9223372036854775807\n"


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (
            FIRST,
            "x",
            "TO must be Unix milliseconds in digits, or RFC 3339 with a zone and at most ",
        ),
        ("2026-11-21", FIRST, "FROM must be Unix milliseconds in digits, or RFC 3339 with a zone"),
        ("-5", FIRST, "FROM must be Unix milliseconds"),
        (FIRST, FIRST - 1, "FROM '1795219200123' is after TO '1795219200122'\n"),
        (Layout().epoch_ms - 1, FIRST, "FROM '1259193599999' is outside the 41 bits; IDs exist fr"),
        (FIRST, LAST + 1, "TO '3458216855552' is outside the 41 bits; IDs exist from 125919360000"),
    ],
)
def test_a_wrong_span_is_one_line_and_exit_status_2(
    first: str | int, last: str | int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bounds", str(first), str(last)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"flake-client: {said}")
