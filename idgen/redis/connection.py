"""A connection to a Redis that tries nothing twice, and every trouble with it in one clear line."""

import re

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from idgen.plain import plain
from idgen.redis.address import RedisAddress

_KINDS: list[tuple[str, type[Exception], str]] = [
    ("unauthorized", AuthenticationError, "NOAUTH"),
    ("unauthorized", AuthenticationError, "unauthenticated"),
    ("forbidden", NoPermissionError, "NOPERM"),
    ("loading", BusyLoadingError, "LOADING"),
    ("read_only", ReadOnlyError, "READONLY"),
    ("read_only", MasterDownError, "MASTERDOWN"),
    ("cluster", ClusterError, "hash to the same slot"),
    ("cluster", MovedError, "MOVED"),
    ("out_of_memory", OutOfMemoryError, "OOM"),
]
"""Reason, redis-py's error, and Redis's own word where the error came out of the script."""

_HINTS = {
    "unauthorized": "it wants another user or password (FLAKE_REDIS_PASSWORD)",
    "forbidden": "its user may not do that",
    "cluster": "it is a Redis Cluster, which won't do",
    "loading": "Redis is loading its data",
    "read_only": "it is a replica; name the primary",
    "out_of_memory": "its memory is full; raise maxmemory",
    "unreachable": "it can't be reached",
    "error": "it refuses",
}


def connection(address: RedisAddress, timeout_ms: int) -> Redis:
    """A client that connects when it is asked, and tries nothing twice."""
    return Redis(
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.username,
        password=address.password,
        ssl=address.tls,
        socket_timeout=timeout_ms / 1000,
        socket_connect_timeout=timeout_ms / 1000,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
        encoding_errors="backslashreplace",
    )


def trouble(address: RedisAddress, timeout_ms: int, error: Exception) -> tuple[str, str]:
    """What redis-py raised: in one line, and the reason in a word."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    said = plain(re.sub("^Error running script .*? -| script: .*", "", said)).removesuffix(
        " ()"
    )  # of Redis 6, and 7
    if isinstance(error, NoAnswer):
        tls = "; is TLS spoken there?" if address.tls else ""
        return f"{address}: no answer within {timeout_ms} ms{tls}", "unreachable"
    reason = "error" if isinstance(error, RedisError) else "unreachable"
    if isinstance(error, NoConnection):
        reason = "unreachable"
    for kind, of_redis_py, word in _KINDS:
        if isinstance(error, of_redis_py) or word in said:
            reason = kind
    return f"{address}: {_HINTS[reason]}: {said}", reason
