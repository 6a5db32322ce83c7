"""The right to issue IDs.

A grant is the right to issue with one worker_id for milliseconds in (floor, ceiling].  Its
floor is never below any ceiling that an earlier grant of that worker_id has or can still get:
that is what stores keep true, and all that they are for.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """worker_id, floor (exclusive) and ceiling (inclusive, Unix ms): one object, never apart."""

    worker_id: int
    floor_unix_ms: int
    ceiling_unix_ms: int

    def __post_init__(self) -> None:
        assert self.floor_unix_ms <= self.ceiling_unix_ms
