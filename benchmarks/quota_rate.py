"""A client that asks for checks at a fixed rate, and keeps book on what each caller was answered.

Of plain sockets and `select`: unlike fixed_rate of load.py it sleeps between two requests, and to
some microseconds, since servers, nginx and Redis need the cores that it is on.
"""

import select
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.contenders import Contender
from benchmarks.load import Sample

GIVE_UP_S = 5
"""How much longer than the run the last answers may take."""

Caller = tuple[str, str, str]
"""App, user and IP."""

_CHECKED = b'{"allowed":true,"rules":[{'
"""How an answer begins that the store was asked for; else there are no rules in it."""


@dataclass(frozen=True)
class QuotaSample(Sample):
    """A run, and what only runs of quotas tell."""

    mean_us: float = 0.0
    wrong: int = 0
    """By how many calls users were let through more or less often than they are to be.

    0 where that wasn't counted.
    """
    counter_bytes: float = 0.0
    """What a counter takes in Redis, where that was measured."""


class Book:
    """What users asked and were answered."""

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, str]] = Counter()
        self._allowed: Counter[tuple[str, str]] = Counter()
        self.denied = 0
        self.failed = 0
        """Answers that were no decision; calls that were let through unchecked are among them."""

    def note_question(self, caller: Caller) -> None:
        """A call that is being asked for."""
        self._asked[caller[:2]] += 1

    def note_answer(self, caller: Caller, head: bytes, body: bytes) -> None:
        """What was answered to it."""
        allowed, denied = (head.startswith(b"HTTP/1.1 %d " % code) for code in (200, 429))
        self._allowed[caller[:2]] += allowed
        self.denied += denied
        self.failed += not (denied or (allowed and body.startswith(_CHECKED)))

    def wrong(self, limit: int) -> int:
        """By how many calls users were let through more or less often than a limit for each."""
        calls = self._asked.items()
        return sum(abs(min(count, limit) - self._allowed[user]) for user, count in calls)


class _Connection:
    """Asks one request at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.due_s = 0.0
        self.caller: Caller = ("", "", "")

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self, caller: Caller, due_s: float) -> None:
        self.caller, self.due_s, self._received = caller, due_s, b""
        app, user, ip = caller
        target = f"/quota/check?app={app}&user={user}&interface=orders&ip={ip}"
        self._socket.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def hear(self) -> tuple[bytes, bytes] | None:
        """Head and body once they are there.  Raises ConnectionError."""
        received = self._socket.recv(65_536)
        if not received:
            raise ConnectionResetError
        self._received += received
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return (head, body) if end and len(body) >= int(length) else None

    def close(self) -> None:
        self._socket.close()


def checks_at_rate(
    contender: Contender,
    connections: int,
    seconds: float,
    rate: float,
    next_caller: Callable[[], Caller],
    limit: int,
) -> QuotaSample:
    """Ask at a steady rate; latency counts from when a request was due, not from when it left.

    limit: how often each app and user, who haven't called before, are to be let through.
    """
    every = [_Connection(contender.port) for _ in range(connections)]
    count, book = round(rate * seconds), Book()
    cpu_us, begun_s = contender.cpu_us(), time.perf_counter()
    latencies_s = _ask_all(every, count, rate, next_caller, book)
    took_s = time.perf_counter() - begun_s
    cpu_us = contender.cpu_us() - cpu_us
    for connection in every:
        connection.close()
    cuts = statistics.quantiles(latencies_s, n=1000)
    return QuotaSample(
        rate=len(latencies_s) / took_s,
        cpu_us=cpu_us / len(latencies_s),
        p50_us=cuts[499] * 1e6,
        p99_us=cuts[989] * 1e6,
        p999_us=cuts[998] * 1e6,
        refused=book.denied / len(latencies_s),
        failed=book.failed + count - len(latencies_s),
        mean_us=statistics.fmean(latencies_s) * 1e6,
        wrong=book.wrong(limit),
    )


def _ask_all(
    every: list[_Connection],
    count: int,
    rate: float,
    next_caller: Callable[[], Caller],
    book: Book,
) -> list[float]:
    """The latencies of the answers that came."""
    latencies_s: list[float] = []
    free, busy, sent = list(every), set[_Connection](), 0
    now_s = begun_s = time.perf_counter()
    while (busy or (free and sent < count)) and now_s < begun_s + count / rate + GIVE_UP_S:
        due_s = begun_s + sent / rate
        while free and sent < count and due_s <= now_s:
            connection, caller = free.pop(), next_caller()
            book.note_question(caller)
            connection.ask(caller, due_s)
            busy.add(connection)
            sent += 1
            due_s = begun_s + sent / rate
        wait_s = max(0.0, due_s - now_s) if free and sent < count else GIVE_UP_S
        for connection in select.select(busy, [], [], wait_s)[0]:
            try:
                answer = connection.hear()
            except ConnectionError:
                busy.remove(connection)  # and isn't used again: its answer is missing
                continue
            if answer is not None:
                latencies_s.append(time.perf_counter() - connection.due_s)
                book.note_answer(connection.caller, *answer)
                busy.remove(connection)
                free.append(connection)
        now_s = time.perf_counter()
    return latencies_s
