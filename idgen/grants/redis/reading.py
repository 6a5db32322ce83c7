"""The records of a namespace, read off a real Redis; nothing is changed."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from idgen.grants.redis.claim import pin_key, record_key
from idgen.grants.redis.records import FIELDS, Fleet, Record, record_of
from idgen.grants.store import StoreUnavailable
from idgen.plain import plain
from idgen.redis.address import RedisAddress
from idgen.redis.connection import connection, trouble

RECORDS_AT_ONCE = 64
"""Read in one round trip: a process that gives out IDs meanwhile is held up for half a ms."""


async def read(address: RedisAddress, worker_ids: Sequence[int], timeout_ms: int) -> Fleet:
    """What is known of these worker_ids.  Raises StoreUnavailable.

    No SCAN: the keys are few and known, whatever else the database holds.
    """
    redis = connection(address, timeout_ms)
    try:
        pipeline = redis.pipeline(transaction=False)
        pipeline.time()
        pipeline.info("server")
        pipeline.get(pin_key(address.namespace))
        (seconds, microseconds), server, pin = await _answers(pipeline)
        records: list[Record] = []
        for start in range(0, len(worker_ids), RECORDS_AT_ONCE):
            records += await _records(redis, address, worker_ids[start : start + RECORDS_AT_ONCE])
    except (RedisError, OSError) as error:
        raise StoreUnavailable(*trouble(address, timeout_ms, error)) from None
    finally:
        await redis.aclose()
    return Fleet(
        unix_ms=seconds * 1000 + microseconds // 1000,
        run_id=str(server.get("run_id")),
        pin=plain(str(pin) if isinstance(pin, Exception) else pin or b""),
        records=records,
    )


async def _records(redis: Redis, address: RedisAddress, worker_ids: Sequence[int]) -> list[Record]:
    pipeline = redis.pipeline(transaction=False)
    for worker_id in worker_ids:
        pipeline.hmget(record_key(address.namespace, worker_id), FIELDS)
    known = map(record_of, worker_ids, map(_texts, await _answers(pipeline)))
    return [record for record in known if record is not None]


async def _answers(pipeline: Any) -> list[Any]:
    """All of them.  Raises one that is an error, but for a key that is of another type."""
    answers: list[Any] = await pipeline.execute(raise_on_error=False)
    for answer in answers:
        wrong_type = isinstance(answer, ResponseError) and str(answer).startswith("WRONGTYPE")
        if isinstance(answer, Exception) and not wrong_type:
            raise answer
    return answers


def _texts(fields: list[bytes | None] | Exception) -> list[str | None] | Exception:
    if isinstance(fields, Exception):
        return fields
    return [None if field is None else plain(field) for field in fields]
