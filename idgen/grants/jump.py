"""Whether to believe a wall clock that has jumped ahead.  Pure."""

MAX_JUMP_MS = 60_000
"""A jump further than that is not believed until it has lasted as long."""


class JumpGuard:
    """Compares the wall clock with one that only counts (CLOCK_BOOTTIME), both in ms.

    A ceiling that follows a clock gone an hour ahead would block the worker for an hour once the
    clock is put right.  A clock that was set back and is put right is no jump: what counts is
    how far it is ahead of where it would be had it run on from the furthest time believed.
    """

    def __init__(self) -> None:
        self._wall_unix_ms: int | None = None
        self._boot_ms = 0
        self._jumped_at_boot_ms: int | None = None

    def believe(self, wall_unix_ms: int, boot_ms: int) -> None:
        """A ceiling was set by this wall clock."""
        if self._wall_unix_ms is not None:
            wall_unix_ms = max(wall_unix_ms, self._wall_unix_ms + boot_ms - self._boot_ms)
        self._wall_unix_ms, self._boot_ms = wall_unix_ms, boot_ms
        self._jumped_at_boot_ms = None

    def jump_ms(self, wall_unix_ms: int, boot_ms: int, floor_unix_ms: int) -> int:
        """How far the clock has jumped ahead where that isn't believed yet, else 0.

        A clock that was behind the floor and is put right is no jump.
        """
        if self._wall_unix_ms is None:
            return 0
        elapsed_ms = boot_ms - self._boot_ms
        jump_ms = wall_unix_ms - max(self._wall_unix_ms, floor_unix_ms) - elapsed_ms
        if jump_ms <= MAX_JUMP_MS:
            self._jumped_at_boot_ms = None
            return 0
        if self._jumped_at_boot_ms is None:
            self._jumped_at_boot_ms = boot_ms
        return jump_ms if boot_ms - self._jumped_at_boot_ms < MAX_JUMP_MS else 0
