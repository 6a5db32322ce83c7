"""The client for threads and processes, on requests."""

import os
import random
import threading
from collections.abc import Iterable, Iterator
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, Self

from idgen.client import settings
from idgen.client.buffer import Buffer
from idgen.client.call import Call, Rules
from idgen.client.errors import ClientClosed
from idgen.client.over_requests import Transport
from idgen.client.prefetch import Prefetch
from idgen.client.turns import Turns
from idgen.client.wiped import Wiped
from idgen.limits import MAX_BATCH_IDS


class Client:
    """Unique 64-bit IDs from any of some servers.

        with Client(["10.0.0.1:8080", "10.0.0.2:8080"]) as ids:
            ids.next_id()

    One client serves any number of threads; a forked child may go on using it, and shares no ID
    and no connection with its parent.  Making one does nothing yet: connections and the thread
    that prefetches begin with the first ID.

    servers: `HOST:PORT` or URLs, in a list or in one string with commas between.
    timeout_s: for one attempt, from connecting to the last byte; 0.1 s is added for a batch, which
    may wait in the server.
    deadline_s: for a call, all its attempts together.
    prefetch: how many IDs to keep at hand, 0..131072; 0: none, each call asks a server.
    max_age_s: the longest that an ID is kept at hand.  It carries the time at which it was made.

    Raises BadArgument, which is a ValueError; the methods raise a ClientError where no ID can be
    had, which tells the attempts.
    """

    def __init__(
        self,
        servers: str | Iterable[str],
        *,
        timeout_s: float = settings.TIMEOUT_S,
        deadline_s: float = settings.DEADLINE_S,
        prefetch: int = 0,
        max_age_s: float = settings.MAX_AGE_S,
    ) -> None:
        self._settings = settings.checked(servers, timeout_s, deadline_s, prefetch, max_age_s)
        self._is_closed = False
        self._starting = threading.Lock()
        self._own = _Own(self._settings)
        self._buffer = self._own.buffer

    @classmethod
    def from_env(cls, **others: Any) -> Self:
        """A client of the servers in FLAKE_SERVERS.  Raises BadArgument where it isn't set."""
        return cls(settings.servers_from(os.environ), **others)

    def next_id(self) -> int:
        """One ID, 0..2^63-1.  Raises a ClientError."""
        # In one function: with prefetch, each call more would cost a fifth.
        buffer = self._buffer
        if monotonic() < buffer.expires_s[0]:
            try:
                return buffer.pop()
            except IndexError:
                pass  # the block is used up
        own = self._of_this_process()
        return own.asker.ask(1)[0] if own.prefetch is None else own.prefetch.next_id()

    def next_ids(self, n: int) -> list[int]:
        """n IDs, 1..65536: those at hand first, the rest in ascending order from one server.

        Raises BadArgument and ClientError; IDs at hand are then lost, never given again.
        """
        settings.check_count("n", n, 1, MAX_BATCH_IDS)
        own = self._of_this_process()
        ids = own.prefetch.take(n) if own.prefetch is not None else []
        return ids + own.asker.ask(n - len(ids)) if len(ids) < n else ids

    def close(self) -> None:
        """End the connections and the prefetch.  Nothing is lost but the numbers at hand."""
        self._is_closed = True
        own = self._of_this_process()
        own.asker.close()
        if own.prefetch is not None:
            own.prefetch.close()

    def __iter__(self) -> Iterator[int]:
        """IDs without end."""
        return self

    def __next__(self) -> int:
        return self.next_id()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client can't be copied or pickled: IDs would be given twice")

    def _of_this_process(self) -> "_Own":
        """What it has here; in a child that was forked, made when first it is wanted."""
        if self._own.is_a_parents:
            with self._starting:
                if self._own.is_a_parents:
                    own = _Own(self._settings)
                    if self._is_closed:
                        own.asker.close()
                    self._own, self._buffer = own, own.buffer
        return self._own


class _Own:
    """All that must not be in two processes: connections, IDs, locks, a thread."""

    def __init__(self, chosen: settings.Settings) -> None:
        self._mark = Wiped()
        self._expires_s = Wiped()
        self.asker = _Asker(chosen)
        self.buffer = Buffer(chosen.prefetch, chosen.max_age_s, self._expires_s.number)
        self.prefetch = (
            Prefetch(self.asker.ask, self.buffer, chosen.deadline_s) if chosen.prefetch else None
        )
        self._mark.number[0] = 1.0

    @property
    def is_a_parents(self) -> bool:
        """Whether this process was forked since."""
        return self._mark.number[0] == 0.0


class _Asker:
    """Asks servers, for any number of threads."""

    def __init__(self, chosen: settings.Settings) -> None:
        self._rules = Rules(chosen, random.random)
        self._lock = threading.Lock()
        """For the rules."""
        self._turns = Turns(settings.MAX_ATTEMPTS)
        self._transport = Transport()
        self._is_closed = False

    def ask(self, count: int, begun_s: float | None = None) -> list[int]:
        """So many IDs of one server, in ascending order.  Raises a ClientError.

        begun_s: when the caller began, if that wasn't now; its deadline counts from then.
        """
        with self._lock:
            call = self._rules.begin(count, monotonic() if begun_s is None else begun_s)
        ids = None
        while ids is None:
            ids = self._in_turn(call, count)
        return ids

    def close(self) -> None:
        """Whoever asks from now on is told so, and whoever asks now after the attempt."""
        self._is_closed = True
        self._transport.close()

    def _in_turn(self, call: Call, count: int) -> list[int] | None:
        has_turn = False
        try:
            has_turn = self._turns.take(call.deadline_s - monotonic())
            if self._is_closed:
                raise ClientClosed
            return self._attempt(call, count)  # without a turn it tells that the deadline is over
        finally:
            if has_turn:
                self._turns.give_back()

    def _attempt(self, call: Call, count: int) -> list[int] | None:
        with self._lock:
            url, timeout_s = call.next_attempt(monotonic())
        reply = self._transport.get(url, count, timeout_s)
        with self._lock:
            return call.judge(reply, monotonic())
