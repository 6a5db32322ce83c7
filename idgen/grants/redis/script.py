"""A script on a real Redis: one question, one answer."""

from idgen.grants.redis.answer import Reply
from idgen.grants.redis.claim import Question
from idgen.grants.store import StoreUnavailable
from idgen.redis.address import RedisAddress
from idgen.redis.connection import connection, trouble

TIMEOUT_MS = 80
"""For a connection, and for each answer.  The keeper tries again, so nothing here does."""


class Script:
    """A Lua script at one address.  Holds a connection once it has been asked."""

    def __init__(self, address: RedisAddress, lua: str, timeout_ms: int = TIMEOUT_MS) -> None:
        self._address = address
        self._timeout_ms = timeout_ms
        self._redis = connection(address, timeout_ms)
        self._script = self._redis.register_script(lua)

    async def ask(self, question: Question) -> Reply:
        """What the script returns.  Raises StoreUnavailable."""
        try:
            return await self._script(keys=question.keys, args=question.arguments)
        except Exception as error:  # of a reset connection redis-py lets uvloop's RuntimeError out
            said = trouble(self._address, self._timeout_ms, error)
            raise StoreUnavailable(*said) from error

    async def close(self) -> None:
        """Let go of the connection."""
        await self._redis.aclose()

    def __str__(self) -> str:
        return str(self._address)
