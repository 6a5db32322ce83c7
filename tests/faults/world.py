"""A machine in memory: clocks that wander, a disk that forgets, processes that die.

Everything that happens is drawn from one seeded generator, so a seed is a history.
"""

import errno
import types
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from idgen.grants.slots import BLOCK_BYTES

START_UNIX_MS = 1_795_219_200_000


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Let the scheduler go on; where a process waits here it can be killed or paused."""
    yield


@dataclass(eq=False)
class Inode:
    """A file: what the page cache says, what is on the disk, and who has locked it."""

    cached: bytes = b""
    durable: bytes = b""
    dirty: bool = False
    locked_by: "Descriptor | None" = None


@dataclass(eq=False)
class Descriptor:
    """An open file of one process."""

    inode: Inode
    is_open: bool = True


@dataclass
class World:
    """Time, chance, and a count of what came about."""

    random: Random
    quantum_ms: int
    """All times are multiples of it: a coarse clock makes processes meet in a millisecond."""
    boot_ms: int = 0
    """Milliseconds since it began."""
    fired: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault came about."""
    processes: int = 0
    """How many have been started."""

    def boot(self) -> int:
        """The clock that only counts."""
        return self.boot_ms

    def advance(self, ms: int) -> None:
        """Time goes on."""
        self.boot_ms += ms


@dataclass
class Machine(World):
    """One host. Times are Unix ms (wall) and ms since its start (boot)."""

    wall_unix_ms: int = START_UNIX_MS
    names: dict[Path, Inode] = field(default_factory=dict)
    durable_names: dict[Path, Inode] = field(default_factory=dict)
    write_fails: int = 0
    """So many of the next writes find the disk full."""
    sync_fails: int = 0
    """So many of the next syncs hit a bad sector."""

    def wall(self) -> int:
        """The wall clock.  Now and then time goes on between two looks at it."""
        if self.random.random() < 0.1:
            self.advance(self.quantum_ms)
        return self.wall_unix_ms

    def advance(self, ms: int) -> None:
        """Time goes on."""
        super().advance(ms)
        self.wall_unix_ms += ms

    def lose_power(self) -> None:
        """Each block that was not synced is old, new or torn; a new name may be lost."""
        if self.names != self.durable_names and self.random.random() < 0.5:
            self.fired["name lost"] += 1
            self.names = dict(self.durable_names)
        self.durable_names = dict(self.names)
        for inode in self.names.values():
            if inode.dirty:
                inode.durable = self._survivor(inode.durable, inode.cached)
            inode.cached, inode.dirty, inode.locked_by = inode.durable, False, None

    def _survivor(self, old: bytes, new: bytes) -> bytes:
        blocks = []
        for start in range(0, max(len(old), len(new)), BLOCK_BYTES):
            before, after = (data[start : start + BLOCK_BYTES] for data in (old, new))
            fate = self.random.choice(("lost", "kept", "torn"))
            if before != after:
                self.fired[f"write {fate}"] += 1
            cut = self.random.randrange(1, 120)
            torn = after[:cut] + before[cut:].ljust(len(after[cut:]), b"\0")
            block = {"lost": before, "kept": after, "torn": torn}[fate]
            blocks.append(
                block if start + BLOCK_BYTES >= len(new) else block.ljust(BLOCK_BYTES, b"\0")
            )
        return b"".join(blocks)


class MachineFiles:
    """The Files of one process on a machine; a turn before and after each effect."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._descriptors: list[Descriptor] = []

    def close_all(self) -> None:
        """What the kernel does when the process ends."""
        for fd in range(len(self._descriptors)):
            self.close(fd)

    async def make_directory(self, path: Path) -> None:
        await turn()

    async def open(self, path: Path) -> int:
        await turn()
        self._descriptors.append(Descriptor(self._machine.names.setdefault(path, Inode())))
        return len(self._descriptors) - 1

    async def lock(self, fd: int) -> bool:
        await turn()
        descriptor = self._descriptors[fd]
        if descriptor.inode.locked_by not in (None, descriptor):
            return False
        descriptor.inode.locked_by = descriptor
        return True

    async def sync_directory(self, path: Path) -> None:
        await turn()
        self._machine.durable_names = dict(self._machine.names)

    async def sync(self, fd: int) -> None:
        await turn()
        inode = self._descriptors[fd].inode
        if inode.dirty and self._machine.sync_fails:
            # As Linux does it: the pages count as clean from now on, and are on no disk.
            self._machine.sync_fails -= 1
            self._machine.fired["sync failed"] += 1
            inode.dirty = False
            raise OSError(errno.EIO, "Input/output error")
        if inode.dirty:
            inode.durable, inode.dirty = inode.cached, False
        await turn()

    async def forget_pages(self, fd: int) -> None:
        await turn()
        inode = self._descriptors[fd].inode
        if not inode.dirty:
            inode.cached = inode.durable

    async def read(self, fd: int, size: int) -> bytes:
        await turn()
        return self._descriptors[fd].inode.cached[:size]

    async def write(self, fd: int, data: bytes, offset: int) -> None:
        await turn()
        inode = self._descriptors[fd].inode
        if self._machine.write_fails:
            self._machine.write_fails -= 1
            self._machine.fired["disk full"] += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        before = inode.cached.ljust(offset, b"\0")
        inode.cached = before[:offset] + data + before[offset + len(data) :]
        inode.dirty = True
        await turn()

    async def is_named(self, fd: int, path: Path) -> bool:
        await turn()
        return self._machine.names.get(path) is self._descriptors[fd].inode

    def close(self, fd: int) -> None:
        descriptor = self._descriptors[fd]
        if descriptor.is_open:
            descriptor.is_open = False
            if descriptor.inode.locked_by is descriptor:
                descriptor.inode.locked_by = None
