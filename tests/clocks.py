"""Clocks that a test moves, and a service that may issue whatever they tell."""

from collections.abc import Callable
from dataclasses import dataclass

from idgen.grant import Grant
from idgen.layout import Layout
from idgen.service import IdService


@dataclass
class WallClock:
    """Unix milliseconds that stand still until they are set, or are read off another clock."""

    unix_ms: int = 1795219200123
    reading: Callable[[], int] | None = None

    def __call__(self) -> int:
        return self.reading() if self.reading else self.unix_ms


@dataclass
class MonotonicClock:
    """Seconds that stand still until they are set."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def granted_service(
    worker_id: int, wall_clock_ms: Callable[[], int], layout: Layout | None = None
) -> IdService:
    """A service with a grant for all time, so that the clock alone matters."""
    layout = layout or Layout()
    service = IdService(layout, worker_id, wall_clock_ms, longest_wait_ms=1000)
    service.begin_grant(Grant(worker_id, -1, layout.last_unix_ms))
    return service
