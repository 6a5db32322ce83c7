"""What the script answers, taken apart.  Pure."""

from dataclasses import dataclass
from typing import Any, Self

from idgen.grants.store import StoreUnavailable
from idgen.plain import plain

Reply = Any
"""Of Redis: what grants.lua returns, if it was grants.lua."""

_FACTS = {
    "granted": (int, int, int),
    "released": (),
    "taken": (int, bytes),
    "skewed": (),
    "pinned": (bytes,),
    "old": (bytes,),
    "broken": (bytes, bytes),
    "no_pin": (bytes, bytes),
    "lost": (),
    "restarted": (),
}
"""The types of what belongs to each outcome; grants.lua tells the meaning."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome, Redis's clock in Unix ms, and the facts: numbers and texts."""

    outcome: str
    unix_ms: int
    numbers: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, reply: Reply) -> Self:
        """Raises StoreUnavailable where the reply isn't one of grants.lua's."""
        match reply:
            case [bytes(word), int(unix_ms), *facts]:
                outcome = plain(word)
                if tuple(map(type, facts)) == _FACTS.get(outcome):
                    numbers = tuple(fact for fact in facts if isinstance(fact, int))
                    texts = tuple(plain(fact) for fact in facts if isinstance(fact, bytes))
                    return cls(outcome, unix_ms, numbers, texts)
        raise StoreUnavailable(
            f"Redis answers {plain(repr(reply))[:80]}, which grants.lua never does", "error"
        )
