"""The right to issue IDs.

A grant is the right to issue with one worker_id for milliseconds in (floor, ceiling].  Its
floor is never below any ceiling that an earlier grant of that worker_id has or can still get:
that is what stores keep true, and all that they are for.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Grant:
    """worker_id, floor (exclusive) and ceiling (inclusive, Unix ms): one object, never apart."""

    worker_id: int
    floor_unix_ms: int
    ceiling_unix_ms: int

    def __post_init__(self) -> None:
        assert self.floor_unix_ms <= self.ceiling_unix_ms


@dataclass(slots=True)
class GrantCounts:
    """What became of a process's grants so far; the keeper counts."""

    extensions: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Acquisitions and extensions that failed, by reason."""
    worker_id_changes: int = 0
    skew_ms: int | None = None
    """How far ahead of the store's clock the wall clock was last; None where that isn't known."""
