"""The checker: reads IDs, any number of them, and says whether one came twice.

    flake-client audit [--format=text|binary] [--epoch_ms=MS] [FILE …]

Text is an ID a line, binary 8 bytes an ID, big-endian, as the service gives them; without
--format the first bytes of a file decide.  Without a file, standard input.  Exit status 1 where
there are duplicates, 2 where a file can't be read.  Needs numpy: pip install '.[audit]'.

The memory is bounded: IDs are scattered to files by a multiplicative hash, so that equal ones
meet in one file; each of them is sorted on its own, and neighbours are compared.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

try:
    import numpy as np
except ModuleNotFoundError:
    print("audit: numpy is missing; pip install '.[audit]' installs it", file=sys.stderr)
    sys.exit(2)

from idgen.decoding import decode
from idgen.layout import MAX_WORKER_ID, TIMESTAMP_SHIFT, WORKER_ID_SHIFT
from idgen.moments import rfc_3339
from idgen.progress import Progress

CHUNK_BYTES = 64 * 1024 * 1024
PART_BITS = 5
PARTS = 1 << PART_BITS
HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: Knuth, TAOCP volume 3, section 6.4."""
MODULI = range(2, 65)
SAMPLE_IDS = 1 << 18
"""So many IDs of each chunk are enough for the balance."""
MAX_SHOWN = 20
"""So many duplicates are shown in full."""

Ids = np.ndarray[Any, np.dtype[np.uint64]]
Workers = np.ndarray[Any, np.dtype[np.uint16]]
"""Of 16 bits, since numpy sorts those by radix, ten times as fast."""


@dataclass
class Report:
    """What was found.  regressions: timestamps below the one before in the same worker's stream;
    balance: by modulus, how often each remainder came in a sample."""

    count: int = 0
    duplicates: int = 0
    shown: list[int] = field(default_factory=list)
    per_worker: Ids = field(default_factory=lambda: np.zeros(MAX_WORKER_ID + 1, np.uint64))
    regressions: int = 0
    balance: dict[int, Ids] = field(
        default_factory=lambda: {m: np.zeros(m, np.uint64) for m in MODULI}
    )


class Audit:
    """Takes chunks of IDs, then tells.  Scratch files go to `folder`, 8 bytes an ID."""

    def __init__(self, folder: Path) -> None:
        self._parts = [folder / f"{part}.ids" for part in range(PARTS)]
        self._last_timestamps = np.zeros(MAX_WORKER_ID + 1, np.uint64)
        self._random = np.random.default_rng(0)
        self.report = Report()

    def take(self, ids: Ids) -> None:
        """Note some IDs, in the order in which they came."""
        report = self.report
        report.count += len(ids)
        workers = ((ids >> np.uint64(WORKER_ID_SHIFT)) & np.uint64(MAX_WORKER_ID)).astype(np.uint16)
        report.per_worker += np.bincount(workers, minlength=MAX_WORKER_ID + 1).astype(np.uint64)
        self._note_regressions(ids, workers)
        sample = ids
        if len(ids) > SAMPLE_IDS:  # by chance, since a stride would have a modulus of its own
            sample = ids[self._random.integers(0, len(ids), SAMPLE_IDS)]
        for modulus, counts in report.balance.items():
            counts += np.bincount(sample % np.uint64(modulus), minlength=modulus).astype(np.uint64)
        self._scatter(ids)

    def _note_regressions(self, ids: Ids, workers: Workers) -> None:
        order = np.argsort(workers, kind="stable")
        workers, timestamps = workers[order], (ids >> np.uint64(TIMESTAMP_SHIFT))[order]
        if not len(workers):
            return
        firsts = np.flatnonzero(np.diff(workers, prepend=workers[:1] + np.uint16(1)))
        before = np.empty_like(timestamps)
        before[1:] = timestamps[:-1]
        before[firsts] = self._last_timestamps[workers[firsts]]
        self.report.regressions += int(np.count_nonzero(timestamps < before))
        lasts = np.append(firsts[1:], len(workers)) - 1
        self._last_timestamps[workers[lasts]] = timestamps[lasts]

    def _scatter(self, ids: Ids) -> None:
        parts = ((ids * HASH_FACTOR) >> np.uint64(64 - PART_BITS)).astype(np.uint8)
        order = np.argsort(parts, kind="stable")
        ends = np.cumsum(np.bincount(parts, minlength=PARTS))
        for path, mine in zip(self._parts, np.split(ids[order], ends[:-1]), strict=True):
            with path.open("ab") as file:
                mine.tofile(file)

    def finish(self) -> Iterator[Report]:
        """Compare part after part; the report grows, and is whole after the last."""
        for path in self._parts:
            if path.exists():
                ids = np.fromfile(path, np.uint64)
                path.unlink()
                ids.sort()
                twice = ids[1:][ids[1:] == ids[:-1]]
                self.report.duplicates += len(twice)
                room = MAX_SHOWN - len(self.report.shown)
                self.report.shown += [int(flake_id) for flake_id in twice[:room]]
            yield self.report


def chunks(file: IO[bytes], kind: str | None) -> Iterator[Ids]:
    """The IDs of a file, some millions at a time.  Raises ValueError for what isn't one."""
    rest = b""
    while data := file.read(CHUNK_BYTES):
        kind = kind or _kind(data[:4096])
        data = rest + data
        cut = data.rfind(b"\n") + 1 if kind == "text" else len(data) // 8 * 8
        yield _parsed(data[:cut], kind)
        rest = data[cut:]
    if rest and kind != "text":
        raise ValueError(f"{len(rest)} bytes are left over; an ID has 8")
    yield _parsed(rest, "text")


def _kind(head: bytes) -> str:
    """Raises ValueError for text that is no IDs: taken for binary it would be some, and wrong."""
    if not head.strip(b"0123456789\r\n"):
        return "text"
    if head.isascii() and all(each.isspace() or each.isprintable() for each in head.decode()):
        raise ValueError("neither IDs in decimal, one a line, nor in binary; see --format")
    return "binary"


def _parsed(data: bytes, kind: str) -> Ids:
    if kind == "binary":
        ids = np.frombuffer(data, ">u8").astype(np.uint64)
    elif stranger := data.translate(None, b"0123456789\r\n"):
        raise ValueError(f"{stranger[:1]!r} is no digit")
    else:
        lines = data.split()
        if any(len(line) > 19 for line in lines):
            raise ValueError("a line has more than 19 digits")
        ids = np.array(lines, dtype="S19").astype(np.uint64) if lines else np.empty(0, np.uint64)
    if len(ids) and int(ids.max()) >> 63:
        raise ValueError("an ID has its top bit set; is it big-endian?")
    return ids


def told(report: Report, epoch_ms: int) -> str:
    """The report in words."""
    lines = [f"{report.count:,} IDs", f"{report.duplicates:,} duplicates"]
    for flake_id in report.shown:
        parts = decode(flake_id, epoch_ms)
        lines.append(
            f"  {flake_id}: {rfc_3339(parts.unix_ms)}, unix_ms {parts.unix_ms}, "
            f"worker_id {parts.worker_id}, sequence {parts.sequence}"
        )
    if report.duplicates > len(report.shown):
        lines.append(f"  … and {report.duplicates - len(report.shown):,} more")
    for worker_id in np.flatnonzero(report.per_worker):
        lines.append(f"{report.per_worker[worker_id]:,} of worker_id {worker_id}")
    lines.append(f"{report.regressions:,} timestamps before the one before, within a worker")
    if report.count:
        skews = {m: float(counts.max() / counts.mean()) for m, counts in report.balance.items()}
        worst = max(skews, key=lambda modulus: skews[modulus])
        lines.append(
            f"modulo 2 to 64: the fullest remainder holds at most {skews[worst]:.2f} times "
            f"its share (modulo {worst})"
        )
    return "\n".join(lines)


def _share(file: IO[bytes]) -> str:
    """How much of a file has been read; nothing for a pipe."""
    size = os.fstat(file.fileno()).st_size
    return f", {file.tell() * 100 // size} %" if size and file.seekable() else ""


def audit(paths: list[str], kind: str | None, progress: Progress) -> Report:
    """Read all files, or standard input where none is named; `-` is that too.

    Raises OSError, ValueError.
    """
    with tempfile.TemporaryDirectory(prefix="flake-audit-") as folder, ExitStack() as open_files:
        checker = Audit(Path(folder))
        for number, path in enumerate(paths or ["-"], 1):
            named = path != "-"
            file = open_files.enter_context(Path(path).open("rb")) if named else sys.stdin.buffer
            place = f", file {number} of {len(paths)}" if len(paths) > 1 else ""
            try:
                for ids in chunks(file, kind):
                    checker.take(ids)
                    progress.tell(f"read {checker.report.count:,} IDs{place}{_share(file)}")
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
        for compared, report in enumerate(checker.finish(), 1):
            progress.tell(f"compared {compared} of {PARTS} parts, {report.duplicates:,} duplicates")
        return checker.report


if __name__ == "__main__":  # as it was called once: silence would mean that all is well
    sys.exit("audit: it is `python -m idgen audit` now")
