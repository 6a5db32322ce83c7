"""Where processes listen: HOST:PORT, from what people write and back.  Pure."""

import re
from ipaddress import IPv6Address

MAX_PEERS = 1024
"""As many as there are worker_ids."""

PEERS_ALLOWED = f"HOST:PORT or HOST:FIRST-LAST, with commas between them, up to {MAX_PEERS} ports"

_PEER = re.compile(
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])"
    r":(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?"
)


def host_and_port(host: str, port: int) -> str:
    """`10.0.0.1:8000`, `[::1]:8000`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def peers_of(text: str) -> tuple[str, ...]:
    """Each HOST:PORT once, in order; of a span of ports each.  Raises ValueError."""
    parts = [part.strip() for part in text.split(",")]
    try:
        peers = dict.fromkeys(peer for part in parts if part for peer in _span(part))
    except ValueError:
        peers = {}
    if len(peers) > MAX_PEERS or (not peers and any(parts)):
        raise ValueError(PEERS_ALLOWED)
    return tuple(peers)


def _span(text: str) -> list[str]:
    found = _PEER.fullmatch(text)
    if found is None:
        raise ValueError(text)
    if found["host"].startswith("["):
        IPv6Address(found["host"].strip("[]"))
    first = int(found["first"])
    last = int(found["last"] or first)
    if not 1 <= first <= last <= 65_535 or last - first >= MAX_PEERS:
        raise ValueError(text)
    return [f"{found['host']}:{port}" for port in range(first, last + 1)]
