"""What Redis keeps of each worker_id, and what that means at one moment.  Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from idgen.grants.redis.claim import QUARANTINE_MS

FIELDS = ("token", "floor", "ceiling", "run_id", "holder")

STATES = {
    "held": "its holder issues IDs up to the ceiling and extends it every few seconds",
    "waiting": "held, but the floor is still ahead, so its holder can't issue IDs yet",
    "expired": "not extended in time; any process may take it, or its holder come back",
    "free": "given back or freed; any process may take it",
    "stale": "of a run of Redis that has ended: can't be extended; whoever takes it next "
    f"waits {QUARANTINE_MS // 1000} s",
    "broken": "not what the service writes; no process takes it",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What Redis keeps of a worker_id.  problem: why it can't be read; then the rest is blank."""

    worker_id: int
    token: str | None = None
    floor_unix_ms: int = 0
    ceiling_unix_ms: int = 0
    run_id: str | None = None
    holder: str = ""
    problem: str = ""


_HOLDER = re.compile(
    "host=(?P<host>[^ ]*) pid=(?P<pid>[0-9]{1,10}) started=(?P<started>[0-9]{1,19})"
    "(?: at=(?P<at>[^ ]*))?"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that a worker_id was granted to, in its own words."""

    host: str
    pid: int
    started_unix_ms: int
    at: str | None
    """HOST:PORT, where it listens; None of versions that didn't tell."""

    def __str__(self) -> str:
        at = f" at={self.at}" if self.at else ""
        return f"host={self.host} pid={self.pid} started={self.started_unix_ms}{at}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None of what somebody else has written."""
        found = _HOLDER.fullmatch(text)
        if found is None:
            return None
        return cls(found["host"], int(found["pid"]), int(found["started"]), found["at"])


@dataclass(frozen=True, slots=True)
class Fleet:
    """A namespace at one moment of Redis's clock: its pin and its records by worker_id."""

    unix_ms: int
    run_id: str
    pin: str
    records: list[Record]

    def state(self, record: Record) -> str:
        """One of STATES, decided as the script decides what may be granted."""
        if record.problem:
            return "broken"
        if record.run_id != self.run_id:
            return "stale"
        if record.token is None:
            return "free"
        if record.ceiling_unix_ms < self.unix_ms:
            return "expired"
        return "waiting" if record.floor_unix_ms > self.unix_ms else "held"


def record_of(worker_id: int, fields: Sequence[str | None] | Exception) -> Record | None:
    """The record from the values of FIELDS, or from Redis's refusal to tell them."""
    if isinstance(fields, Exception):
        return Record(worker_id, problem=str(fields))
    token, floor, ceiling, run_id, holder = fields
    if token is floor is ceiling is run_id is None:
        return None
    for name, text in (("floor", floor), ("ceiling", ceiling)):
        if not re.fullmatch("[0-9]{1,15}", text or ""):
            found = "there is none" if text is None else f"it is {text[:40]!a}"
            return Record(worker_id, problem=f"its {name} is no number: {found}")
    return Record(worker_id, token, int(floor or 0), int(ceiling or 0), run_id, holder or "")
