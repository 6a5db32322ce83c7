"""Histories of processes that share a worker_id, drawn from a seed, checked for duplicates.

The shipped service, generator, keeper and file store run on a machine in memory; nothing of
them is modelled.  One history replays alone:

    python -m tests.faults.simulator SEED

and a range of them, in as many processes as there are cores:

    python -m tests.faults.simulator FIRST LAST
"""

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from multiprocessing import Pool
from pathlib import Path
from random import Random
from typing import Any

from idgen.errors import FlakeError
from idgen.grants.file import FileStore
from idgen.grants.jump import MAX_JUMP_MS
from idgen.grants.keeper import Keeper
from idgen.grants.slots import FILE_BYTES, parse
from idgen.grants.store import GrantLost, StoreError
from idgen.layout import Layout, unpack
from idgen.service import IdService
from tests.faults.world import Machine, MachineFiles, turn

DIRECTORY = Path("/var/lib/flake")
FILE = DIRECTORY / "worker-0.grant"
EVENTS = 300
MAX_PROCESSES = 3

EXPECTED = {
    "killed", "killed inside the store", "paused", "resumed", "stopped", "power lost",
    "stepped back", "stepped ahead", "stepped far ahead", "strobed", "long wait",
    "deleted", "emptied", "truncated", "flipped", "disk full", "sync failed",
    "write lost", "write kept", "write torn", "name lost",
    "held by another", "corrupt", "grant lost", "new file", "one slot left", "two slots",
    "jump refused", "jump believed", "clock_regression", "sequence_overflow", "not_ready",
    "batch over milliseconds", "issued",
}  # fmt: skip
"""What must come about at least once in any run of some hundred histories."""


class Duplicate(AssertionError):
    """An ID came twice."""


class Stuck(AssertionError):
    """All was put right, and still there were no IDs."""


class Process:
    """One life of the service, with the shipped parts."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.files = MachineFiles(machine)
        self.service = IdService(Layout(), 0, machine.wall, FileStore.longest_wait_ms)
        self.store = FileStore(DIRECTORY, 0, Layout().epoch_ms, 4711, self.files, machine.wall)
        self.keeper = Keeper(
            self.store, self.service, machine.boot, self._sleep, machine.random.random
        )
        self.paused = False
        self.wakes_at_boot_ms = 0
        self.last_id = -1
        self._life: Coroutine[Any, Any, None] = self._live()

    async def _sleep(self, seconds: float) -> None:
        self.wakes_at_boot_ms = self.machine.boot_ms + int(seconds * 1000)
        await turn()

    async def _live(self) -> None:
        await self.keeper.run(0)

    @property
    def sleeps(self) -> bool:
        return self.machine.boot_ms < self.wakes_at_boot_ms

    def step(self) -> bool:
        """One step of its keeper; False where the process has ended."""
        try:
            self._life.send(None)
        except StopIteration:
            return False
        except StoreError as end:
            self.machine.fired["grant lost"] += isinstance(end, GrantLost)
            self.machine.fired["held by another"] += "is held by" in str(end)
            self.machine.fired["corrupt"] += "corrupt" in str(end)
            return False
        return True

    def stop(self) -> None:
        """SIGTERM: what is under way is cancelled, then the grant is released."""
        self._life.close()
        self.wakes_at_boot_ms = 0
        self._life = self.keeper.release()

    def end(self) -> None:
        """However it came, the kernel closes its files."""
        self._life.close()
        self.files.close_all()


class History:
    """What happens to one machine in EVENTS events."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        quantum_ms = self.random.choice((1, 50, 50, 125))
        self.machine = Machine(self.random, quantum_ms)
        self.processes: list[Process] = []
        self.issued: set[int] = set()
        self.highest_unix_ms = self.machine.wall_unix_ms
        # Data lost *and* the clock set back is the double fault that DESIGN excludes.
        if self.random.random() < 0.4:
            faults = [self._delete, self._empty, self._truncate, self._flip]
        else:
            faults = [self._step_back, self._step_back, self._strobe]
            faults += [self._step_far] if self.random.random() < 0.2 else []
        self._events: list[Callable[[], None]] = [
            *[self._run] * 40,
            *[self._issue] * 30,
            *[self._advance] * 12,
            *[self._start] * 4,
            self._kill,
            self._pause,
            self._stop,
            self._step_ahead,
            self._fail_disk,
            *([self._lose_power] if self.random.random() < 0.3 else []),
            *([self._wait_long] if self.random.random() < 0.2 else []),
            *faults,
        ]
        self._flips = 1

    def play(self) -> Counter[str]:
        """All events, then the check that it serves again; what came about on the way."""
        for _ in range(EVENTS):
            self.random.choice(self._events)()
            self.highest_unix_ms = max(self.highest_unix_ms, self.machine.wall_unix_ms)
        self._check_recovery()
        return self.machine.fired

    # What processes do

    def _start(self) -> None:
        if len(self.processes) < MAX_PROCESSES:
            inode = self.machine.names.get(FILE)
            if inode is None or inode.locked_by is None:
                contents = parse(inode.cached[:FILE_BYTES] if inode else b"")
                whole = 2 - contents.slots.count(None)
                self.machine.fired[("new file", "one slot left", "two slots")[whole]] += 1
            self.processes.append(Process(self.machine))

    def _run(self) -> None:
        awake = [p for p in self.processes if not p.paused and not p.sleeps]
        if awake:
            process = self.random.choice(awake)
            for _ in range(self.random.choice((1, 3, 10, 30))):
                if not process.sleeps and not process.step():
                    self._remove(process)
                    break

    def _issue(self) -> None:
        for process in self.processes:
            if not process.paused:
                self._take(process, self.random.choice((1, 1, 1, 2, 4000, 4100)))

    def _take(self, process: Process, n: int) -> None:
        service = process.service
        try:
            if n == 1:
                flake_id = service.next_id()
                ids = range(flake_id, flake_id + 1)
            else:
                ids = service.next_ids(n)
                if self.random.random() < 0.5 and len(ids) < n:
                    self._note(process, ids)
                    self.machine.advance(self.machine.quantum_ms)
                    self.machine.fired["batch over milliseconds"] += 1
                    ids = service.next_ids(n - len(ids))
        except FlakeError as refusal:
            self.machine.fired[refusal.reason] += 1
            self.machine.fired["jump refused"] += "clock jumped" in str(refusal)
            return
        self._note(process, ids)

    def _note(self, process: Process, ids: range) -> None:
        if ids.start <= process.last_id:
            raise Duplicate(f"{ids.start} after {process.last_id} in one process")
        process.last_id = ids[-1]
        self.machine.fired["issued"] += 1
        # The first and the last of each run meet those of any other of that millisecond.
        for flake_id in {ids[0], ids[-1]}:
            if flake_id in self.issued:
                raise Duplicate(f"{flake_id}: {unpack(flake_id)}")
            self.issued.add(flake_id)

    def _remove(self, process: Process) -> None:
        process.end()
        self.processes.remove(process)

    # What happens to processes

    def _some(self) -> Process | None:
        return self.random.choice(self.processes) if self.processes else None

    def _kill(self) -> None:
        if process := self._some():
            self.machine.fired["killed"] += 1
            self.machine.fired["killed inside the store"] += not process.sleeps
            self._remove(process)

    def _pause(self) -> None:
        if process := self._some():
            self.machine.fired["resumed" if process.paused else "paused"] += 1
            process.paused = not process.paused

    def _stop(self) -> None:
        process = self._some()
        if process and process.service.grant:
            self.machine.fired["stopped"] += 1
            process.stop()

    def _lose_power(self) -> None:
        self.machine.fired["power lost"] += 1
        if self.random.random() < 0.5:
            self._run_into_a_write()
        for process in [*self.processes]:
            self._remove(process)
        self.machine.lose_power()

    def _run_into_a_write(self) -> None:
        """Until something is written and not synced, or twenty steps."""
        for _ in range(20):
            if any(inode.dirty for inode in self.machine.names.values()):
                return
            self._run()

    # What happens to clocks

    def _advance(self) -> None:
        quantum_ms = self.machine.quantum_ms
        self.machine.advance(self.random.choice((quantum_ms, 2 * quantum_ms, 250, 500, 1000)))

    def _wait_long(self) -> None:
        self.machine.fired["long wait"] += 1
        self.machine.advance(MAX_JUMP_MS // 2)

    def _step(self, ms: int) -> None:
        self.machine.wall_unix_ms += ms // self.machine.quantum_ms * self.machine.quantum_ms

    def _step_back(self) -> None:
        self.machine.fired["stepped back"] += 1
        self._step(-self.random.choice((1, 50, 50, 250, 250, 1000, 1000, 5000)))

    def _step_ahead(self) -> None:
        self.machine.fired["stepped ahead"] += 1
        self._step(self.random.choice((1, 50, 250, 1000, 5000, 30_000)))

    def _step_far(self) -> None:
        self.machine.fired["stepped far ahead"] += 1
        self._step(3_600_000)

    def _strobe(self) -> None:
        self.machine.fired["strobed"] += 1
        for _ in range(4):
            self._step(self.random.choice((-500, 500)))
            self._issue()

    # What happens to the file

    def _delete(self) -> None:
        if self.random.random() < 0.3 and FILE in self.machine.names:
            del self.machine.names[FILE]
            self.machine.durable_names.pop(FILE, None)
            self.machine.fired["deleted"] += 1

    def _cut(self, size: int, what: str) -> None:
        inode = self.machine.names.get(FILE)
        if inode and self.random.random() < 0.3 and len(inode.cached) > size:
            inode.cached = inode.durable = inode.cached[:size]
            self.machine.fired[what] += 1

    def _empty(self) -> None:
        self._cut(0, "emptied")

    def _truncate(self) -> None:
        self._cut(FILE_BYTES // 2, "truncated")

    def _flip(self) -> None:
        inode = self.machine.names.get(FILE)
        if self._flips and inode and self.random.random() < 0.3 and inode.durable:
            self._flips -= 1
            place = self.random.choice([p for p in (40, 4096 + 40) if p < len(inode.durable)])
            for name in ("durable", "cached"):
                data = bytearray(getattr(inode, name))
                data[place] ^= 1
                setattr(inode, name, bytes(data))
            self.machine.fired["flipped"] += 1

    def _fail_disk(self) -> None:
        if self.random.random() < 0.5:
            self.machine.write_fails = self.random.choice((1, 3))
        elif self.random.random() < 0.3:
            self.machine.sync_fails = 1

    # The end

    def _check_recovery(self) -> None:
        """With the clock right again and one process alone, IDs come within two minutes."""
        for process in [*self.processes]:
            process.paused = False
            if process is not self.processes[0]:
                self._remove(process)
        self.machine.write_fails = self.machine.sync_fails = 0
        self.machine.wall_unix_ms = self.highest_unix_ms + 200_000
        before = len(self.issued)
        deadline_ms = self.machine.boot_ms + 120_000
        while len(self.issued) == before:
            self._start() if not self.processes else None
            process = self.processes[0]
            if process.sleeps:
                self.machine.advance(process.wakes_at_boot_ms - self.machine.boot_ms)
            if not process.step():
                self._remove(process)
                if self._is_corrupt():
                    self.machine.names.pop(FILE)  # as the message tells the operator
            else:
                self._take(process, 1)
            if self.machine.boot_ms > deadline_ms:
                raise Stuck("no ID within two minutes of all being right")
        waited_ms = self.machine.boot_ms - deadline_ms + 120_000
        self.machine.fired["jump believed"] += waited_ms >= MAX_JUMP_MS

    def _is_corrupt(self) -> bool:
        inode = self.machine.names.get(FILE)
        contents = parse(inode.cached[:FILE_BYTES] if inode else b"")
        return contents.newer is None and not contents.blank


def play(seed: int) -> Counter[str]:
    """One history; raises Duplicate, Stuck or whatever broke, with the seed in a note."""
    logging.disable()
    try:
        return History(seed).play()
    except Exception as error:
        error.add_note(f"replay: python -m tests.faults.simulator {seed}")
        raise
    finally:
        logging.disable(logging.NOTSET)


def play_all(first: int, last: int, tell: Callable[[int], None] | None = None) -> Counter[str]:
    """Histories first..last; what came about in them."""
    fired: Counter[str] = Counter()
    with Pool(os.cpu_count()) as pool:
        played = pool.imap_unordered(play, range(first, last + 1), chunksize=50)
        for count, one in enumerate(played, 1):
            fired += one
            if tell and count % 1000 == 0:
                tell(count)
    return fired


def main() -> None:
    """The command line: one seed, or a first and a last one."""
    first, last = int(sys.argv[1]), int(sys.argv[-1])
    begun_s = time.monotonic()

    def tell(count: int) -> None:
        rate = count / (time.monotonic() - begun_s)
        left_s = (last - first + 1 - count) / rate
        print(
            f"\r{count:,} histories, {rate:.0f} a second, {left_s:.0f} s left ", end="", flush=True
        )

    fired = play_all(first, last, tell) if last > first else play(first)
    print(f"\r{last - first + 1:,} histories, 0 duplicates, {time.monotonic() - begun_s:.1f} s")
    for name, count in sorted(fired.items()):
        print(f"{count:>12,}  {name}")


if __name__ == "__main__":
    main()
