"""Histories of processes of one machine that share a worker_id and its file of grants."""

from collections.abc import Callable
from pathlib import Path

from idgen.grants.file import FileStore
from idgen.grants.jump import MAX_JUMP_MS
from idgen.grants.slots import FILE_BYTES, parse
from idgen.grants.store import GrantLost, StoreError
from idgen.layout import Layout
from tests.faults.history import History, Process, Stuck
from tests.faults.world import Machine, MachineFiles

DIRECTORY = Path("/var/lib/flake")
FILE = DIRECTORY / "worker-0.grant"
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


class FileProcess(Process):
    """With a file store of its own."""

    def __init__(self, machine: Machine) -> None:
        self.files = MachineFiles(machine)
        store = FileStore(DIRECTORY, 0, Layout().epoch_ms, 4711, self.files, machine.wall)
        super().__init__(machine, store, 0, machine.wall)

    def ended_by(self, error: StoreError) -> None:
        """For the count."""
        self.world.fired["grant lost"] += isinstance(error, GrantLost)
        self.world.fired["held by another"] += "is held by" in str(error)
        self.world.fired["corrupt"] += "corrupt" in str(error)

    def end(self) -> None:
        """However it came, the kernel closes its files."""
        super().end()
        self.files.close_all()


class FileHistory(History[Machine, FileProcess]):
    """What happens to one machine."""

    SIZES = (1, 1, 1, 2, 4000, 4100)

    def create(self) -> Machine:
        """The machine."""
        machine = Machine(self.random, self.random.choice((1, 50, 50, 125)))
        self.highest_unix_ms = machine.wall_unix_ms
        self._flips = 1
        return machine

    def events(self) -> list[Callable[[], None]]:
        """Of each history's own choice."""
        # Data lost *and* the clock set back is the double fault that DESIGN excludes.
        if self.random.random() < 0.4:
            faults = [self._delete, self._empty, self._truncate, self._flip]
        else:
            faults = [self._step_back, self._step_back, self._strobe]
            faults += [self._step_far] if self.random.random() < 0.2 else []
        return [
            *[self.run] * 40,
            *[self.issue] * 30,
            *[self._advance] * 12,
            *[self._start] * 4,
            self.kill,
            self.pause,
            self.stop,
            self._step_ahead,
            self._fail_disk,
            *([self._lose_power] if self.random.random() < 0.3 else []),
            *([self._wait_long] if self.random.random() < 0.2 else []),
            *faults,
        ]

    def after_event(self) -> None:
        """The furthest time that was told."""
        self.highest_unix_ms = max(self.highest_unix_ms, self.world.wall_unix_ms)

    def _start(self) -> None:
        if len(self.processes) < MAX_PROCESSES:
            inode = self.world.names.get(FILE)
            if inode is None or inode.locked_by is None:
                contents = parse(inode.cached[:FILE_BYTES] if inode else b"")
                whole = 2 - contents.slots.count(None)
                self.world.fired[("new file", "one slot left", "two slots")[whole]] += 1
            self.processes.append(FileProcess(self.world))

    def _lose_power(self) -> None:
        self.world.fired["power lost"] += 1
        if self.random.random() < 0.5:
            self._run_into_a_write()
        for process in [*self.processes]:
            self.remove(process)
        self.world.lose_power()

    def _run_into_a_write(self) -> None:
        """Until something is written and not synced, or twenty steps."""
        for _ in range(20):
            if any(inode.dirty for inode in self.world.names.values()):
                return
            self.run()

    # What happens to clocks

    def _advance(self) -> None:
        quantum_ms = self.world.quantum_ms
        self.world.advance(self.random.choice((quantum_ms, 2 * quantum_ms, 250, 500, 1000)))

    def _wait_long(self) -> None:
        self.world.fired["long wait"] += 1
        self.world.advance(MAX_JUMP_MS // 2)

    def _step(self, ms: int) -> None:
        self.world.wall_unix_ms += ms // self.world.quantum_ms * self.world.quantum_ms

    def _step_back(self) -> None:
        self.world.fired["stepped back"] += 1
        self._step(-self.random.choice((1, 50, 50, 250, 250, 1000, 1000, 5000)))

    def _step_ahead(self) -> None:
        self.world.fired["stepped ahead"] += 1
        self._step(self.random.choice((1, 50, 250, 1000, 5000, 30_000)))

    def _step_far(self) -> None:
        self.world.fired["stepped far ahead"] += 1
        self._step(3_600_000)

    def _strobe(self) -> None:
        self.world.fired["strobed"] += 1
        for _ in range(4):
            self._step(self.random.choice((-500, 500)))
            self.issue()

    # What happens to the file

    def _delete(self) -> None:
        if self.random.random() < 0.3 and FILE in self.world.names:
            del self.world.names[FILE]
            self.world.durable_names.pop(FILE, None)
            self.world.fired["deleted"] += 1

    def _cut(self, size: int, what: str) -> None:
        inode = self.world.names.get(FILE)
        if inode and self.random.random() < 0.3 and len(inode.cached) > size:
            inode.cached = inode.durable = inode.cached[:size]
            self.world.fired[what] += 1

    def _empty(self) -> None:
        self._cut(0, "emptied")

    def _truncate(self) -> None:
        self._cut(FILE_BYTES // 2, "truncated")

    def _flip(self) -> None:
        inode = self.world.names.get(FILE)
        if self._flips and inode and self.random.random() < 0.3 and inode.durable:
            self._flips -= 1
            place = self.random.choice([p for p in (40, 4096 + 40) if p < len(inode.durable)])
            for name in ("durable", "cached"):
                data = bytearray(getattr(inode, name))
                data[place] ^= 1
                setattr(inode, name, bytes(data))
            self.world.fired["flipped"] += 1

    def _fail_disk(self) -> None:
        if self.random.random() < 0.5:
            self.world.write_fails = self.random.choice((1, 3))
        elif self.random.random() < 0.3:
            self.world.sync_fails = 1

    # The end

    def check_recovery(self) -> None:
        """With the clock right again and one process alone, IDs come within two minutes."""
        for process in [*self.processes]:
            process.paused = False
            if process is not self.processes[0]:
                self.remove(process)
        self.world.write_fails = self.world.sync_fails = 0
        self.world.wall_unix_ms = self.highest_unix_ms + 200_000
        before = len(self.issued)
        deadline_ms = self.world.boot_ms + 120_000
        while len(self.issued) == before:
            self._start() if not self.processes else None
            process = self.processes[0]
            if process.sleeps:
                self.world.advance(process.wakes_at_boot_ms - self.world.boot_ms)
            if not process.step():
                self.remove(process)
                if self._is_corrupt():
                    self.world.names.pop(FILE)  # as the message tells the operator
            else:
                self.take(process, 1)
            if self.world.boot_ms > deadline_ms:
                raise Stuck("no ID within two minutes of all being right")
        waited_ms = self.world.boot_ms - deadline_ms + 120_000
        self.world.fired["jump believed"] += waited_ms >= MAX_JUMP_MS

    def _is_corrupt(self) -> bool:
        inode = self.world.names.get(FILE)
        contents = parse(inode.cached[:FILE_BYTES] if inode else b"")
        return contents.newer is None and not contents.blank
