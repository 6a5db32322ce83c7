"""The records of a fleet as lines of text.  Pure."""

from collections import Counter

from idgen.grants.redis.records import STATES, Fleet, Holder, Record
from idgen.layout import MAX_WORKER_ID
from idgen.moments import distance, duration, rfc_3339
from idgen.plain import plain

_LAST_UNIX_MS = 253_402_300_799_999
"""The end of the year 9999, the last that datetime has."""


def table(fleet: Fleet) -> list[str]:
    """The lines, of aligned columns; the last column may be of any width."""
    heading = ["worker_id", "state", "ceiling (UTC)", "", "pid", "started (UTC)", "age", "host"]
    rows = [heading, *(_row(fleet, record) for record in fleet.records)]
    widths = [max(len(row[column]) for row in rows if column < len(row) - 1) for column in range(7)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if title in ("worker_id", "", "pid", "age") else cell.ljust(width)
            for cell, width, title in zip(row[:-1], widths, heading, strict=False)
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines


def _row(fleet: Fleet, record: Record) -> list[str]:
    now, start = fleet.unix_ms, [str(record.worker_id), fleet.state(record)]
    if record.problem:
        return [*start, plain(record.problem)]
    ceiling = [utc(record.ceiling_unix_ms), distance(record.ceiling_unix_ms, now)]
    holder = Holder.parse(record.holder)
    if holder is None:
        return [*start, *ceiling, "", "", "", plain(record.holder)]
    begun_unix_ms = holder.started_unix_ms
    started = [utc(begun_unix_ms).partition(".")[0], duration(max(now - begun_unix_ms, 0))]
    return [*start, *ceiling, str(holder.pid), *started, _where(holder)]


def told(fleet: Fleet, record: Record) -> str:
    """The row of somebody's record, in words."""
    holder = Holder.parse(record.holder)
    who = plain(record.holder) or "a holder without a name"
    if holder:
        who = f"pid {holder.pid} on {_where(holder)}, started {utc(holder.started_unix_ms)} UTC"
    return (
        f"worker_id {record.worker_id} is {fleet.state(record)}; granted to {who}, until "
        f"{utc(record.ceiling_unix_ms)} UTC ({distance(record.ceiling_unix_ms, fleet.unix_ms)})"
    )


def _where(holder: Holder) -> str:
    """Its host, and where it listens there."""
    return plain(f"{holder.host} ({holder.at})" if holder.at else holder.host)


def summary(fleet: Fleet) -> list[str]:
    """What stands above the table."""
    states = Counter(fleet.state(record) for record in fleet.records)
    counts = ", ".join(f"{states[state]:,} {state}" for state in STATES if states[state])
    known = f"{len(fleet.records):,} of {MAX_WORKER_ID + 1:,} worker_ids have a record"
    pin = f"pinned to {fleet.pin}" if fleet.pin else "not pinned yet"
    return [
        f"{pin}; Redis's clock: {utc(fleet.unix_ms)} UTC",
        f"{known}: {counts}"
        if counts
        else "no worker_id has a record: none was taken yet, or Redis has lost its data",
    ]


def utc(unix_ms: int) -> str:
    """`2026-11-21 00:00:00.123`; past the year 9999 the bare number."""
    if unix_ms > _LAST_UNIX_MS:
        return str(unix_ms)
    return rfc_3339(unix_ms).replace("T", " ").removesuffix("Z")
