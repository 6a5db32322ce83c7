"""One flake.py of the test's own, and what it logs."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.fleet import TOP, answer, free_port

FLAKE = [sys.executable, str(TOP / "flake.py")]


class Process:
    """Started at once with these options, on a port that stays its own when it starts anew."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._command = [*FLAKE, f"--port={self.port}", *options]
        self._log = folder / f"flake-{self.port}.log"
        self.start()

    def start(self) -> None:
        """Returns at once."""
        with self._log.open("a") as log:
            self.process = subprocess.Popen(self._command, stderr=log, stdout=log)

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

    def kill(self) -> None:
        """Without a chance to say good-bye."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Process]:
    """A process that is stopped at the end if it still runs."""
    process = Process(folder, *options)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.stop()
