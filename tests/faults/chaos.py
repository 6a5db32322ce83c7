"""Real faults on real processes, under load; every acknowledged ID goes to the checker.

    python -m tests.faults.chaos SCALE [REPORT.md]

Several processes, each with a worker_id, a file of grants and a wall clock of its own (Debian's
libfaketime), are killed, stopped, and have their clocks and files tampered with, while clients
take single IDs and batches.  SCALE 1 is the short form of the tests, 100 the long one.
"""

import asyncio
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Generic, TypeVar

from idgen.grants.slots import BLOCK_BYTES
from tests.end_to_end.fleet import TOP, free_port

LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
MEMORY = Path("/dev/shm")
VICTIMS = 4
CLIENTS_PER_VICTIM = 2
BATCH_IDS = 500
CLIENT_TIMEOUT_S = 1.0
RECOVERY_LIMIT_S = 30.0


@dataclass
class Tally:
    """What came of one kind of fault."""

    injected: int = 0
    ids: int = 0
    duplicates: int = 0
    client_errors: Counter[str] = field(default_factory=Counter)
    recovery_s: list[float] = field(default_factory=list)


@dataclass
class Book:
    """Where a client writes down what it was given, and what it wasn't."""

    tally: Tally
    acknowledged: IO[bytes]

    def took(self, ids: bytes) -> None:
        """8 bytes an ID."""
        self.acknowledged.write(ids)
        self.tally.ids += len(ids) // 8

    def failed(self, error: str) -> None:
        self.tally.client_errors[error] += 1


class Victim:
    """One process, started with these options: its port, its clock, its log."""

    def __init__(self, name: str, folder: Path, *options: str) -> None:
        assert LIBFAKETIME, "libfaketime is missing: apt-get install libfaketime"
        self.name = name
        self.port = free_port()
        self._options = options
        self._clock = folder / f"clock-{name}"
        self._log = (folder / f"worker-{name}.log").open("ab")
        self.set_clock(0)
        self.environment = os.environ | {
            "LD_PRELOAD": str(LIBFAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.process: subprocess.Popen[bytes]

    def set_clock(self, offset_s: float) -> None:
        """Have the wall clock differ by so much from the machine's."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{offset_s:+.3f}")
        new.rename(self._clock)

    def start(self) -> None:
        self.process = self.launch()

    def launch(self) -> subprocess.Popen[bytes]:
        """A process with these options, whether or not there is one."""
        return subprocess.Popen(
            [
                sys.executable,
                TOP / "flake.py",
                *self._options,
                f"--port={self.port}",
                "--logging=error",
            ],
            env=self.environment,
            stderr=self._log,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for name in ("faketime_shm", "sem.faketime_sem"):  # which it had no time to remove
            (MEMORY / f"{name}_{self.process.pid}").unlink(missing_ok=True)

    async def ended(self) -> int:
        """The exit status, once the process has ended by itself."""
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), RECOVERY_LIMIT_S)

    async def serves(self) -> None:
        """Return once it gives an ID."""
        deadline_s = time.monotonic() + RECOVERY_LIMIT_S
        while (answer := await self.ask("HEAD /"))[:12] != b"HTTP/1.1 200":
            assert time.monotonic() < deadline_s, f"worker {self.name}: {answer!r}\n{self.log()}"
            await asyncio.sleep(0.02)

    async def ask(self, what: str) -> bytes:
        """The whole answer to "METHOD PATH"; empty where there is none."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"{what} HTTP/1.0\r\n\r\n".encode())
            async with asyncio.timeout(CLIENT_TIMEOUT_S):
                answer = await reader.read()
            writer.close()
        except OSError:
            return b""
        return answer

    def log(self) -> str:
        """The end of what it has logged."""
        return Path(self._log.name).read_text()[-1000:]


class FileVictim(Victim):
    """One worker_id, with a file of grants."""

    def __init__(self, worker_id: int, folder: Path) -> None:
        self.state = folder / f"state-{worker_id}"
        self.file = self.state / f"worker-{worker_id}.grant"
        options = f"--worker_id={worker_id}", f"--grants=file:{self.state}"
        super().__init__(str(worker_id), folder, *options)


def _request(query: str) -> bytes:
    accept = "Accept: application/octet-stream"
    return f"GET /{query} HTTP/1.1\r\nHost: flake\r\n{accept}\r\n\r\n".encode()


async def client(victim: Victim, book: Book, batch_ids: int, pause_s: float) -> None:
    """Takes IDs and batches until it is cancelled, and writes down each one that it was given."""
    requests = _request(""), _request(f"?n={batch_ids}")
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", victim.port)
            while True:
                await asyncio.sleep(pause_s)
                writer.write(random.choice(requests))
                async with asyncio.timeout(CLIENT_TIMEOUT_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                    body = await reader.readexactly(length)
                if head[9:12] == b"200":
                    book.took(body)
                else:
                    book.failed(head[9:12].decode())
                    await asyncio.sleep(0.005)
        except TimeoutError:
            book.failed("no answer")
        except (OSError, EOFError):
            book.failed("no connection")
            await asyncio.sleep(0.02)
        finally:
            if writer:
                writer.close()


# The faults: each leaves the victim serving.


async def killed_and_clock_set_back(victim: FileVictim) -> None:
    await asyncio.sleep(random.uniform(0, 0.3))
    victim.kill()
    victim.set_clock(random.choice((0, -0.05, -0.2, -0.5, -1)))
    victim.start()


async def clock_stepped(victim: FileVictim) -> None:
    victim.set_clock(random.choice((-0.01, -0.1, -1, -10, -3600, 0.05, 0.3, 3600)))
    await asyncio.sleep(random.uniform(0.05, 0.7))
    victim.set_clock(0)


async def stopped_for_three_grants(victim: FileVictim) -> None:
    victim.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(3)
    finally:
        victim.process.send_signal(signal.SIGCONT)


async def started_twice(victim: FileVictim) -> None:
    second = victim.launch()
    status = await asyncio.to_thread(second.wait, RECOVERY_LIMIT_S)
    assert status == 1, f"a second process ended with {status}, not 1"
    assert victim.process.poll() is None


async def file_deleted(victim: FileVictim) -> None:
    victim.file.unlink()
    status = await victim.ended()
    assert status == 1, f"without its file the process ended with {status}, not 1"
    victim.start()


async def file_emptied(victim: FileVictim) -> None:
    os.truncate(victim.file, 0)
    victim.kill()
    victim.start()


async def file_cut_in_half(victim: FileVictim) -> None:
    os.truncate(victim.file, BLOCK_BYTES)
    victim.kill()
    victim.start()


async def slot_flipped(victim: FileVictim) -> None:
    victim.kill()
    data = bytearray(victim.file.read_bytes())
    data[random.choice((0, BLOCK_BYTES)) + 40] ^= 1
    victim.file.write_bytes(data)
    victim.start()


async def disk_full(victim: FileVictim) -> None:
    """A tmpfs of its own, filled to the last page; the process goes on and waits for room."""
    victim.kill()
    victim.file.unlink()
    await _command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(victim.state))
    try:
        filler = victim.state / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        victim.start()
        await asyncio.sleep(1.5)
        assert victim.process.poll() is None, "a full disk ended the process"
        filler.unlink()
        await victim.serves()
        victim.kill()
    finally:
        await _command("umount", "-l", str(victim.state))
    victim.start()


async def _command(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == 0, " ".join(words)


Struck = TypeVar("Struck")


@dataclass(frozen=True)
class Fault(Generic[Struck]):
    """What is done, how often at scale 1, and in what words."""

    inject: Callable[[Struck], Awaitable[None]]
    per_scale: float
    name: str


FAULTS = [
    Fault(killed_and_clock_set_back, 10, "kill -9, the clock set back by up to 1 s, restart"),
    Fault(
        clock_stepped, 5, "clock stepped by −10 ms to −1 h, or ahead by up to 1 h, and put right"
    ),
    Fault(stopped_for_three_grants, 0.2, "SIGSTOP for three grants, SIGCONT"),
    Fault(started_twice, 0.2, "the same worker_id started twice"),
    Fault(file_deleted, 0.2, "state file deleted"),
    Fault(file_emptied, 0.2, "state file emptied, kill -9"),
    Fault(file_cut_in_half, 0.2, "state file cut to one slot, kill -9"),
    Fault(slot_flipped, 0.2, "kill -9, a byte of one slot flipped"),
    Fault(disk_full, 0.1, "disk full at the start (64 KiB tmpfs), then room"),
]


async def plague(
    fault: Fault[FileVictim], times: int, victims: list[FileVictim], folder: Path
) -> Tally:
    """Inject one kind of fault so often, spread over the victims, under load."""
    tally = Tally()
    with (folder / f"{fault.inject.__name__}.ids").open("ab") as acknowledged:
        book = Book(tally, acknowledged)
        clients = [
            asyncio.create_task(client(victim, book, BATCH_IDS, pause_s=0))
            for victim in victims
            for _ in range(CLIENTS_PER_VICTIM)
        ]

        async def suffer(victim: FileVictim) -> None:
            while tally.injected < times:
                tally.injected += 1
                await fault.inject(victim)
                begun_s = time.monotonic()
                await victim.serves()
                tally.recovery_s.append(time.monotonic() - begun_s)
                tell(f"{fault.name}: {tally.injected} of {times}, {tally.ids:,} IDs")

        await asyncio.gather(*map(suffer, victims[:times]))
        await asyncio.sleep(0.3)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
    return tally


async def run(scale: float, folder: Path) -> dict[str, Tally]:
    """All faults, one kind after the other; by name what came of them."""
    victims = [FileVictim(worker_id, folder) for worker_id in range(VICTIMS)]
    for victim in victims:
        victim.start()
    try:
        await asyncio.gather(*(victim.serves() for victim in victims))
        tallies = {}
        for fault in FAULTS:
            times = max(1, round(fault.per_scale * scale))
            tallies[fault.name] = await plague(fault, times, victims, folder)
        return tallies
    finally:
        for victim in victims:
            victim.kill()


def check(paths: list[Path]) -> tuple[int, str]:
    """Duplicates in these files, and the checker's words."""
    checked = subprocess.run(
        [sys.executable, "-m", "idgen", "audit", "--format=binary", *paths],
        capture_output=True,
        text=True,
        cwd=TOP,
    )
    assert checked.returncode in (0, 1), checked.stderr
    count = int(checked.stdout.splitlines()[1].split()[0].replace(",", ""))
    return count, checked.stdout


def wreak(scale: float) -> tuple[dict[str, Tally], str]:
    """The whole of it: what came of each fault, and what the checker says of all IDs."""
    with tempfile.TemporaryDirectory(prefix="flake-chaos-") as name:
        folder = Path(name)
        tallies = asyncio.run(run(scale, folder))
        for fault in FAULTS:
            path = folder / f"{fault.inject.__name__}.ids"
            tallies[fault.name].duplicates = check([path])[0]
        return tallies, check(sorted(folder.glob("*.ids")))[1]


def table(tallies: Mapping[str, Tally]) -> str:
    """The report, in Markdown."""
    lines = [
        "| fault | times | IDs acknowledged | duplicates | errors seen by clients | "
        "recovery: median, longest |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, tally in tallies.items():
        errors = ", ".join(f"{kind}: {n:,}" for kind, n in sorted(tally.client_errors.items()))
        median_s, longest_s = statistics.median(tally.recovery_s), max(tally.recovery_s)
        lines.append(
            f"| {name} | {tally.injected:,} | {tally.ids:,} | {tally.duplicates} | "
            f"{errors or 'none'} | {median_s:.2f} s, {longest_s:.2f} s |"
        )
    return "\n".join(lines)


def tell(text: str) -> None:
    """Progress, in place of what was told before, where there is a terminal."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]}\x1b[K", end="", file=sys.stderr, flush=True)


def main() -> None:
    """The command line."""
    scale = float(sys.argv[1])
    begun_s = time.monotonic()
    tallies, audit = wreak(scale)
    report = f"{table(tallies)}\n\n```text\n{audit}```\n"
    print(f"\n{report}\n{time.monotonic() - begun_s:.0f} s")
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
