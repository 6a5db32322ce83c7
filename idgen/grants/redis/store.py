"""The GrantStore on Redis: asks what the claim says, and tells the claim what was answered."""

from collections.abc import Callable
from importlib.resources import files
from typing import Protocol

from idgen.grant import Grant
from idgen.grants.redis.answer import Answer, Reply
from idgen.grants.redis.claim import GRANT_MS, MAX_SKEW_MS, QUARANTINE_MS, Claim, Question

LUA = files(__package__).joinpath("grants.lua")
"""The script that answers."""


class Asking(Protocol):
    """Whoever runs the script."""

    async def ask(self, question: Question) -> Reply:
        """What the script returns.  Raises StoreUnavailable, though it may have been run."""

    async def close(self) -> None:
        """Let go of the connection."""


class RedisStore:
    """Grants of one of the claim's worker_ids."""

    grant_ms = GRANT_MS
    extend_every_ms = GRANT_MS // 3
    longest_wait_ms = QUARANTINE_MS + MAX_SKEW_MS
    skew_ms: int | None = None

    def __init__(self, script: Asking, claim: Claim, wall_clock_ms: Callable[[], int]) -> None:
        self._script = script
        self._claim = claim
        self._wall_clock_ms = wall_clock_ms

    async def acquire(self) -> Grant:
        """A new grant, extended once before it counts: a copy of the token is worth nothing."""
        if self._claim.grant is None:
            unix_ms = self._wall_clock_ms()
            answer = await self._ask(self._claim.ask_to_acquire(unix_ms), unix_ms)
            self._claim.hear_acquired(answer, self._wall_clock_ms())
        return await self._extend(self._wall_clock_ms())

    async def extend(self, grant: Grant, unix_ms: int) -> Grant:
        """The same grant, to grant_ms after Redis's time."""
        assert grant == self._claim.grant
        return await self._extend(unix_ms)

    async def release(self, grant: Grant, last_unix_ms: int | None) -> None:
        """The next process may go on right after the last ID."""
        assert grant == self._claim.grant
        unix_ms = self._wall_clock_ms()
        answer = await self._ask(self._claim.ask_to_release(unix_ms, last_unix_ms), unix_ms)
        self._claim.hear_released(answer)
        await self._script.close()

    def abandon(self) -> None:
        """Touch nothing: the connection is the parent's, and a close would be felt there."""

    def __str__(self) -> str:
        return str(self._script)

    async def _extend(self, unix_ms: int) -> Grant:
        answer = await self._ask(self._claim.ask_to_extend(unix_ms), unix_ms)
        return self._claim.hear_extended(answer)

    async def _ask(self, question: Question, unix_ms: int) -> Answer:
        answer = Answer.parse(await self._script.ask(question))
        self.skew_ms = unix_ms - answer.unix_ms
        return answer
