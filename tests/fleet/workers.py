"""Workers as tests want them."""

from dataclasses import replace
from typing import Any

from idgen.fleet.figures import Figures, dumps
from idgen.fleet.rows import Heard, Row
from idgen.layout import DEFAULT_EPOCH_MS

NOW = 1795219200123

FIGURES = Figures(
    instance="0123456789abcdef",
    version="0.1.0",
    started_unix_ms=NOW - 5000,
    unix_ms=NOW,
    trouble="",
    worker_id=7,
    epoch_ms=DEFAULT_EPOCH_MS,
    owns=True,
    grant_remaining_ms=800,
    grant_ms=1000,
    ids_taken=12,
    errors={"bad_request": 1},
    last_unix_ms=None,
    skew_ms=-3,
    ids_per_s=(1, 2),
    peak_per_ms=(1, 1),
)


def heard(worker_id: int = 7, instance: str = "", **figures: Any) -> Heard:
    """Of a worker that has an instance of its own, unless one is given."""
    instance = instance or f"instance of {worker_id}"
    told = replace(FIGURES, worker_id=worker_id, instance=instance, **figures)
    return Heard(told, dumps(told.document()), NOW, 0.5, 1.5)


def answering(address: str, worker_id: int = 7, instance: str = "", **figures: Any) -> Row:
    """A row whose worker has just answered."""
    return Row(address, worker_id, heard(worker_id, instance, **figures), answers=True)
