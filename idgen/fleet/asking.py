"""Asking a process for its figures, over HTTP."""

import asyncio
import json
import socket
from collections.abc import Callable
from http import HTTPStatus

from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from idgen.fleet.figures import Figures, NotFigures, dumps, figures_of
from idgen.fleet.names import Names
from idgen.fleet.rows import Heard
from idgen.plain import plain

TIMEOUT_MS = 500
"""For a connection and for the answer, all in all."""

MAX_AT_ONCE = 16
MAX_BODY_BYTES = 64 * 1024
MAX_TOLD = 200

FIGURES_PATH = "/worker.json"
DRAINING = b"draining"
"""How the refusal of a process begins that is about to stop."""


class NoFigures(Exception):
    """A process told none; the message says what happened instead."""

    def __init__(self, told: str, *, answers: bool) -> None:
        super().__init__(told)
        self.answers = answers
        """Whether it answered at all, in the words of the service."""


class Asking:
    """Asks processes by their HOST:PORT, MAX_AT_ONCE of them at once."""

    def __init__(self, wall_clock_ms: Callable[[], int], monotonic_s: Callable[[], float]) -> None:
        self._wall_clock_ms = wall_clock_ms
        self._monotonic_s = monotonic_s
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._client = SimpleAsyncHTTPClient(
            force_instance=True,
            max_clients=MAX_AT_ONCE,
            max_body_size=MAX_BODY_BYTES,
            resolver=Names(monotonic_s=monotonic_s, look_up=socket.getaddrinfo),
        )

    async def ask(self, address: str) -> Heard:
        """The figures of a process.  Raises NoFigures."""
        async with self._turns:
            unix_ms, begun_s = self._wall_clock_ms(), self._monotonic_s()
            answer = await self._fetch(address)
            round_trip_ms = (self._monotonic_s() - begun_s) * 1000
        figures = _figures(answer)
        return Heard(
            figures,
            dumps(figures.document()),
            unix_ms=unix_ms + round(round_trip_ms),
            offset_ms=round(figures.unix_ms - unix_ms - round_trip_ms / 2, 1),
            round_trip_ms=round(round_trip_ms, 1),
        )

    async def _fetch(self, address: str) -> HTTPResponse:
        request = HTTPRequest(
            f"http://{address}{FIGURES_PATH}",
            connect_timeout=TIMEOUT_MS / 1000,
            request_timeout=TIMEOUT_MS / 1000,
            follow_redirects=False,
            decompress_response=False,
        )
        try:
            return await self._client.fetch(request, raise_error=False)
        except HTTPTimeoutError:
            raise NoFigures(f"no answer within {TIMEOUT_MS} ms", answers=False) from None
        except OSError as error:
            raise NoFigures(_bounded(error.strerror or str(error)), answers=False) from None
        except Exception as error:  # a peer may send anything, and Tornado raise as many things
            raise NoFigures(_bounded(f"no answer in HTTP: {error}"), answers=False) from None


def _figures(answer: HTTPResponse) -> Figures:
    if answer.code == HTTPStatus.SERVICE_UNAVAILABLE and answer.body.startswith(DRAINING):
        told = answer.body.decode("ascii", "backslashreplace")
        raise NoFigures(_bounded(told), answers=True)
    if answer.code != HTTPStatus.OK:
        raise NoFigures(f"{FIGURES_PATH} is answered with {answer.code}", answers=False)
    try:
        return figures_of(json.loads(answer.body))
    except (ValueError, RecursionError):
        raise NoFigures(f"{FIGURES_PATH} is no JSON", answers=False) from None
    except NotFigures as error:
        told = f"{FIGURES_PATH} is of another version: {error}"
        raise NoFigures(_bounded(told), answers=False) from None


def _bounded(told: str) -> str:
    """What somebody else may have worded, as one line of a table."""
    return plain(told)[:MAX_TOLD]
