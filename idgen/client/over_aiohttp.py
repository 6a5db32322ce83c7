"""One GET over aiohttp: the reply, or what became of it.  For one event loop."""

import asyncio

import aiohttp
from yarl import URL

from idgen.client.errors import Outcome
from idgen.client.reply import BINARY, Failure, Reply, room
from idgen.client.servers import MAX_SERVERS
from idgen.client.settings import MAX_ATTEMPTS


class Transport:
    """Connections that are kept open.  To be made while the loop runs."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_SERVERS * MAX_ATTEMPTS, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
            headers={"Accept": BINARY, "User-Agent": "flake-client"},
            skip_auto_headers=("Accept-Encoding",),
            auto_decompress=False,
        )

    async def get(self, url: str, count: int, timeout_s: float) -> Reply | Failure:
        """Connect and read within timeout_s; never raises for what the network does."""
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.get(URL(url, encoded=True), allow_redirects=False) as response,
            ):
                limit = room(response.status, count)
                body = await _body(response, limit)
                return Reply(response.status, body)
        except TimeoutError:
            return Failure(Outcome.TIMED_OUT)
        except aiohttp.ClientSSLError as error:
            return Failure(Outcome.REFUSED, f"TLS: {error.os_error.strerror or error.os_error}")
        except aiohttp.ClientConnectorError as error:
            return Failure(Outcome.REFUSED, error.os_error.strerror or str(error.os_error))
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            # uvloop raises a RuntimeError where a connection was reset while it was idle, Python
            # a UnicodeError (a ValueError) for a host that can't be a name.
            return Failure(Outcome.BROKE_OFF, str(error) or type(error).__name__)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """At most so many bytes of the body; with more of them to come the connection isn't kept."""
    body = b""
    while len(body) < limit and (chunk := await response.content.read(limit - len(body))):
        body += chunk
    return body
