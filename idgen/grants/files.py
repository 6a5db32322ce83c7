"""The system calls that a file of grants needs."""

import fcntl
import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Each call is one step of the operating system's, and may raise OSError.

    Between any two of them a process can be paused or killed: a simulator does that.
    """

    async def make_directory(self, path: Path) -> None:
        """Create it with its parents, unless it is there."""

    async def open(self, path: Path) -> int:
        """A descriptor for reading and writing; the file is created unless it is there."""

    async def lock(self, fd: int) -> bool:
        """Take the exclusive lock of the file; False where another descriptor has it."""

    async def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""

    async def sync(self, fd: int) -> None:
        """Make what was written durable."""

    async def forget_pages(self, fd: int) -> None:
        """Have the next read come from the disk."""

    async def read(self, fd: int, size: int) -> bytes:
        """The first bytes of the file, at most size."""

    async def write(self, fd: int, data: bytes, offset: int) -> None:
        """All of data, at the offset."""

    async def is_named(self, fd: int, path: Path) -> bool:
        """Whether the path still names the file that was opened."""

    def close(self, fd: int) -> None:
        """Close the descriptor; a lock ends with the last one that shares it."""


class OsFiles:
    """The real ones.  They take as long as the disk does, and never give way to others."""

    async def make_directory(self, path: Path) -> None:
        """As Files has it."""
        path.mkdir(parents=True, exist_ok=True)

    async def open(self, path: Path) -> int:
        """As Files has it; for the owner and the group alone."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)

    async def lock(self, fd: int) -> bool:
        """As Files has it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    async def sync_directory(self, path: Path) -> None:
        """As Files has it."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    async def sync(self, fd: int) -> None:
        """As Files has it."""
        os.fdatasync(fd)

    async def forget_pages(self, fd: int) -> None:
        """As Files has it."""
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    async def read(self, fd: int, size: int) -> bytes:
        """As Files has it."""
        return os.pread(fd, size, 0)

    async def write(self, fd: int, data: bytes, offset: int) -> None:
        """As Files has it."""
        while data:
            written = os.pwrite(fd, data, offset)
            data, offset = data[written:], offset + written

    async def is_named(self, fd: int, path: Path) -> bool:
        """As Files has it."""
        try:
            named = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(fd))

    def close(self, fd: int) -> None:
        """As Files has it."""
        os.close(fd)
