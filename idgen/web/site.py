"""What the handlers of one process share."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from idgen.batches import BatchQueue
from idgen.fleet.watch import FleetWatch
from idgen.fleet.worker import Worker
from idgen.quota.service import Quota
from idgen.service import IdService
from idgen.stats import Stats
from idgen.web.answers import Answer
from idgen.web.quota.guard import Guard
from idgen.web.refusals import Refusals
from idgen.web.wire import Wire


@dataclass(slots=True)
class Site:
    """The parts that answers are made from, and the state of serving them."""

    service: IdService
    batches: BatchQueue
    stats: Stats
    registry: CollectorRegistry
    wire: Wire
    refusals: Refusals
    worker: Worker
    fleet: FleetWatch
    ui: dict[str, Answer]
    quota: Quota | None = None
    guard: Guard | None = None
    """What `/` costs; both are None where no rules are loaded."""
    draining: bool = False
