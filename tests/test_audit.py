import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from idgen.layout import Layout

NOW = 1795219200123
LAYOUT = Layout()


def an_id(ms: int = 0, worker_id: int = 0, sequence: int = 0) -> int:
    return LAYOUT.pack(NOW + ms, worker_id, sequence)


def run(*arguments: str | Path, stdin: bytes = b"") -> tuple[int, list[str], str]:
    ended = subprocess.run(
        [sys.executable, "-m", "idgen", "audit", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout.decode().splitlines(), ended.stderr.decode()


def text(ids: list[int]) -> bytes:
    return "\n".join(map(str, ids)).encode()


def binary(ids: list[int]) -> bytes:
    return struct.pack(f">{len(ids)}Q", *ids)


DISTINCT = [an_id(ms, worker_id) for ms in range(500) for worker_id in (0, 5, 1023)]


@pytest.mark.parametrize("form", [text, binary])
def test_distinct_ids_pass_and_are_counted_by_worker(form: object, tmp_path: Path) -> None:
    assert callable(form)
    (tmp_path / "ids").write_bytes(form(DISTINCT))
    status, lines, stderr = run(tmp_path / "ids")
    assert (status, stderr) == (0, "")
    assert lines[:2] == ["1,500 IDs", "0 duplicates"]
    assert lines[2:5] == [f"500 of worker_id {worker_id}" for worker_id in (0, 5, 1023)]
    assert lines[5] == "0 timestamps before the one before, within a worker"
    assert lines[6].startswith("modulo 2 to 64: ")


@pytest.mark.parametrize("form", [text, binary])
def test_a_duplicate_is_shown_with_its_parts(form: object, tmp_path: Path) -> None:
    assert callable(form)
    (tmp_path / "first").write_bytes(form(DISTINCT))
    (tmp_path / "second").write_bytes(form([an_id(7, 5), an_id(900, 5, 3)]))
    status, lines, _ = run(tmp_path / "first", tmp_path / "second")
    assert status == 1
    assert lines[:3] == [
        "1,502 IDs",
        "1 duplicates",
        f"  {an_id(7, 5)}: 2026-11-21T00:00:00.130Z, unix_ms 1795219200130, "
        "worker_id 5, sequence 0",
    ]


def test_each_repetition_counts_and_twenty_are_shown() -> None:
    status, lines, _ = run(stdin=text(DISTINCT + DISTINCT[:30] + DISTINCT[:30]))
    assert status == 1
    assert lines[1] == "60 duplicates"
    assert lines[22] == "  … and 40 more"


def test_timestamps_that_go_back_within_a_worker_are_counted() -> None:
    stream = [an_id(5), an_id(1, 9), an_id(4), an_id(6), an_id(2, 9), an_id(3)]
    _, lines, _ = run(stdin=binary(stream))
    assert "2 timestamps before the one before, within a worker" in lines


def test_an_imbalance_is_told() -> None:
    _, lines, _ = run(stdin=text([an_id(ms) for ms in range(1000)]))
    assert lines[-1].endswith("64.00 times its share (modulo 64)")


def test_a_large_even_stream_looks_even(tmp_path: Path) -> None:
    ids = np.arange(an_id(), an_id() + (1 << 20), dtype=">u8")
    (tmp_path / "ids").write_bytes(ids.tobytes())
    _, lines, _ = run(tmp_path / "ids")
    skew = float(lines[-1].rpartition(" times its share")[0].rpartition(" ")[2])
    assert skew < 1.1


def test_nothing_at_all_is_no_duplicate() -> None:
    status, lines, _ = run(stdin=b"")
    assert (status, lines[:2]) == (0, ["0 IDs", "0 duplicates"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"12\n-5\n", "flake-client: -: b'-' is no digit"),
        (b"1" * 20, "flake-client: -: a line has more than 19 digits"),
        (b"9999999999999999999", "flake-client: -: an ID has its top bit set; is it big-endian?"),
        (b"\x00" * 9, "flake-client: -: 1 bytes are left over; an ID has 8"),
    ],
)
def test_what_is_no_id_is_refused(data: bytes, message: str) -> None:
    kind = "binary" if b"\x00" in data else "text"
    status, _, stderr = run(f"--format={kind}", stdin=data)
    assert (status, stderr) == (2, message + "\n")


@pytest.mark.parametrize(
    "data", [b"1f3367641effffff\n", b'"2248254318702493695",12\n' * 40, b"hello\n"]
)
def test_text_of_another_kind_is_not_taken_for_binary(data: bytes) -> None:
    status, _, stderr = run(stdin=data)
    assert status == 2
    assert stderr == (
        "flake-client: -: neither IDs in decimal, one a line, nor in binary; see --format\n"
    )


def test_standard_input_can_be_named_and_a_pipe_is_a_file(tmp_path: Path) -> None:
    assert run("-", stdin=text(DISTINCT))[1][0] == "1,500 IDs"
    (tmp_path / "ids").write_bytes(text(DISTINCT))
    command = f"{sys.executable} -m idgen audit <(cat {tmp_path / 'ids'})"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("1,500 IDs\n")


def test_its_former_name_is_no_silent_success() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "idgen.audit"], input="1\n1\n", capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "python -m idgen audit" in ended.stderr


def test_a_file_that_isn_t_there_is_refused() -> None:
    status, _, stderr = run("/nowhere")
    assert status == 2
    assert "/nowhere" in stderr


def test_ids_that_straddle_chunks_are_whole(tmp_path: Path) -> None:
    script = (
        "import sys, idgen.audit as a; a.CHUNK_BYTES = 1000;"
        "from idgen.command.main import run; run(['audit', sys.argv[1]])"
    )
    for form in (text, binary):
        (tmp_path / "ids").write_bytes(form([*DISTINCT, DISTINCT[3]]))
        ended = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "ids"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )
        assert ended.stdout.splitlines()[:2] == ["1,501 IDs", "1 duplicates"]
