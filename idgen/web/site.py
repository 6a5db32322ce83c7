"""What the handlers of one process share."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from idgen.batches import BatchQueue
from idgen.service import IdService
from idgen.stats import Stats


@dataclass(slots=True)
class Site:
    """The parts that answers are made from, and the state of serving them."""

    service: IdService
    batches: BatchQueue
    stats: Stats
    registry: CollectorRegistry
    draining: bool = False
    in_flight: int = 0
    """Requests whose answer has not been handed to its connection yet."""
