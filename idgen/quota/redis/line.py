"""The line to a Redis: one script call at a time, each answered in time or not at all."""

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

from hiredis import pack_command
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer

from idgen.quota.redis.route import Word
from idgen.redis.address import RedisAddress
from idgen.redis.connection import connection

TICKS = 4
"""What the time-out of a call is parted into.  A tick that comes late doesn't count, since then it
is this process that stood still: an answer may be there, and hasn't been read."""
MAX_TICKS = 5 * TICKS
LATE_S = 0.005

CONNECT_TIMEOUT_MS = 1000
"""For a new connection, which takes several round trips and which no call waits for that long."""


class Line:
    """A connection that runs one script, and is made anew after any failure.

    redis-py's own client does the same in three times the CPU: for each call it takes a
    connection out of a pool, and starts two timers.
    """

    def __init__(self, address: RedisAddress, lua: str, timeout_ms: int) -> None:
        pool = connection(address, CONNECT_TIMEOUT_MS).connection_pool
        self._connection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._connection.socket_timeout = None  # the call has one time-out, for all of it
        self._connecting: asyncio.Task[None] | None = None
        self._timeout_ms = timeout_ms
        self._lua = lua.encode()
        self._sha = sha1(self._lua, usedforsecurity=False).hexdigest().encode()  # as Redis has it

    async def call(self, words: Sequence[Word]) -> Any:
        """What the script returns.  words: number of keys, keys, arguments.

        Raises what redis-py and the event loop raise, and NoAnswer after timeout_ms; then the
        script may have been run, and its answer will be heard by nobody.
        """
        try:
            async with asyncio.timeout(None) as patience:
                patient = _Patience(patience, self._timeout_ms)
                try:
                    return await self._call(words)
                finally:
                    patient.end()
        except TimeoutError:
            raise NoAnswer from None

    async def close(self) -> None:
        """Hang up; the next call connects."""
        if self._connecting:
            self._connecting.cancel()
        await self._hang_up()

    async def _call(self, words: Sequence[Word]) -> Any:
        if self._connecting is None:
            if self._connection.is_connected and await self._connection.can_read():
                await self._hang_up()  # it has ended, or says what nobody has asked for
            if not self._connection.is_connected:
                self._connecting = asyncio.create_task(self._connect())
                self._connecting.add_done_callback(self._connected)
        if self._connecting:
            # If that takes too long for this call, it goes on for the next ones.
            await asyncio.shield(self._connecting)
        try:
            return await self._ask(b"EVALSHA", self._sha, *words)
        except NoScriptError:  # so nothing was run
            return await self._ask(b"EVAL", self._lua, *words)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
                await self._connection.connect()
        except BaseException:
            await self._hang_up()  # it may be connected, but in no database or nobody's name yet
            raise

    def _connected(self, connecting: "asyncio.Task[None]") -> None:
        self._connecting = None
        if not connecting.cancelled():
            connecting.exception()  # is told to whoever waits, if anybody does

    async def _ask(self, *words: Word) -> Any:
        """The answer.  Without one the connection ends: a late one would be taken for another's."""
        try:
            packed = pack_command(words)  # type: ignore[arg-type]  # of any length
            await self._connection.send_packed_command(packed)
            return await self._connection.read_response()
        except ResponseError:
            raise
        except BaseException:
            await self._hang_up()
            raise

    async def _hang_up(self) -> None:
        await self._connection.disconnect(nowait=True)


class _Patience:
    """Has a time-out expire after TICKS ticks in time, or MAX_TICKS of any kind."""

    def __init__(self, timeout: asyncio.Timeout, timeout_ms: int) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._tick_s = timeout_ms / 1000 / TICKS
        self._left, self._in_time = MAX_TICKS, TICKS
        self._wind()

    def end(self) -> None:
        """The answer is there."""
        self._next.cancel()

    def _wind(self) -> None:
        self._next = self._loop.call_at(self._loop.time() + self._tick_s, self._tick)

    def _tick(self) -> None:
        self._left -= 1
        self._in_time -= self._loop.time() < self._next.when() + LATE_S
        if self._left and self._in_time:
            self._wind()
        else:
            self._timeout.reschedule(self._loop.time())
