"""The short form of `make chaos`: real processes, real faults."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.fleet import TOP
from tests.faults.chaos import FAULTS


def test_no_fault_on_real_processes_gives_an_id_twice(tmp_path: Path) -> None:
    as_root = [] if os.geteuid() == 0 else ["unshare", "-rm"]
    report = tmp_path / "report.md"
    ended = subprocess.run(
        [*as_root, sys.executable, "-m", "tests.faults.chaos", "0.4", report],
        cwd=TOP,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    rows = [line.strip("| ").split(" | ") for line in report.read_text().splitlines()]
    faults = {row[0]: row for row in rows if row[0] in {fault.name for fault in FAULTS}}
    assert len(faults) == len(FAULTS)
    for row in faults.values():
        times, ids, duplicates = (int(cell.replace(",", "")) for cell in row[1:4])
        assert times >= 1
        assert ids > 0
        assert duplicates == 0
    assert re.search(r"^0 duplicates$", report.read_text(), re.MULTILINE)
