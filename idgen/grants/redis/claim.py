"""What one process asks of Redis for its worker_id, and what it makes of the answers.  Pure.

The state is a pair of tokens.  A token is drawn once and named until there is an answer, however
often that takes: a question that is asked again is the same question.  An extension names the
token and its successor, and either may be the stored one: an answer that was lost doesn't cost
the grant, and a copy of the process (a snapshot that was resumed) can't extend after it.

    no token ──ask──▶ token drawn ──granted──▶ token, grant ──extended──▶ successor, grant
        ▲                                             │
        └────────── lost, restarted, released ────────┘
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from idgen.errors import BadSetting
from idgen.grant import Grant
from idgen.grants.redis.answer import Answer
from idgen.grants.slots import LAYOUT
from idgen.grants.store import StoreError, StoreRestarted, StoreUnavailable, TokenLost

GRANT_MS = 10_000
"""How far ahead of Redis's clock a ceiling is set.  A fleet must agree on it: no setting."""

MAX_SKEW_MS = 1000
"""How far the wall clock of a process may be from Redis's."""

QUARANTINE_MS = GRANT_MS + 3 * MAX_SKEW_MS
"""What a worker_id waits whose last grant may be lost with Redis's data.

It outlasts that grant, even where Redis is on another host now: the old Redis was at most a skew
ahead of the process, the two processes of each other, the new one behind.
"""

OLDEST_VERSION = "6.2"


@dataclass(frozen=True, slots=True)
class Question:
    """What the script is called with."""

    keys: list[str]
    arguments: list[str | int]


class Claim:
    """The tokens of one process, and its right to one of worker_ids.

    holder says in words who asks; draw_token gives a random one at each call.
    """

    def __init__(
        self,
        namespace: str,
        worker_ids: range,
        epoch_ms: int,
        holder: str,
        draw_token: Callable[[], str],
    ) -> None:
        self._namespace = namespace
        self._worker_ids = worker_ids
        self._epoch_ms = epoch_ms
        self._pin = f"layout={LAYOUT} epoch={epoch_ms}"
        self._holder = holder
        self._draw_token = draw_token
        self._token = draw_token()
        self._successor = draw_token()
        self.grant: Grant | None = None
        """What was granted to the token; None before, and once it is lost."""

    def ask_to_acquire(self, unix_ms: int) -> Question:
        """For a grant; unix_ms is the wall clock, as everywhere here."""
        return self._question("acquire", unix_ms, self._worker_ids, self._holder)

    def ask_to_extend(self, unix_ms: int) -> Question:
        """For a later ceiling."""
        return self._question("extend", unix_ms, self._held(), self._successor)

    def ask_to_release(self, unix_ms: int, last_unix_ms: int | None) -> Question:
        """For the end of the grant, of which nothing after last_unix_ms was used."""
        last = -1 if last_unix_ms is None else last_unix_ms
        return self._question("release", unix_ms, self._held(), self._successor, last)

    def hear_acquired(self, answer: Answer, unix_ms: int) -> None:
        """The answer to ask_to_acquire, heard at unix_ms.  Raises StoreUnavailable, BadSetting.

        Redis has judged the clock that was read when the question was asked.  Of a question that
        was long on its way that says nothing: a Redis that has lost its data and is as far behind
        would grant what was granted before.
        """
        if answer.outcome != "granted":
            raise self._refusal(answer)
        if abs(unix_ms - answer.unix_ms) > MAX_SKEW_MS:
            self._forget()
            raise StoreUnavailable(self._skewed(answer), "skewed")
        place, floor_unix_ms, ceiling_unix_ms = answer.numbers
        self.grant = Grant(self._worker_ids[place], floor_unix_ms, ceiling_unix_ms)

    def hear_extended(self, answer: Answer) -> Grant:
        """The grant as it is now.

        Raises StoreUnavailable: nothing has changed; TokenLost, StoreRestarted: forget it.
        """
        worker_id = self._still_held(answer, "granted").worker_id
        _, floor_unix_ms, ceiling_unix_ms = answer.numbers
        self._token, self._successor = self._successor, self._draw_token()
        self.grant = Grant(worker_id, floor_unix_ms, ceiling_unix_ms)
        return self.grant

    def hear_released(self, answer: Answer) -> None:
        """The answer to ask_to_release.  Raises as hear_extended does."""
        self._still_held(answer, "released")
        self._forget()

    def _question(
        self, operation: str, unix_ms: int, worker_ids: Sequence[int], *last: str | int
    ) -> Question:
        records = [record_key(self._namespace, worker_id) for worker_id in worker_ids]
        spans: list[str | int] = [GRANT_MS, QUARANTINE_MS, MAX_SKEW_MS]
        return Question(
            [pin_key(self._namespace), *records],
            [operation, unix_ms, self._pin, *spans, OLDEST_VERSION, self._token, *last],
        )

    def _held(self) -> list[int]:
        assert self.grant is not None
        return [self.grant.worker_id]

    def _still_held(self, answer: Answer, expected: str) -> Grant:
        if self.grant is None:
            raise TokenLost("the grant has been given back")
        if answer.outcome == expected:
            return self.grant
        refusal = self._refusal(answer)
        if isinstance(refusal, TokenLost | StoreRestarted):
            self._forget()
        elif answer.outcome == "broken":
            # Whose it is now nobody can tell, and under auto there are others.
            self._forget()
            raise TokenLost(str(refusal))
        elif isinstance(refusal, BadSetting):  # somebody has set the pin since the start
            raise StoreUnavailable(str(refusal), "pinned")
        raise refusal

    def _forget(self) -> None:
        self._token, self._successor, self.grant = self._draw_token(), self._draw_token(), None

    def _refusal(self, answer: Answer) -> StoreError | BadSetting:
        held = f"worker_id {self.grant.worker_id}" if self.grant else "the grant"
        match answer.outcome, *answer.numbers, *answer.texts:
            case ("taken", *_):
                return StoreUnavailable(self._taken(*answer.numbers, *answer.texts), "taken")
            case ("skewed",):
                return StoreUnavailable(self._skewed(answer), "skewed")
            case "pinned", pin:
                return BadSetting(
                    f"--epoch_ms: {self._epoch_ms} is not what namespace {self._namespace} of "
                    f"Redis is pinned to: {pin!r}"
                )
            case "old", version:
                told = f"Redis {version} is too old; {OLDEST_VERSION} or later is needed"
                return StoreUnavailable(told, "old")
            case "broken", key, problem:
                return StoreUnavailable(f"{key} holds no grant: {problem}", "broken")
            case "no_pin", key, problem:
                return StoreUnavailable(f"{key} holds no layout and epoch: {problem}", "broken")
            case ("lost",):
                return TokenLost(f"{held}: another process has it, or Redis has lost its data")
            case ("restarted",):
                return StoreRestarted(f"{held}: Redis was restarted")
        return StoreUnavailable(
            f"Redis answers {answer.outcome!r} where that makes no sense", "error"
        )

    def _skewed(self, answer: Answer) -> str:
        skew = f"{MAX_SKEW_MS} ms from Redis's, which is at {answer.unix_ms}"
        return f"this clock is more than {skew}"

    def _taken(self, free_unix_ms: int | str, holder: int | str) -> str:
        if len(self._worker_ids) == 1:
            return f"worker_id {self._worker_ids[0]} is held by {holder} until {free_unix_ms}"
        first, last = self._worker_ids[0], self._worker_ids[-1]
        return f"all worker_ids from {first} to {last} are taken; one may end at {free_unix_ms}"


def pin_key(namespace: str) -> str:
    """The key of the layout and epoch of a namespace."""
    return f"{namespace}:pin"


def record_key(namespace: str, worker_id: int) -> str:
    """The key of a worker_id's record."""
    return f"{namespace}:worker:{worker_id}"


def question_to_free(namespace: str, worker_id: int, token: str) -> Question:
    """For the end of this token's grant, by an operator: no clock and no pin of his is judged."""
    return Question(
        [pin_key(namespace), record_key(namespace, worker_id)],
        ["free", 0, "", GRANT_MS, QUARANTINE_MS, MAX_SKEW_MS, OLDEST_VERSION, token],
    )
