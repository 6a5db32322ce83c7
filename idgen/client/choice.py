"""Which server is asked first, and which last.  Pure: time and chance are arguments.

Servers are asked in an order that is new for each call.  One that fails goes to the back for a
while, twice as long each time; then one call tries it again, while the others still keep away, and
no call tries more than one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

FIRST_BACK_S = 0.1
"""How long a server that has failed once stays at the back."""
LONGEST_BACK_S = 10.0


@dataclass(slots=True)
class _Server:
    failures: int = 0
    """In a row."""
    failed_s: float = 0.0
    back_until_s: float = 0.0

    @property
    def back_s(self) -> float:
        return min(FIRST_BACK_S * 2.0 ** min(self.failures - 1, 30), LONGEST_BACK_S)


class Choice:
    """What is known of some servers.  chance: gives a number from 0 to 1."""

    def __init__(self, servers: Iterable[str], chance: Callable[[], float]) -> None:
        self._servers = {server: _Server() for server in servers}
        self._chance = chance

    def order(self, now_s: float) -> list[str]:
        """All servers: first those in good order by chance, then those that failed.

        One that has been at the back for its time, the first of them, stands among those in good
        order.  The others come after these: who failed least often first, and then whose time at
        the back ends first.
        """
        due = [
            (known.back_until_s, server)
            for server, known in self._servers.items()
            if known.failures and known.back_until_s <= now_s
        ]
        tried = min(due)[1] if due else None

        def key(server: str) -> tuple[int, float]:
            known = self._servers[server]
            if not known.failures or server == tried:
                return 0, self._chance()
            return known.failures, known.back_until_s

        return sorted(self._servers, key=key)

    def has_failed(self, server: str) -> bool:
        """Whether the last that was heard of it is a failure."""
        return self._servers[server].failures > 0

    def asked(self, server: str, now_s: float) -> None:
        """It is being asked; if it has failed before, others keep away until that is over."""
        known = self._servers[server]
        if known.failures:
            known.back_until_s = max(known.back_until_s, now_s + known.back_s)

    def failed(self, server: str, asked_s: float, now_s: float) -> None:
        """It failed, having been asked at asked_s.

        Calls that were under way together count once, or ten threads would make of one failure
        ten.
        """
        known = self._servers[server]
        if not known.failures or asked_s >= known.failed_s:
            known.failures += 1
        known.failed_s = now_s
        known.back_until_s = max(known.back_until_s, now_s + known.back_s)

    def worked(self, server: str) -> None:
        """It gave IDs."""
        self._servers[server] = _Server()
