"""Traffic: batches in waves, so that there is something to see."""

import http.client
import math
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

PAUSE_S = 0.1
LEAST, MOST = 5, 45
WAVE_S = 40
TIMEOUT_S = 5


class Traffic:
    """A thread a port that asks for IDs, whatever the answer, until the end of the block."""

    def __init__(self, *ports: int) -> None:
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(port, place))
            for place, port in enumerate(ports)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, port: int, place: int) -> None:
        while not self._ended.wait(PAUSE_S):
            wave = math.sin(time.monotonic() * math.tau / WAVE_S + place)
            ids = round(LEAST + (MOST - LEAST) * (1 + wave) / 2)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", f"/?n={ids}")
                connection.getresponse().read()
            connection.close()


class Flood(Traffic):
    """Many clients at once, each of whom takes the largest batches from one process.

    Together they ask for several times what a worker has in the time that a batch may wait.
    """

    CLIENTS = 24

    def __init__(self, port: int) -> None:
        super().__init__(*[port] * self.CLIENTS)

    def _ask(self, port: int, place: int) -> None:
        while not self._ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
            with suppress(OSError, http.client.HTTPException):
                accept = {"Accept": "application/octet-stream"}
                connection.request("GET", "/?n=65536", headers=accept)
                connection.getresponse().read()
            connection.close()
