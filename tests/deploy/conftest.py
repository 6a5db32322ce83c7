"""The shipped fleet, watched by a real Prometheus as shipped."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.prometheus import FOLDER, Prometheus
from tests.end_to_end.fleet import RULES, TOP, WORKERS, Fleet, answer, free_port, until
from tests.end_to_end.process import Process, running
from tests.redis_server import RedisServer

CHECK = "/quota/check?app=shop&user=ann&interface=orders&ip=192.0.2.7"
SAMPLES = 3
"""Of each process, before the tests look: rates need two."""


@dataclass(frozen=True)
class Watched:
    """Two processes behind nginx, one whose grants are from Redis, and Prometheus."""

    fleet: Fleet
    granted: Process
    prometheus: Prometheus

    @property
    def ports(self) -> list[int]:
        return [*map(self.fleet.port, range(WORKERS)), self.granted.port]

    def configuration(self, *more_ports: int) -> str:
        """The shipped one for this fleet, and for processes on further ports."""
        return configuration(self.fleet, self.granted.port, *more_ports)


def configuration(fleet: Fleet, *more_ports: int) -> str:
    """The shipped one for the fleet and for processes on further ports."""
    shipped = fleet.shifted((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    return shipped + "".join(f"          - 127.0.0.1:{port}\n" for port in more_ports)


@contextmanager
def refused_for_a_while(folder: Path) -> Iterator[Process]:
    """A process whose grants come from a Redis that hung at first, and whose calls are counted in
    one that isn't there: so it has metrics that only such troubles bring forth.
    """
    rules = f"--quota_rules={TOP / RULES}"
    nowhere = f"--quota_store=redis://127.0.0.1:{free_port()}/0"
    with RedisServer(folder / "server") as redis:
        redis.know(range(5, 6))
        redis.stop()
        options = ("--worker_id=5", f"--grants={redis.url}", rules, nowhere)
        with running(folder, *options) as process:
            until(lambda: "redis://" in process.readiness(), "it misses Redis")
            redis.go_on()
            until(process.serves, "it has its grant")
            yield process


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with ExitStack() as stack:
        fleet = Fleet()
        fleet.environment["FLAKE_QUOTA_RULES"] = RULES
        granted = stack.enter_context(refused_for_a_while(tmp_path_factory.mktemp("redis")))
        # Prometheus first, since it takes five seconds to begin with.
        prometheus = stack.enter_context(
            Prometheus(tmp_path_factory.mktemp("prometheus"), configuration(fleet, granted.port))
        )
        stack.enter_context(fleet)
        watched = Watched(fleet, granted, prometheus)
        for port in watched.ports:
            assert answer(port, "/?n=100")[0] == answer(port, CHECK)[0] == 200
        enough = f"count(sum_over_time(up[1m]) >= {SAMPLES}) == {len(watched.ports)}"
        until(lambda: bool(prometheus.result(enough)), "Prometheus has asked all of them")
        yield watched
