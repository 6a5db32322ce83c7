"""Grants in a file, for processes of one machine.

`worker-N.grant` is itself under an exclusive lock for the life of the process that uses it, and
is never unlinked or renamed.  A new ceiling counts once it is durable, and only if the path
still names our file then: a file that was deleted says nothing to the process that comes next.
"""

import errno
from collections.abc import Callable
from pathlib import Path

from idgen.errors import BadSetting
from idgen.grant import Grant
from idgen.grants.files import Files
from idgen.grants.slots import BLOCK_BYTES, FILE_BYTES, LAYOUT, Contents, Slot, parse
from idgen.grants.store import GrantLost, StoreRefused, StoreUnavailable

_REFUSING = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EEXIST,  # a file where the directory should be
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
}
"""Errors of opening that stay until somebody mends them; others may pass."""


class FileStore:
    """The GrantStore of one worker_id in a directory."""

    grant_ms = 1000
    extend_every_ms = grant_ms // 2
    longest_wait_ms = grant_ms
    skew_ms: int | None = None

    def __init__(
        self,
        directory: Path,
        worker_id: int,
        epoch_ms: int,
        pid: int,
        files: Files,
        wall_clock_ms: Callable[[], int],
    ) -> None:
        self.path = directory / f"worker-{worker_id}.grant"
        self._worker_id = worker_id
        self._epoch_ms = epoch_ms
        self._pid = pid
        self._files = files
        self._wall_clock_ms = wall_clock_ms
        self._fd: int | None = None
        """Open and locked, for good."""
        self._counter = 0
        """Of the newer slot."""
        self._place = 0
        """Of the older slot, 0 or 1: where the next write goes."""

    async def acquire(self) -> Grant:
        """A grant whose floor is the ceiling that the file tells, or safely above."""
        if self._fd is None:
            self._fd = await self._open_and_lock()
        contents = parse(await self._read(self._fd))
        floor_unix_ms = self._floor_unix_ms(contents)
        self._counter = contents.newer.counter if contents.newer else 0
        self._place = contents.older_place
        nothing_yet = Grant(self._worker_id, floor_unix_ms, floor_unix_ms)
        return await self.extend(nothing_yet, self._wall_clock_ms())

    async def extend(self, grant: Grant, unix_ms: int) -> Grant:
        """The same grant, to grant_ms after unix_ms."""
        ceiling_unix_ms = max(grant.ceiling_unix_ms, unix_ms + self.grant_ms)
        await self._store(ceiling_unix_ms)
        return Grant(grant.worker_id, grant.floor_unix_ms, ceiling_unix_ms)

    async def release(self, grant: Grant, last_unix_ms: int | None) -> None:
        """The next process may go on right after the last ID."""
        await self._store(max(grant.floor_unix_ms, last_unix_ms or 0))
        self.abandon()

    def abandon(self) -> None:
        """Close the file, and say nothing.

        In a forked child that leaves the lock with its parent, who shares the descriptor.
        """
        if self._fd is not None:
            self._files.close(self._fd)
            self._fd = None

    def __str__(self) -> str:
        return f"file:{self.path}"

    async def _open_and_lock(self) -> int:
        try:
            await self._files.make_directory(self.path.parent)
            fd = await self._files.open(self.path)
        except OSError as error:
            kind = StoreRefused if error.errno in _REFUSING else StoreUnavailable
            raise kind(f"{self.path} can't be opened: {error.strerror}") from error
        try:
            if not await self._files.lock(fd):
                raise StoreRefused(await self._who_holds_it(fd))
            if not await self._files.is_named(fd, self.path):
                raise StoreUnavailable(f"{self.path} was replaced while it was opened")
        except BaseException:
            self._files.close(fd)
            raise
        return fd

    async def _who_holds_it(self, fd: int) -> str:
        newer = parse(await self._files.read(fd, FILE_BYTES)).newer
        holder = f"process {newer.pid}" if newer else "another process"
        return f"worker_id {self._worker_id} is held by {holder}: {self.path} is locked"

    async def _read(self, fd: int) -> bytes:
        """What is on the disk, not what the page cache remembers of a write that failed."""
        try:
            await self._files.sync_directory(self.path.parent)
            await self._files.sync(fd)
            await self._files.forget_pages(fd)
            return await self._files.read(fd, FILE_BYTES)
        except OSError as error:
            raise self._failed(error) from error

    def _floor_unix_ms(self, contents: Contents) -> int:
        now_unix_ms = self._wall_clock_ms()
        newer = contents.newer
        if newer is None:
            if not contents.blank:
                raise StoreRefused(
                    f"{self.path} is corrupt in both slots; where the clock is right and no "
                    f"process uses worker_id {self._worker_id}, remove the file and start again"
                )
            return now_unix_ms + self.grant_ms
        if newer.layout != LAYOUT:
            raise StoreRefused(f"{self.path} is of layout {newer.layout}, not {LAYOUT}")
        if newer.epoch_ms != self._epoch_ms:
            raise BadSetting(
                f"--epoch_ms: {self._epoch_ms} is not {newer.epoch_ms}, "
                f"to which {self.path} is pinned"
            )
        if None in contents.slots:
            return max(newer.ceiling_unix_ms, now_unix_ms) + self.grant_ms
        return newer.ceiling_unix_ms

    async def _store(self, ceiling_unix_ms: int) -> None:
        assert self._fd is not None
        counter = self._counter + 1
        slot = Slot(counter, ceiling_unix_ms, LAYOUT, self._epoch_ms, self._pid)
        try:
            await self._files.write(self._fd, slot.to_bytes(), self._place * BLOCK_BYTES)
            await self._files.sync(self._fd)
            if not await self._files.is_named(self._fd, self.path):
                raise GrantLost(f"{self.path} was removed or replaced")
        except OSError as error:
            raise self._failed(error) from error
        self._counter = counter
        self._place = 1 - self._place

    def _failed(self, error: OSError) -> GrantLost | StoreUnavailable:
        if error.errno == errno.EIO:
            # The kernel may have dropped what it couldn't write; a second fdatasync would say
            # that all is well.  Only a new process that reads the disk knows what is there.
            return GrantLost(f"{self.path}: {error.strerror}")
        return StoreUnavailable(f"{self.path}: {error.strerror}")
