import io
import sys

import pytest

from idgen.command.decode import MAX_LINE_BYTES
from idgen.command.main import run
from idgen.layout import MAX_ID, Layout
from idgen.web.answers import decoded
from tests.command.shell import GOLDEN, shell

LINE = f"{GOLDEN} 2026-11-21T00:00:00.123Z worker_id=1023 sequence=4095\n"
NO_ID = (
    "is no ID; an ID is a whole number from 0 to 9223372036854775807, "
    "in decimal or in hex with 0x\n"
)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Bytes to be read from standard input."""
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    return data


def test_elsewhere_than_on_a_terminal_an_id_is_one_line() -> None:
    done = shell("decode", str(GOLDEN))
    assert (done.status, done.out, done.err) == (0, LINE, "")


@pytest.mark.parametrize("text", [str(GOLDEN), hex(GOLDEN), hex(GOLDEN).upper()])
def test_decimal_and_hex_are_the_same_id(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", text]) == 0
    assert capsys.readouterr().out == LINE


@pytest.mark.parametrize("flake_id", [0, 1, GOLDEN, MAX_ID])
@pytest.mark.parametrize("epoch_ms", [Layout().epoch_ms, 0, 1700000000000])
def test_json_is_the_service_s_answer(
    flake_id: int, epoch_ms: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["decode", "--json", f"--epoch_ms={epoch_ms}", str(flake_id)]) == 0
    line = capsys.readouterr().out
    assert line.encode() == decoded(flake_id, Layout(epoch_ms)).body + b"\n"


def test_standard_input_is_read_where_no_id_or_a_dash_is_given(
    stdin: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, places in (([], [""]), (["1", "-", "2"], ["1 ", "", "2 "])):
        stdin.seek(0)
        stdin.write(b"\n  %d\r\n\n \n%d" % (GOLDEN, GOLDEN))
        stdin.seek(0)
        assert run(["decode", *arguments]) == 0
        lines = capsys.readouterr().out.splitlines(keepends=True)
        expected = [LINE, LINE]
        if arguments:
            assert lines.pop(0).startswith(places[0])
            assert lines.pop().startswith(places[2])
        assert lines == expected


@pytest.mark.parametrize(
    "text",
    ["abc", "-5", "+5", "1_000", "٣", "0x", "0xg", "0x1_0", "1.0", "", "00000000000000000001"],
)
def test_a_wrong_id_is_named_and_the_others_are_decoded(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["decode", text, str(GOLDEN)]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == (LINE, f"flake-client: {text!r} {NO_ID}")


@pytest.mark.parametrize("text", ["9223372036854775808", "0x8000000000000000"])
def test_an_id_with_its_top_bit_set_is_too_large(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["decode", text]) == 1
    assert capsys.readouterr().err == (
        f"flake-client: '{text}' {NO_ID.replace('is no ID', 'is too large')}"
    )


def test_a_wrong_line_is_named_by_its_number(
    stdin: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    long = b"1" * MAX_LINE_BYTES * 3
    stdin.write(b"\n%d\n\xff\x1b\n%s\nx\n%d\n" % (GOLDEN, long, GOLDEN))
    stdin.seek(0)
    assert run(["decode"]) == 1
    out, err = capsys.readouterr()
    assert out == LINE * 2
    assert err.splitlines(keepends=True) == [
        rf"flake-client: line 3: '\\xff\x1b' {NO_ID}",
        f"flake-client: line 4: '{'1' * 64}…' {NO_ID}",
        f"flake-client: line 5: 'x' {NO_ID}",
    ]
