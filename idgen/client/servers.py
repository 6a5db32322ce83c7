"""The servers of a client: from what people write to URLs.  Pure."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from idgen.errors import BadArgument

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
    text = server if "://" in str(server) else f"http://{server}"
    try:
        parts = urlsplit(text)
        is_right = _is_right(parts)
    except ValueError:  # a bracket that isn't closed, a port that is no number
        is_right = False
    if not is_right or re.search(r"[^!-~]", text):
        # Without what may be somebody's password before an @.
        raise BadArgument(f"a server is {_ALLOWED}, not {str(server).rpartition('@')[2]!r:.200}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_right(parts: SplitResult) -> bool:
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and parts.username is None
        and parts.port != 0
        and not parts.query
        and not parts.fragment
    )
