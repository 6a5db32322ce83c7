"""Grants in memory, for trying out: they survive no restart."""

from collections.abc import Callable

from idgen.grant import Grant


class MemoryStore:
    """A GrantStore whose record is gone with the process."""

    grant_ms = 1000
    extend_every_ms = grant_ms // 2
    longest_wait_ms = grant_ms
    skew_ms: int | None = None

    def __init__(self, worker_id: int, wall_clock_ms: Callable[[], int]) -> None:
        self._worker_id = worker_id
        self._wall_clock_ms = wall_clock_ms
        self._ceiling_unix_ms = -1
        """The largest ceiling ever given."""

    async def acquire(self) -> Grant:
        """A grant above all earlier ones of this object."""
        floor_unix_ms = self._ceiling_unix_ms
        empty = Grant(self._worker_id, floor_unix_ms, floor_unix_ms)
        return await self.extend(empty, self._wall_clock_ms())

    async def extend(self, grant: Grant, unix_ms: int) -> Grant:
        """The same grant, to grant_ms after unix_ms."""
        ceiling_unix_ms = max(grant.ceiling_unix_ms, unix_ms + self.grant_ms)
        self._ceiling_unix_ms = max(self._ceiling_unix_ms, ceiling_unix_ms)
        return Grant(grant.worker_id, grant.floor_unix_ms, ceiling_unix_ms)

    async def release(self, grant: Grant, last_unix_ms: int | None) -> None:
        """What was not used may be granted again."""
        self._ceiling_unix_ms = max(grant.floor_unix_ms, last_unix_ms or -1)

    def abandon(self) -> None:
        """Nothing is held."""

    def __str__(self) -> str:
        return "memory:"
