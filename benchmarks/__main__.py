"""`make bench`: measure, and write docs/benchmarks.md and its pictures.

    python -m benchmarks [--rounds 5] [--seconds 2] [--only WORD]

Needs nginx, redis-server, wrk, libfaketime, matplotlib and limits, which `make bench` installs; Go
where it is there.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benchmarks import clients, page, quota, quota_report, report
from benchmarks.contenders import Contender, Stage, stage
from benchmarks.load import Batches, Idlers, Sample, closed_loop, fixed_rate, ids_taken
from benchmarks.rounds import Cell, play
from benchmarks.tables import Table

CONNECTIONS = (1, 25, 250, 1000)
SIZES = (10, 100, 1000, 4096)
MEDIA = {"text": "text/plain", "binary": "application/octet-stream", "JSON": "application/json"}
BESIDE = (5_000, 20_000, 30_000)
"""Single IDs a second beside batches; of each millisecond 64 are kept for them."""
IDLE = 10_000


def main() -> None:
    """Measures for a quarter of an hour, then writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds")
    parser.add_argument("--seconds", type=float, default=2, help="length of each run")
    parser.add_argument("--only", default="", help="scenarios whose name has this in it")
    settings = parser.parse_args()
    with stage() as running:
        cells, memory = scenarios(running, settings.seconds)
        chosen = [cell for cell in cells if settings.only in cell.scenario]
        play(chosen, settings.rounds)
        if settings.only:
            if settings.only in quota.PREFIX:  # then all of them were measured
                print(quota_report.section(Table(chosen)))
            if settings.only in page.SCENARIO:
                print(report.page_section(Table(chosen)))
            return
        memory["idle"] = _idle(running, cells, settings.rounds, settings.seconds)
    report.write(cells, memory, settings.rounds, settings.seconds)


def scenarios(running: Stage, seconds: float) -> tuple[list[Cell], dict[str, float]]:
    """All cells but those of idle connections, and memory in MB by contender before any load."""
    flake = running.flake()
    singles = [running.plain_tornado(), running.nginx_constant(), running.go_constant(), flake]
    contenders = [contender for contender in singles if contender is not None]
    memory = {contender.name: contender.memory_mb() for contender in contenders}
    cells = [
        Cell(f"GET / at {count} connections", contender.name, _closed(contender, count, seconds))
        for count in CONNECTIONS
        for contender in contenders
    ]
    cells += [
        Cell("a connection a request", contender.name, _once(contender, seconds))
        for contender in contenders
    ]
    plain = contenders[0]
    cells += [
        Cell("each query string another", contender.name, _distinct(contender, seconds))
        for contender in (plain, flake)
    ]
    cells += [
        Cell(f"n={size} {name}", "Flake", _batch(flake, size, accept, seconds))
        for size in SIZES
        for name, accept in MEDIA.items()
    ]
    loads = {f"{rate:,} a second": partial(fixed_rate, flake, 25, seconds, rate) for rate in BESIDE}
    loads["closed loop"] = partial(closed_loop, flake, 25, seconds)
    cells += [
        Cell(f"single IDs beside batches, {name}", "Flake", _beside(flake, load))
        for name, load in loads.items()
    ]
    cells += [
        Cell(
            f"{rate:,} a second, whatever is answered",
            contender.name,
            partial(fixed_rate, contender, 25, seconds, rate),
        )
        for rate, some in [(1500, (plain, flake)), (20_000, (contenders[1], flake))]
        for contender in some
    ]
    # A clock that takes a second for a millisecond: nearly all answers are the overflow's 500.
    for name, clock in [("200s", "+0 x1.0"), ("500s", "+0 x0.001")]:
        contender = running.flake(name, "--grants=memory:", "--logging=none", clock=clock)
        cells.append(Cell("an overflow", name, _closed(contender, 25, seconds)))
    cells += _fleets(running, seconds) + clients.cells(running.flake(), seconds)
    cells += page.cells(running, seconds)
    return cells + quota.cells(running, seconds), memory


def _fleets(running: Stage, seconds: float) -> list[Cell]:
    fleets = [
        running.fleet("two plain Tornado", [running.plain_tornado() for _ in range(2)]),
        running.fleet("two nginx", [running.nginx_constant() for _ in range(2)]),
        running.fleet("two Flake", [running.flake() for _ in range(2)]),
    ]
    return [
        Cell(
            "behind nginx at 25 connections",
            fleet.name,
            partial(closed_loop, fleet, 25, seconds, pinned=False),
        )
        for fleet in fleets
    ]


def _idle(running: Stage, cells: list[Cell], rounds: int, seconds: float) -> float:
    """Adds the cells with and without idle connections; MB that these take."""
    flake = running.flake()
    pair = [
        Cell(name, "Flake", _closed(flake, 25, seconds))
        for name in ("no idle connections", f"{IDLE:,} idle connections")
    ]
    grown_mb = []
    for _ in range(rounds):
        play(pair[:1], 1)
        before_mb = flake.memory_mb()
        with Idlers(flake, IDLE):
            play(pair[1:], 1)
            grown_mb.append(flake.memory_mb() - before_mb)
    cells += pair
    return max(grown_mb)


def _closed(contender: Contender, connections: int, seconds: float) -> Callable[[], Sample]:
    return partial(closed_loop, contender, connections, seconds)


def _once(contender: Contender, seconds: float) -> Callable[[], Sample]:
    return partial(closed_loop, contender, 25, seconds, close=True)


def _distinct(contender: Contender, seconds: float) -> Callable[[], Sample]:
    return partial(closed_loop, contender, 25, seconds, distinct=True)


def _batch(contender: Contender, size: int, accept: str, seconds: float) -> Callable[[], Sample]:
    def run() -> Sample:
        sample = closed_loop(contender, 25, seconds, target=f"/?n={size}", accept=accept)
        return replace(sample, ids=sample.rate * (1 - sample.refused) * size)

    return run


def _beside(contender: Contender, load: Callable[[], Sample]) -> Callable[[], Sample]:
    def run() -> Sample:
        with Batches(contender, 1000, 8):
            before, begun_s = ids_taken(contender), time.monotonic()
            sample = load()
            taken = ids_taken(contender) - before
            return replace(sample, ids=taken / (time.monotonic() - begun_s))

    return run


if __name__ == "__main__":
    main()
