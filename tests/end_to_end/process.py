"""A flake.py of the test's own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.fleet import TOP, answer, free_port

FLAKE = [sys.executable, str(TOP / "flake.py")]


class Process:
    """One flake.py, and what it logs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self._log = folder / f"flake-{self.port}.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*FLAKE, f"--port={self.port}", *arguments], stderr=log, stdout=log
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def readiness(self) -> str:
        """What /readyz says; "" where nobody answers."""
        return answer(self.port, "/readyz")[1]

    def metric(self, name: str) -> float:
        (value,) = re.findall(rf"^{name} (\S+)", answer(self.port, "/metrics")[1], re.MULTILINE)
        return float(value)

    def serves(self) -> bool:
        return answer(self.port)[0] == 200

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Process]:
    """It is asked to stop at the end if it still runs."""
    process = Process(folder, *arguments)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.stop()
