"""The servers of a client: from what people write to URLs.  Pure."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from idgen.errors import BadArgument, shown

MAX_SERVERS = 1024
_ALLOWED = "HOST:PORT or http[s]://HOST[:PORT][/PATH]"


def urls_of(servers: str | Iterable[str]) -> tuple[str, ...]:
    """The URL of each server, once, without a slash at its end.

    servers: `HOST:PORT` or URLs, in a list or in one string with commas or blanks between.
    Raises BadArgument for one that is neither, for none, and for more than MAX_SERVERS.
    """
    named = re.split(r"[,\s]+", servers.strip(", \t\r\n")) if isinstance(servers, str) else servers
    urls = tuple(dict.fromkeys(_url(server) for server in named if server != ""))
    if not urls:
        raise BadArgument(f"servers is empty; a server is {_ALLOWED}")
    if len(urls) > MAX_SERVERS:
        raise BadArgument(f"servers has {len(urls)} of them; at most {MAX_SERVERS} are allowed")
    return urls


def _url(server: str) -> str:
    text = str(server)
    try:
        is_url = "://" in text
        parts = urlsplit(text if is_url else f"http://{text}")
        is_right = isinstance(server, str) and not re.search(r"[^!-~]", text) and _is_right(parts)
        is_right = is_right and (is_url or parts.port is not None)
    except ValueError:  # a bracket that isn't closed, and what _is_right raises
        is_right = False
    if not is_right:
        # Without what may be somebody's password before an @.
        raise BadArgument(f"a server is {_ALLOWED}, not {shown(text.rpartition('@')[2])}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_right(parts: SplitResult) -> bool:
    """Raises ValueError for a port that is no number and a host that can't be a name."""
    (parts.hostname or "").encode("idna")
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and parts.username is None
        and parts.port != 0
        and not parts.query
        and not parts.fragment
    )
