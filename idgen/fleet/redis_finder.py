"""Finds the workers in the Redis that grants their worker_ids."""

from idgen.fleet.granted import granted
from idgen.fleet.rows import Row
from idgen.fleet.watch import CannotFind
from idgen.grants.redis.reading import read
from idgen.grants.store import StoreUnavailable
from idgen.layout import MAX_WORKER_ID
from idgen.redis.address import RedisAddress

TIMEOUT_MS = 500
"""For a connection, and for each answer."""


class RedisFinder:
    """All holders of a namespace, as a process on own_host can ask them."""

    def __init__(self, address: RedisAddress, own_host: str) -> None:
        self._address = address
        self._own_host = own_host

    async def find(self) -> list[Row]:
        """A row for each.  Raises CannotFind."""
        try:
            fleet = await read(self._address, range(MAX_WORKER_ID + 1), TIMEOUT_MS)
        except StoreUnavailable as error:
            raise CannotFind(str(error)) from None
        return granted(fleet, self._own_host)
