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
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
HISTORIES = 3000
SUITE = (
    "tests/grants",
    "tests/test_generator.py",
    "tests/test_service.py",
    "tests/test_batches.py",
)
"""The tests of what the bugs are planted in, which no planted bug may pass."""


@dataclass(frozen=True)
class Mutant:
    """In `file` the text `old`, which stands there once, becomes `new`."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = [
    Mutant(
        "worker_id kept outside the grant",
        "idgen/generator.py",
        "self._layout.pack(unix_ms, grant.worker_id, sequence=0)",
        "self._layout.pack(unix_ms, globals().setdefault('KEPT', grant.worker_id), sequence=0)",
    ),
    Mutant(
        "worker_id of the grant before, within a millisecond",
        "idgen/generator.py",
        "if unix_ms != self._packed_unix_ms or grant is not self._packed_grant:",
        "if unix_ms != self._packed_unix_ms:",
    ),
    Mutant(
        "the millisecond of the ID before",
        "idgen/generator.py",
        "if unix_ms != self._packed_unix_ms or grant is not self._packed_grant:",
        "if grant is not self._packed_grant:",
    ),
    Mutant(
        "a late answer counted for a new grant",
        "idgen/grants/keeper.py",
        "if self._service.grant is asked:",
        "if True:",
    ),
    Mutant(
        "the ceiling counted before it is stored",
        "idgen/grants/keeper.py",
        "extended = await self._store.extend(asked, unix_ms)",
        "self._service.begin_grant(asked := type(asked)(asked.worker_id, asked.floor_unix_ms,"
        " max(asked.ceiling_unix_ms, unix_ms + self._store.grant_ms)));"
        " extended = await self._store.extend(asked, unix_ms)",
    ),
    Mutant(
        "the ceiling counted before it is durable",
        "idgen/grants/file.py",
        "            await self._files.sync(self._fd)\n            if not",
        "            if not",
    ),
    Mutant(
        "no max in an extension",
        "idgen/grants/file.py",
        "max(grant.ceiling_unix_ms, unix_ms + self.grant_ms)",
        "max(grant.floor_unix_ms, unix_ms + self.grant_ms)",
    ),
    Mutant(
        "a release without the floor",
        "idgen/grants/file.py",
        "max(grant.floor_unix_ms, last_unix_ms or 0)",
        "last_unix_ms or 0",
    ),
    Mutant(
        "the released value stored before the grant has ended",
        "idgen/grants/keeper.py",
        '        self._service.end_grant("stopping")\n',
        "",
    ),
    Mutant(
        "the clock read twice",
        "idgen/service.py",
        "        flake_id = self._generator.next_id(self.wall_clock_ms())\n",
        "        flake_id = self._generator.next_id(self.wall_clock_ms())\n"
        "        flake_id = self.layout.pack(self.wall_clock_ms(), flake_id >> 12 & 1023,"
        " flake_id & 4095)\n",
    ),
    Mutant(
        "a batch checked only once",
        "idgen/generator.py",
        "if grant is not None and grant.floor_unix_ms < unix_ms <= grant.ceiling_unix_ms:",
        "if grant is not None and grant.floor_unix_ms < unix_ms and ("
        "unix_ms <= grant.ceiling_unix_ms or limit < 4096):",
    ),
    Mutant(
        "the floor not checked",
        "idgen/generator.py",
        "if grant is not None and grant.floor_unix_ms < unix_ms <= grant.ceiling_unix_ms:",
        "if grant is not None and unix_ms <= grant.ceiling_unix_ms:",
    ),
    Mutant(
        "the floor included",
        "idgen/generator.py",
        "grant.floor_unix_ms < unix_ms <=",
        "grant.floor_unix_ms <= unix_ms <=",
    ),
    Mutant(
        "no inode check after a write",
        "idgen/grants/file.py",
        "            if not await self._files.is_named(self._fd, self.path):\n"
        "                raise GrantLost",
        "            if False:\n                raise GrantLost",
    ),
    Mutant(
        "read before the lock",
        "idgen/grants/file.py",
        "        if self._fd is None:\n            self._fd = await self._open_and_lock()\n"
        "        contents = parse(await self._read(self._fd))\n",
        "        early = await self._files.open(self.path)\n"
        "        contents = parse(await self._read(early))\n"
        "        self._files.close(early)\n"
        "        if self._fd is None:\n            self._fd = await self._open_and_lock()\n",
    ),
    Mutant(
        "new-file floor = now",
        "idgen/grants/file.py",
        "            return now_unix_ms + self.grant_ms",
        "            return now_unix_ms",
    ),
    Mutant(
        "a corrupt slot ignored",
        "idgen/grants/file.py",
        "        if None in contents.slots:",
        "        if False:",
    ),
    Mutant(
        "a forked child issues",
        "idgen/grants/keeper.py",
        '        self._service.end_grant("a forked child issues no IDs")\n',
        "",
    ),
    Mutant(
        "a forked child unlocks",
        "idgen/grants/files.py",
        '        """As Files has it."""\n        os.close(fd)\n',
        "        fcntl.flock(fd, fcntl.LOCK_UN)\n        os.close(fd)\n",
    ),
    Mutant(
        "always slot 0",
        "idgen/grants/file.py",
        "        self._place = 1 - self._place",
        "        self._place = 0",
    ),
    Mutant(
        "an empty file counts as corrupt",
        "idgen/grants/file.py",
        "            if not contents.blank:",
        "            if True:",
    ),
    Mutant(
        "a jump refused for ever",
        "idgen/grants/jump.py",
        "return jump_ms if boot_ms - self._jumped_at_boot_ms < MAX_JUMP_MS else 0",
        "return jump_ms",
    ),
    Mutant(
        "a jump believed at once",
        "idgen/grants/jump.py",
        "if jump_ms <= MAX_JUMP_MS:",
        "if True:",
    ),
    Mutant(
        "the sequence reset before the clock check",
        "idgen/generator.py",
        "elif last_unix_ms is None or unix_ms > last_unix_ms:",
        "elif True:",
    ),
    Mutant(
        "a failed sync tried again",
        "idgen/grants/file.py",
        "        if error.errno == errno.EIO:",
        "        if False:",
    ),
]


def caught_by(mutant: Mutant) -> str | None:
    """Plant it in a copy; the simulator's history or the test that fails, None if none does."""
    with tempfile.TemporaryDirectory(prefix="flake-mutant-") as folder:
        copy = Path(folder)
        for name in ("idgen", "tests", "flake.py", "pyproject.toml"):
            source = TOP / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        text = (copy / mutant.file).read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has changed"
        (copy / mutant.file).write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        simulator = [sys.executable, "-m", "tests.faults.simulator", "1", str(HISTORIES)]
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
