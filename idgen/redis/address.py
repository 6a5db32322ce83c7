"""Where a Redis is: the URL of the settings, taken apart.  Pure."""

import re
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

DEFAULT_PORT = 6379
DEFAULT_NAMESPACE = "flake"

_ALLOWED = "redis://HOST:PORT/DB?namespace=NAME or rediss:// with TLS"
_NAMESPACE = re.compile("[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A database of a Redis, and the prefix of the keys in it that are ours."""

    host: str
    port: int = DEFAULT_PORT
    database: int = 0
    namespace: str = DEFAULT_NAMESPACE
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """`redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DB][?namespace=NAME]`.

        Raises ValueError with what is allowed, in words without the password.
        """
        try:
            parts = urlsplit(url)
        except ValueError:  # a bracket that isn't closed
            raise ValueError(_ALLOWED) from None
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.fragment:
            raise ValueError(_ALLOWED)
        try:
            parts.hostname.encode("idna")
        except UnicodeError:
            raise ValueError(f"{_ALLOWED}; HOST is a name or an IP address") from None
        database = parts.path.strip("/") or "0"
        if not re.fullmatch("[0-9]{1,5}", database):
            raise ValueError(f"{_ALLOWED}; DB is a number")
        return cls(
            host=parts.hostname,
            port=_port(parts),
            database=int(database),
            namespace=_namespace(parts.query),
            tls=parts.scheme == "rediss",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    def with_password(self, password: str) -> Self:
        """The same, with this password unless the URL had one; "" is none."""
        return self if self.password or not password else replace(self, password=password)

    def __str__(self) -> str:
        """For logs and messages: all of it but who logs in."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://{host}:{self.port}/{self.database}?namespace={self.namespace}"


def without_secrets(text: str) -> str:
    """The text, quoted, up to what may be somebody's URL, whatever is wrong with that."""
    kept = re.split("[:/@]", text, maxsplit=1)[0]
    kept = "" if text[len(kept) :].startswith("@") else text[: len(kept) + 1]
    return repr(kept + ("…" if kept != text else ""))


def _port(parts: SplitResult) -> int:
    try:
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"{_ALLOWED}; PORT is a number from 1 to 65535")
    return port


def _namespace(query: str) -> str:
    settings = parse_qsl(query, keep_blank_values=True)
    for name, _ in settings:
        if name != "namespace" or len(settings) > 1:
            raise ValueError(f"{_ALLOWED}; namespace may stand there, once")
    namespace = settings[0][1] if settings else DEFAULT_NAMESPACE
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"{_ALLOWED}; NAME is 1 to 64 letters, digits, dots, hyphens or _")
    return namespace
