"""Who is asking: the peer, or whom a proxy that is trusted speaks for."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from idgen.quota.rules import Check
from idgen.web.quota.parameters import MAX_KNOWN_ADDRESSES, counted_address, field


class Named(NamedTuple):
    """What the header of a request says of who sent it; anybody can write that."""

    app: str
    user: str
    forwarded: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Named":
        """headers: by name in lower case."""
        return cls(
            headers.get("x-app-id", ""),
            headers.get("x-user-id", ""),
            headers.get("x-forwarded-for", ""),
        )


class Proxies:
    """The networks whose word is taken."""

    def __init__(self, trusted: Iterable[IPv4Network | IPv6Network]) -> None:
        self._trusted = tuple(trusted)
        self._trusts = lru_cache(MAX_KNOWN_ADDRESSES)(self._looked_up)

    def check(self, peer: str, named: Named, interface: str, cost: int) -> Check:
        """A call by a peer, for the client that it names if it is trusted.  Raises BadRequest."""
        if not self._trusts(peer):
            return Check(None, None, interface, _counted(peer), cost)
        app, user = _name("X-App-Id", named.app), _name("X-User-Id", named.user)
        return Check(app, user, interface, self._client(named.forwarded), cost)

    def _client(self, forwarded: str) -> str | None:
        """The last address that a trusted proxy has named, from the nearest proxy outwards.

        None where there is none: the address of a proxy is nobody's to be counted by.
        """
        for text in reversed(forwarded.split(",")):
            address = _counted(text.strip())
            if address is None or not self._trusts(text.strip()):
                return address
        return None

    def _looked_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)


def _name(header: str, value: str) -> str | None:
    """The header's value, whose bytes are UTF-8; None where it is empty or not there."""
    if not value:
        return None
    return field(header, value.encode("latin-1").decode("utf-8", "surrogateescape"))


def _counted(address: str) -> str | None:
    try:
        return counted_address(address)
    except ValueError:
        return None
