"""One GET over requests: the reply, or what became of it.  Safe for threads."""

import ssl
from collections.abc import Iterator

import requests
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from idgen.client.errors import Outcome
from idgen.client.reply import BINARY, Failure, Reply, room
from idgen.client.servers import MAX_SERVERS
from idgen.client.settings import MAX_ATTEMPTS
from idgen.client.timed import TimedAdapter

MAX_REQUESTS = 4096
"""Prepared requests that are kept; past that they start anew."""


class Transport:
    """Connections that are kept open.

    requests' Session is left out: it isn't safe for threads, and for each request it looks for
    proxies, a .netrc, cookies and redirects, none of which belongs between a process and its IDs.
    """

    def __init__(self) -> None:
        self._adapter = TimedAdapter(MAX_SERVERS, MAX_ATTEMPTS)
        self._prepared: dict[str, requests.PreparedRequest] = {}
        paths = ssl.get_default_verify_paths()
        self._verify = paths.cafile or paths.capath or True
        """What the system trusts, SSL_CERT_FILE included."""

    def get(self, url: str, count: int, timeout_s: float) -> Reply | Failure:
        """Connect and read within timeout_s; never raises for what the network does."""
        try:
            response = self._adapter.send(
                self._request(url),
                stream=True,
                timeout=Timeout(total=timeout_s),  # type: ignore[arg-type] # its docstring allows it
                verify=self._verify,
            )
            body = _body(response.raw, room(response.status_code, count))
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return _failure(error)
        return Reply(response.status_code, body)

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        self._adapter.close()

    def _request(self, url: str) -> requests.PreparedRequest:
        request = self._prepared.get(url)
        if request is None:
            if len(self._prepared) >= MAX_REQUESTS:
                self._prepared.clear()
            headers = {"Accept": BINARY, "User-Agent": "flake-client"}
            request = self._prepared[url] = requests.Request("GET", url, headers).prepare()
        return request


def _body(raw: BaseHTTPResponse, limit: int) -> bytes:
    """At most so many bytes of the body."""
    body = raw.read(limit)
    if len(body) < limit:
        raw.read()  # nothing is left; so http.client learns it, and the connection is kept
    else:
        raw.close()
    return body


def _failure(error: Exception) -> Failure:
    causes = list(_causes(error))
    detail = next(
        (each.strerror for each in causes if isinstance(each, OSError) and each.strerror), ""
    )
    if any(isinstance(each, requests.exceptions.SSLError) for each in causes):
        return Failure(Outcome.REFUSED, "TLS: " + (detail or str(causes[-1])))
    if any(isinstance(each, NewConnectionError) for each in causes):
        return Failure(Outcome.REFUSED, detail or str(causes[-1]))
    if any(isinstance(each, requests.Timeout | ReadTimeoutError) for each in causes):
        return Failure(Outcome.TIMED_OUT)
    return Failure(Outcome.BROKE_OFF, detail or str(causes[-1]))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, outermost first; libraries nest them in more than one way."""
    yield error
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    inner = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    if inner is not None:
        yield from _causes(inner)
