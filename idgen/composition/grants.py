"""The grants that `--grants` names."""

import logging
import os
import secrets
import socket
from functools import partial
from pathlib import Path

from idgen.addresses import host_and_port
from idgen.composition.clocks import wall_clock_ms
from idgen.composition.missing import missing
from idgen.config import Config
from idgen.grants.file import FileStore
from idgen.grants.files import OsFiles
from idgen.grants.memory import MemoryStore
from idgen.grants.off_loop import OffLoop
from idgen.grants.redis.claim import Claim
from idgen.grants.redis.records import Holder
from idgen.grants.redis.store import LUA, RedisStore
from idgen.grants.state_directory import state_directory
from idgen.grants.store import GrantStore
from idgen.redis.address import RedisAddress


def grant_store(settings: Config) -> GrantStore:
    """The store that `--grants` names.  Raises StoreRefused."""
    if isinstance(settings.grants, RedisAddress):
        return _redis_store(settings, settings.grants)
    assert settings.worker_id is not None  # auto needs Redis
    if settings.grants == "memory:":
        logging.warning("grants in memory: nothing keeps IDs unique over a restart")
        return MemoryStore(settings.worker_id, wall_clock_ms)
    named = settings.grants.removeprefix("file:")
    directory = Path(named).absolute() if named else state_directory(os.environ)
    return OffLoop(
        FileStore(
            directory, settings.worker_id, settings.epoch_ms, os.getpid(), OsFiles(), wall_clock_ms
        )
    )


def _redis_store(settings: Config, address: RedisAddress) -> GrantStore:
    """The store on that Redis.  Raises StoreRefused where its client is not installed."""
    try:
        from idgen.grants.redis.script import Script
    except ModuleNotFoundError as error:
        raise missing(error) from None
    worker_ids = settings.worker_ids
    if settings.worker_id is not None:
        worker_ids = range(settings.worker_id, settings.worker_id + 1)
    at = host_and_port(settings.address, settings.port)
    holder = str(Holder(socket.gethostname(), os.getpid(), wall_clock_ms(), at))
    claim = Claim(
        address.namespace, worker_ids, settings.epoch_ms, holder, partial(secrets.token_hex, 16)
    )
    lua = LUA.read_text(encoding="utf-8")
    script = Script(address.with_password(settings.redis_password), lua)
    return RedisStore(script, claim, wall_clock_ms)
