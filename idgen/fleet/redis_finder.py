"""Finds the workers in the Redis that grants their worker_ids."""

import asyncio

from idgen.fleet.granted import granted
from idgen.fleet.roster import Found
from idgen.fleet.watch import CannotFind
from idgen.grants.redis.reading import read
from idgen.grants.store import StoreUnavailable
from idgen.layout import MAX_WORKER_ID
from idgen.redis.address import RedisAddress

TIMEOUT_MS = 500
"""For a connection, and for each answer."""

FIND_WITHIN_S = 5.0
"""For all of them."""


class RedisFinder:
    """All holders of a namespace, as a process on own_host can ask them."""

    def __init__(self, address: RedisAddress, own_host: str) -> None:
        self._address = address
        self._own_host = own_host

    async def find(self) -> Found:
        """Those who hold a worker_id, or ought to.  Raises CannotFind."""
        try:
            async with asyncio.timeout(FIND_WITHIN_S):
                fleet = await read(self._address, range(MAX_WORKER_ID + 1), TIMEOUT_MS)
        except TimeoutError:
            told = f"{self._address}: the records of grants took more than {FIND_WITHIN_S:g} s"
            raise CannotFind(told) from None
        except StoreUnavailable as error:
            raise CannotFind(str(error)) from None
        return granted(fleet, self._own_host)
