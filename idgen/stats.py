"""The counts since the last flush, for those who read them by the keys of the 2010 service."""

from collections.abc import Callable

from idgen.errors import BadRequest, NotReady, QuotaExceeded, QuotaUnavailable
from idgen.service import IdService

NO_500 = (BadRequest.reason, NotReady.reason, QuotaExceeded.reason, QuotaUnavailable.reason)
"""Errors of the client, and of what can't be had for a while."""


class Stats:
    """Counts since the last flush.  The counters of the service itself only ever grow."""

    def __init__(self, service: IdService, monotonic_s: Callable[[], float]) -> None:
        self._service = service
        self._monotonic_s = monotonic_s
        self.flush()

    def flush(self) -> None:
        """Count from here on anew."""
        self._flushed_s = self._monotonic_s()
        self._flushed_ids = self._service.ids_taken
        self._flushed_refusals = self._refusals()

    def read(self) -> dict[str, int | float | None]:
        """Values by historical key: Unix seconds, IDs taken, 500s, unix_ms, id or None, seconds."""
        return {
            "timestamp": self._service.wall_clock_ms() // 1000,
            "generated_ids": self._service.ids_taken - self._flushed_ids,
            "errors": self._refusals() - self._flushed_refusals,
            "max_time_ms": self._service.last_unix_ms or 0,
            "worker_id": self._service.worker_id,
            "time_since_flush": round(self._monotonic_s() - self._flushed_s, 3),
        }

    def _refusals(self) -> int:
        """The errors that were a 500."""
        errors = self._service.errors
        return errors.total() - sum(errors[reason] for reason in NO_500)
