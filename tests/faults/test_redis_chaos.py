"""The short form of faults on real Redises and the processes that get their grants from them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.fleet import TOP
from tests.faults.chaos import check
from tests.faults.redis_chaos import LOSSES, deck_of

SHORT = 0.2


def figure(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.mark.timeout(180)
def test_no_loss_of_redis_gives_an_id_twice(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.redis_chaos", str(SHORT), report],
        cwd=TOP,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    text = report.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    faults = {row[0]: row for row in rows[2:]}
    assert set(faults) == {fault.name for fault in deck_of(SHORT)}
    for row in faults.values():
        times, ids, duplicates = map(figure, row[1:4])
        assert (times, duplicates) == (1, 0)
        assert ids > 1000
    found = re.search(r"^([0-9,]+) IDs\n0 duplicates$", text, re.MULTILINE)
    assert found
    assert figure(found[1]) == sum(figure(row[2]) for row in faults.values())


def test_the_short_form_loses_data_and_connections() -> None:
    names = {fault.inject.__name__ for fault in deck_of(SHORT)}
    data = {"redis_killed", "redis_killed_and_emptied", "redis_flushed_again_and_again"}
    assert names == data | {"redis_black_holed"}


def test_the_long_form_loses_redis_two_hundred_times() -> None:
    assert sum(fault in LOSSES for fault in deck_of(10)) >= 200


def test_a_duplicate_would_be_seen_whichever_files_it_is_in(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "other"]
    files[0].write_bytes((7).to_bytes(8, "big") + (8).to_bytes(8, "big"))
    files[1].write_bytes((9).to_bytes(8, "big") + (7).to_bytes(8, "big"))
    assert [check([file])[0] for file in files] == [0, 0]
    assert check(files)[0] == 1
