"""One call: who is asked, in which order and for how long, until it succeeds or is given up.

Pure.  A Call says what to try next, the caller does it and tells what came of it:

    call = rules.begin(count, clock())
    while True:
        url, timeout_s = call.next_attempt(clock())  # raises what ends the call
        ids = call.judge(fetch(url, timeout_s), clock())  # raises where no server would do
        if ids is not None:
            return ids

- Each server is asked once, in the order of choice.py, for timeout_s at most.
- What is left of the deadline goes to one last attempt: at the only server, or, where each of
  several has failed, at the one that has failed least of those that took the connection.  It may
  only be slow: without this a stall of the last living server would be an error.
- A connection that breaks off before an answer may be one that the server had closed for idleness;
  so a server in good order is asked once more, at once.  An ID that was lost on the way is no harm.
- Asking a server that is known to fail, after another one, is paid from the budget.  Going on to
  one that is in good order is free, that is what it is there for; and so is going on after nothing
  but connections that were refused, since those were no work for anybody.
"""

from collections.abc import Callable

from idgen.client.budget import RetryBudget
from idgen.client.choice import Choice
from idgen.client.errors import (
    Attempt,
    DeadlinePassed,
    NoServerAnswered,
    Outcome,
    RequestRefused,
    RetryBudgetSpent,
)
from idgen.client.reply import Failure, Reply, ids_of, target, words
from idgen.client.settings import Settings
from idgen.limits import MAX_BATCH_WAIT_MS


class Rules:
    """What the calls of one client share.  For one thread at a time."""

    def __init__(self, settings: Settings, chance: Callable[[], float]) -> None:
        self.settings = settings
        self.choice = Choice(settings.urls, chance)
        self.budget = RetryBudget()

    def begin(self, count: int, now_s: float) -> "Call":
        """A call for so many IDs."""
        return Call(self, count, now_s)


class Call:
    """The state of one call.  Times are of any monotonic clock, in seconds."""

    def __init__(self, rules: Rules, count: int, now_s: float) -> None:
        settings = rules.settings
        self._choice, self._budget = rules.choice, rules.budget
        self._count = count
        self.deadline_s = now_s + settings.deadline_s
        # A batch may wait in the server for its first number.
        self._timeout_s = settings.timeout_s + (MAX_BATCH_WAIT_MS / 1000 if count > 1 else 0)
        self._order = rules.choice.order(now_s)
        self._may_ask_again = len(self._order) > 1
        self._asked_again: set[str] = set()
        self._attempts: list[Attempt] = []
        self._has_asked = False
        """Whether an attempt has been more than a connection that was refused."""
        self._server = ""
        self._asked_s = now_s

    def next_attempt(self, now_s: float) -> tuple[str, float]:
        """The URL to get, and for how many seconds at most.

        Raises NoServerAnswered, DeadlinePassed, RetryBudgetSpent: the call has failed.
        """
        left_s = self.deadline_s - now_s
        if not self._order and self._may_ask_again:
            self._may_ask_again = False
            self._order = self._not_refused(now_s)[:1]
        if not self._order:
            raise NoServerAnswered(tuple(self._attempts))
        is_paid = self._has_asked and self._choice.has_failed(self._order[0])
        if is_paid and not self._budget.has_some:
            raise RetryBudgetSpent(tuple(self._attempts))
        if left_s <= 0:
            raise DeadlinePassed(tuple(self._attempts))
        if is_paid:
            self._budget.spend()
        self._server, self._asked_s = self._order.pop(0), now_s
        self._choice.asked(self._server, now_s)
        return self._server + target(self._count), self._patience_s(left_s)

    def judge(self, reply: Reply | Failure, now_s: float) -> list[int] | None:
        """The IDs, or None: try the next.

        Raises RequestRefused: a 400 is the request's fault, and every server would say so.
        """
        if isinstance(reply, Reply) and reply.status == 400:
            raise RequestRefused(self._server, words(reply), tuple(self._attempts))
        ids = reply if isinstance(reply, Failure) else ids_of(reply, self._count)
        if not isinstance(ids, Failure):
            self._choice.worked(self._server)
            self._budget.earn()
            return ids
        took_s = now_s - self._asked_s
        self._has_asked |= ids.outcome is not Outcome.REFUSED
        self._attempts.append(Attempt(self._server, ids.outcome, ids.detail, took_s))
        if ids.outcome is Outcome.BROKE_OFF and self._may_be_an_old_connection():
            self._asked_again.add(self._server)
            self._order.insert(0, self._server)
        else:
            self._choice.failed(self._server, self._asked_s, now_s)
        return None

    def _may_be_an_old_connection(self) -> bool:
        return self._server not in self._asked_again and not self._choice.has_failed(self._server)

    def _not_refused(self, now_s: float) -> list[str]:
        gone = {each.server for each in self._attempts if each.outcome is Outcome.REFUSED}
        return [server for server in self._choice.order(now_s) if server not in gone]

    def _patience_s(self, left_s: float) -> float:
        """All that is left for the last attempt that there can be."""
        if self._budget.has_some:
            is_last = not self._order and not self._may_ask_again
        else:
            is_last = not self._order or self._choice.has_failed(self._order[0])
        return left_s if is_last else min(self._timeout_s, left_s)
