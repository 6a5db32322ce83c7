"""What a client is made with, checked once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from idgen.client.servers import urls_of
from idgen.errors import BadArgument, shown
from idgen.limits import MAX_BATCH_IDS

SERVERS_VARIABLE = "FLAKE_SERVERS"
TIMEOUT_S = 0.05
DEADLINE_S = 1.0
MAX_AGE_S = 10.0
LONGEST_S = 3600.0
"""No time-out, deadline or age is longer."""
MAX_ATTEMPTS = 16
"""Under way at once in one client; further calls wait for their turn, within their deadline.

As many keep a core busy.  More would only wait for it, and be taken for a server that is slow.
"""
MAX_PREFETCH = 2 * MAX_BATCH_IDS
"""Two blocks, each a batch."""


@dataclass(frozen=True, slots=True)
class Settings:
    """urls: of the servers.  The rest as Client has it."""

    urls: tuple[str, ...]
    timeout_s: float
    deadline_s: float
    prefetch: int
    max_age_s: float


def checked(
    servers: str | Iterable[str],
    timeout_s: float,
    deadline_s: float,
    prefetch: int,
    max_age_s: float,
) -> Settings:
    """Raises BadArgument, which names the argument, its value and what is allowed."""
    for name, value in (
        ("timeout_s", timeout_s),
        ("deadline_s", deadline_s),
        ("max_age_s", max_age_s),
    ):
        if not isinstance(value, int | float) or not 0 < value <= LONGEST_S:
            allowed = f"above 0 and at most {LONGEST_S:g} s"
            raise BadArgument(f"{name} must be {allowed}, not {shown(value)}")
    check_count("prefetch", prefetch, 0, MAX_PREFETCH)
    return Settings(urls_of(servers), timeout_s, deadline_s, prefetch, max_age_s)


def servers_from(environment: Mapping[str, str]) -> str:
    """FLAKE_SERVERS.  Raises BadArgument where it isn't there."""
    servers = environment.get(SERVERS_VARIABLE)
    if servers is None:
        raise BadArgument(
            f"{SERVERS_VARIABLE} is not set; it names the servers, such as "
            f"{SERVERS_VARIABLE}=10.0.0.1:8080,10.0.0.2:8080"
        )
    return servers


def check_count(name: str, count: int, low: int, high: int) -> None:
    """Raises BadArgument unless it is a whole number from low to high."""
    if not isinstance(count, int) or not low <= count <= high:
        raise BadArgument(f"{name} must be a whole number from {low} to {high}, not {shown(count)}")
