"""A process with a wall clock of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.process import Process

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


class ClockedProcess(Process):
    """Its clock is what Debian's libfaketime makes of the machine's."""

    def __init__(self, folder: Path, *options: str) -> None:
        assert FAKETIME, "libfaketime is missing: apt-get install libfaketime"
        self._clock = folder / "clock"
        self.set_clock(0)
        super().__init__(folder, *options)

    def set_clock(self, offset_s: float) -> None:
        """Have the wall clock differ by so much from the machine's."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{offset_s:+.3f}")
        new.rename(self._clock)

    def start(self) -> None:
        environment = os.environ | {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with self._log.open("a") as log:
            self.process = subprocess.Popen(self._command, stderr=log, stdout=log, env=environment)


@contextmanager
def clocked_process(folder: Path, *options: str) -> Iterator[ClockedProcess]:
    """One that is stopped at the end."""
    process = ClockedProcess(folder, *options)
    try:
        yield process
    finally:
        process.stop()
