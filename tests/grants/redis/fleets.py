"""A fleet of records, for the tests of the fleet view."""

from idgen.grants.redis.records import Fleet, Record

NOW = 1795219200123
HOLDER = f"host=web-1 pid=4711 started={NOW - 252_000}"
RECORD = Record(7, "token", NOW - 9000, NOW + 8200, "run", HOLDER)


def fleet(*records: Record, pin: str = "layout=41.10.12 epoch=1259193600000") -> Fleet:
    return Fleet(NOW, "run", pin, list(records))
