"""The line to a Redis: one script call at a time, each answered in time or not at all."""

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

from hiredis import pack_command
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as NoAnswer

from idgen.quota.redis.route import Word
from idgen.redis.address import RedisAddress
from idgen.redis.connection import connection

LAST_LOOK_MS = 1
"""How long an answer is still looked for that may have come while this process stood still: the
loop runs timers before it reads."""


class Line:
    """A connection that runs one script, and is made anew after any failure.

    redis-py's own client does the same in three times the CPU: for each call it takes a
    connection out of a pool, and starts two timers.
    """

    def __init__(self, address: RedisAddress, lua: str, timeout_ms: int) -> None:
        pool = connection(address, timeout_ms).connection_pool
        self._connection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._connection.socket_timeout = None  # the call has one time-out, for all of it
        self._timeout_ms = timeout_ms
        self._lua = lua.encode()
        self._sha = sha1(self._lua, usedforsecurity=False).hexdigest().encode()  # as Redis has it

    async def call(self, words: Sequence[Word]) -> Any:
        """What the script returns.  words: number of keys, keys, arguments.

        Raises what redis-py and the event loop raise, and NoAnswer after timeout_ms; then the
        script may have been run, and its answer will be heard by nobody.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as patience:
                due = loop.call_later(
                    self._timeout_ms / 1000,
                    lambda: patience.reschedule(loop.time() + LAST_LOOK_MS / 1000),
                )
                try:
                    return await self._call(words)
                finally:
                    due.cancel()
        except TimeoutError:
            await self.close()
            raise NoAnswer from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Hang up; the next call connects."""
        await self._connection.disconnect(nowait=True)

    async def _call(self, words: Sequence[Word]) -> Any:
        if self._connection.is_connected and await self._connection.can_read():
            await self.close()  # it has ended, or says what nobody has asked for
        if not self._connection.is_connected:
            await self._connection.connect()
        try:
            return await self._ask(b"EVALSHA", self._sha, words)
        except NoScriptError:  # so nothing was run
            return await self._ask(b"EVAL", self._lua, words)

    async def _ask(self, command: bytes, script: bytes, words: Sequence[Word]) -> Any:
        packed = pack_command((command, script, *words))  # type: ignore[arg-type]  # of any length
        await self._connection.send_packed_command(packed)
        return await self._connection.read_response()
