"""The metrics.  A scrape reads plain integers from the service; a request pays nothing."""

import platform
from collections.abc import Iterator

import tornado
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from idgen import __version__
from idgen.history import KEPT_S, History
from idgen.layout import IDS_PER_MS
from idgen.service import IdService


def registry_of(service: IdService, history: History) -> CollectorRegistry:
    """A registry of its own for one service, with the metrics of the process."""
    registry = CollectorRegistry()
    registry.register(_ServiceCollector(service, history))
    ProcessCollector(registry=registry)
    return registry


class _ServiceCollector(Collector):
    def __init__(self, service: IdService, history: History) -> None:
        self._service = service
        self._history = history

    def collect(self) -> Iterator[Metric]:
        service = self._service
        yield CounterMetricFamily(
            "flake_ids_generated", "IDs taken, failed batches included.", value=service.ids_taken
        )
        errors = CounterMetricFamily(
            "flake_errors", "Errors answered, by reason.", labels=["reason"]
        )
        for reason, count in service.errors.items():
            errors.add_metric([reason], count)
        yield errors
        yield GaugeMetricFamily(
            "flake_peak_ids_per_millisecond",
            f"Most IDs taken of one millisecond within {KEPT_S} s; {IDS_PER_MS} is the limit.",
            value=self._history.peak,
        )
        yield GaugeMetricFamily(
            "flake_last_timestamp_seconds",
            "Unix time of the last ID; 0 before the first.",
            value=(service.last_unix_ms or 0) / 1000,
        )
        yield GaugeMetricFamily(
            "flake_seconds_until_exhaustion",
            "Until the 41 bits of the timestamp are used up.",
            value=(service.layout.last_unix_ms - service.wall_clock_ms()) / 1000,
        )
        yield from self._of_grants()
        yield InfoMetricFamily(
            "flake_build",
            "What is running.",
            value={
                "version": __version__,
                "python": platform.python_version(),
                "tornado": tornado.version,
            },
        )

    def _of_grants(self) -> Iterator[Metric]:
        service, counts = self._service, self._service.grant_counts
        worker = InfoMetricFamily(
            "flake_worker", "The worker_id and the epoch that this process issues with, if it does."
        )
        if grant := service.grant_now:
            epoch_ms = str(service.layout.epoch_ms)
            worker.add_metric([], {"worker_id": str(grant.worker_id), "epoch_ms": epoch_ms})
        yield worker
        yield GaugeMetricFamily(
            "flake_grant_remaining_seconds",
            "Until the grant ends, unless it is extended; 0 without one.",
            value=service.grant_remaining_ms / 1000,
        )
        yield CounterMetricFamily(
            "flake_grant_extensions", "Extensions of the grant.", value=counts.extensions
        )
        refusals = CounterMetricFamily(
            "flake_grant_refusals",
            "Acquisitions and extensions of a grant that failed, by reason.",
            labels=["reason"],
        )
        for reason, count in counts.refusals.items():
            refusals.add_metric([reason], count)
        yield refusals
        yield CounterMetricFamily(
            "flake_worker_id_changes",
            "How often the process has changed its worker_id.",
            value=counts.worker_id_changes,
        )
        if counts.skew_ms is not None:
            yield GaugeMetricFamily(
                "flake_clock_skew_seconds",
                "How far ahead of the grant store's clock the wall clock was, way there included.",
                value=counts.skew_ms / 1000,
            )
