from dataclasses import replace

import pytest
import redis

from idgen.grants.redis.records import STATES, Record, record_of
from tests.grants.redis.fleets import NOW, RECORD, fleet


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (RECORD, "held"),
        (replace(RECORD, ceiling_unix_ms=NOW), "held"),
        (replace(RECORD, ceiling_unix_ms=NOW - 1), "expired"),
        (replace(RECORD, floor_unix_ms=NOW), "held"),
        (replace(RECORD, floor_unix_ms=NOW + 1), "waiting"),
        (replace(RECORD, token=None), "free"),
        (replace(RECORD, token=None, ceiling_unix_ms=NOW - 1), "free"),
        (replace(RECORD, run_id="before"), "stale"),
        (replace(RECORD, run_id=None), "stale"),
        (replace(RECORD, run_id="before", token=None), "stale"),
        (replace(RECORD, problem="no number"), "broken"),
    ],
)
def test_a_state_follows_from_token_run_and_redis_s_clock(record: Record, state: str) -> None:
    assert fleet().state(record) == state
    assert state in STATES


@pytest.mark.parametrize(
    ("fields", "record"),
    [
        (["t", "1", "20", "run", "h"], Record(7, "t", 1, 20, "run", "h")),
        ([None, "1", "20", "run", None], Record(7, None, 1, 20, "run")),
        (["t", "1", "20", None, "h"], Record(7, "t", 1, 20, None, "h")),
        ([None, None, None, None, None], None),
        ([None, None, None, None, "h"], None),
        (["t", "1", "2.5", "run", "h"], "its ceiling is no number: it is '2.5'"),
        ([None, None, "20", None, None], "its floor is no number: there is none"),
        (["t", None, "20", "run", "h"], "its floor is no number: there is none"),
        (["t", "-1", "20", "run", "h"], "its floor is no number: it is '-1'"),
        (["t", "1", "٣", "run", "h"], r"its ceiling is no number: it is '\u0663'"),
        (redis.ResponseError("WRONGTYPE of\x1b[0m"), "WRONGTYPE of\x1b[0m"),
    ],
)
def test_a_record_is_read_or_called_broken(
    fields: list[str | None] | Exception, record: Record | str | None
) -> None:
    expected = Record(7, problem=record) if isinstance(record, str) else record
    assert record_of(7, fields) == expected
