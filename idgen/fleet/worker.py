"""This process as a worker among others: its figures."""

from dataclasses import dataclass

from idgen import __version__
from idgen.fleet.figures import MAX_TEXT, Figures, dumps
from idgen.fleet.rows import Heard
from idgen.history import History
from idgen.service import IdService


@dataclass(frozen=True, slots=True)
class Worker:
    """What there is to tell, and what of it never changes."""

    service: IdService
    history: History
    address: str
    """HOST:PORT, where it listens."""
    instance: str
    """Drawn at each start."""
    started_unix_ms: int
    grant_ms: int

    def figures(self) -> Figures:
        """As they are now."""
        service = self.service
        return Figures(
            instance=self.instance,
            version=__version__,
            started_unix_ms=self.started_unix_ms,
            unix_ms=service.wall_clock_ms(),
            trouble=(service.reason_not_ready() or "")[:MAX_TEXT],
            worker_id=service.worker_id,
            epoch_ms=service.layout.epoch_ms,
            owns=service.grant_now is not None,
            grant_remaining_ms=service.grant_remaining_ms,
            grant_ms=self.grant_ms,
            ids_taken=service.ids_taken,
            errors=dict(service.errors),
            last_unix_ms=service.last_unix_ms,
            skew_ms=service.grant_counts.skew_ms,
            ids_per_s=tuple(self.history.ids_per_s),
            peak_per_ms=tuple(self.history.peak_per_ms),
        )

    def heard(self) -> Heard:
        """As if it had asked itself, at once."""
        figures = self.figures()
        text = dumps(figures.document())
        return Heard(figures, text, figures.unix_ms, offset_ms=0.0, round_trip_ms=0.0)
