"""The script on a real Redis: one question, one answer, every trouble in one clear line."""

from importlib.resources import files

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as NoAnswer

from idgen.grants.redis.claim import Answer, Question
from idgen.grants.store import StoreUnavailable
from idgen.redis_address import RedisAddress

TIMEOUT_MS = 50
"""For a connection, and for each answer.  The keeper tries again, so nothing here does."""

LUA = files(__package__).joinpath("grants.lua")

_REASONS = {
    "NOAUTH": "unauthorized",
    "Authentication required": "unauthorized",
    "WRONGPASS": "unauthorized",
    "invalid username-password": "unauthorized",
    "NOPERM": "unauthorized",
    "LOADING": "loading",
    "loading the dataset": "loading",
    "READONLY": "read_only",
    "read only replica": "read_only",
}
"""Words of Redis's, which redis-py may have shortened, and the reason that they tell."""

_HINTS = {
    "unauthorized": "the user or password is wrong or may not do it (FLAKE_REDIS_PASSWORD)",
    "loading": "Redis is loading its data",
    "read_only": "it is a replica, or can't write; name the primary",
    "unreachable": "it can't be reached",
    "error": "it refuses",
}


class Script:
    """The Lua script, at one address.  Holds a connection once it has been asked."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._redis = Redis(
            host=address.host,
            port=address.port,
            db=address.database,
            username=address.username,
            password=address.password,
            ssl=address.tls,
            socket_timeout=TIMEOUT_MS / 1000,
            socket_connect_timeout=TIMEOUT_MS / 1000,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self._script = self._redis.register_script(LUA.read_text(encoding="utf-8"))

    async def ask(self, question: Question) -> Answer:
        """What the script answers.  Raises StoreUnavailable."""
        try:
            answer: Answer = await self._script(keys=question.keys, args=question.arguments)
        except (RedisError, OSError) as error:
            raise self._trouble(error) from error
        return answer

    async def close(self) -> None:
        """Let go of the connection."""
        await self._redis.aclose()

    def __str__(self) -> str:
        return str(self._address)

    def _trouble(self, error: Exception) -> StoreUnavailable:
        said = (str(error).splitlines() or [type(error).__name__])[0].partition(" script: ")[0]
        if isinstance(error, NoAnswer):
            return StoreUnavailable(
                f"{self._address}: no answer within {TIMEOUT_MS} ms", "unreachable"
            )
        otherwise = "unreachable" if isinstance(error, NoConnection | OSError) else "error"
        reason = next((_REASONS[words] for words in _REASONS if words in said), otherwise)
        return StoreUnavailable(f"{self._address}: {_HINTS[reason]}: {said}", reason)
