"""The client for threads and processes, on requests."""

import os
import random
import threading
from collections.abc import Iterable, Iterator
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, Self

from idgen.client import settings
from idgen.client.after_fork import watch
from idgen.client.buffer import Buffer
from idgen.client.call import Call, Rules
from idgen.client.errors import ClientClosed
from idgen.client.over_requests import Transport
from idgen.client.prefetch import Prefetch
from idgen.client.wiped import wiped_number
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
        self._begin()
        watch(self, Client._start_anew)

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
        self._start_anew_if_forked()
        return self._asker.ask(1)[0] if self._prefetch is None else self._prefetch.next_id()

    def next_ids(self, n: int) -> list[int]:
        """n IDs, 1..65536: those at hand first, the rest in ascending order from one server.

        Raises BadArgument and ClientError; IDs at hand are then lost, never given again.
        """
        settings.check_count("n", n, 1, MAX_BATCH_IDS)
        self._start_anew_if_forked()
        ids = self._prefetch.take(n) if self._prefetch is not None else []
        return ids + self._asker.ask(n - len(ids)) if len(ids) < n else ids

    def close(self) -> None:
        """End the connections and the prefetch.  Nothing is lost but the numbers at hand."""
        self._is_closed = True
        if self._prefetch is not None:
            self._prefetch.close()
        self._asker.close()

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

    def _begin(self) -> None:
        self._pid = os.getpid()
        size = self._settings.prefetch
        self._asker = _Asker(self._settings)
        self._buffer = Buffer(size, self._settings.max_age_s, wiped_number())
        self._prefetch = Prefetch(self._asker.ask, self._buffer) if size else None

    def _start_anew_if_forked(self) -> None:
        if os.getpid() != self._pid:  # by C, or after_fork.py would have seen to it
            self._start_anew()

    def _start_anew(self) -> None:
        """In a child: what the parent holds is its own."""
        if self._prefetch is not None:
            self._prefetch.close.detach()  # would wait for a lock that a thread of the parent has
        self._begin()
        if self._is_closed:
            self.close()


class _Asker:
    """Asks servers, for any number of threads."""

    def __init__(self, chosen: settings.Settings) -> None:
        self._rules = Rules(chosen, random.random)
        self._lock = threading.Lock()
        """For the rules."""
        self._turns = threading.Semaphore(settings.MAX_ATTEMPTS)
        self._transport = Transport()
        self.is_closed = False

    def ask(self, count: int) -> list[int]:
        """So many IDs of one server, in ascending order.  Raises a ClientError."""
        if self.is_closed:
            raise ClientClosed
        with self._lock:
            call = self._rules.begin(count, monotonic())
        ids = None
        while ids is None:
            has_turn = self._turns.acquire(timeout=max(0.0, call.deadline_s - monotonic()))
            try:
                ids = self._attempt(call, count)
            finally:
                if has_turn:
                    self._turns.release()
        return ids

    def _attempt(self, call: Call, count: int) -> list[int] | None:
        with self._lock:
            url, timeout_s = call.next_attempt(monotonic())
        reply = self._transport.get(url, count, timeout_s)
        with self._lock:
            return call.judge(reply, monotonic())

    def close(self) -> None:
        self.is_closed = True
        self._transport.close()
