"""Planted bugs, and which check catches each.

    python -m tests.faults.mutants [NAME …]

Each mutant is one change of the shipped code in a copy of the checkout, in which first the
simulator and then the tests of that code run until something fails.  Exit status 1 where one
survives.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import bugs_of_files, bugs_of_redis
from tests.faults.mutant import Mutant

TOP = Path(__file__).parent.parent.parent
HISTORIES = {"file": 3000, "redis": 6000}
"""How many of each kind may pass before the tests are asked."""
SUITE = (
    "tests/grants",
    "tests/test_generator.py",
    "tests/test_service.py",
    "tests/test_batches.py",
)
"""The tests of what the bugs are planted in, which no planted bug may pass."""


MUTANTS = [*bugs_of_files.BUGS, *bugs_of_redis.BUGS]


def caught_by(mutant: Mutant) -> str | None:
    """Plant it in a copy; the simulator's history or the test that fails, None if none does."""
    with tempfile.TemporaryDirectory(prefix="flake-mutant-") as folder:
        copy = Path(folder)
        for name in ("idgen", "tests", "flake.py", "pyproject.toml"):
            source = TOP / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        for change in (mutant, *mutant.also):
            text = (copy / change.file).read_text(encoding="utf-8")
            assert text.count(change.old) == 1, f"{change.name}: {change.file} has changed"
            text = text.replace(change.old, change.new)
            (copy / change.file).write_text(text, encoding="utf-8")
        histories = [mutant.kind, "1", str(HISTORIES[mutant.kind])]
        simulator = [sys.executable, "-m", "tests.faults.simulator", *histories]
        failure = re.search(
            r"^([\w.]+)(?:: .*)?\nreplay: .* (\d+)$", _output(simulator, copy), re.MULTILINE
        )
        if failure:
            return f"simulator, seed {failure[2]}: {failure[1].split('.')[-1]}"
        suite = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", *SUITE]
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", _output(suite, copy), re.MULTILINE)
        return failed[0] if failed else None


def _output(command: list[str], folder: Path) -> str:
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    return "" if run.returncode == 0 else run.stdout + run.stderr


def main() -> None:
    """All of them, or those whose names hold one of the words given."""
    words = sys.argv[1:]
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    survivors = 0
    print("| planted bug | caught by |\n| --- | --- |")
    for mutant in chosen:
        begun_s = time.monotonic()
        caught = caught_by(mutant)
        survivors += caught is None
        print(f"| {mutant.name} | {caught or '**nothing**'} |", flush=True)
        print(f"{mutant.name}: {time.monotonic() - begun_s:.0f} s", file=sys.stderr)
    sys.exit(survivors > 0)


if __name__ == "__main__":
    main()
