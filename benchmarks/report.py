"""docs/benchmarks.md and its pictures, from the cells of a run."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import clients, page, plots, quota_report
from benchmarks.contenders import TOP
from benchmarks.plots import LAYOUT_IDS_A_SECOND
from benchmarks.rounds import Cell
from benchmarks.tables import Table, latencies, markdown
from idgen.client.settings import TIMEOUT_S

PAGE = TOP / "docs" / "benchmarks.md"
BEGIN = "<!-- figures: from here on written by `make bench` -->"
END = "<!-- figures: to here -->"

AT_25 = "GET / at 25 connections"
FLEETS = "behind nginx at 25 connections"
BESIDE = "single IDs beside batches"
DISTINCT = "each query string another"


def write(cells: list[Cell], memory: dict[str, float], rounds: int, seconds: float) -> None:
    """Replace the figures of the page, and draw its pictures."""
    table = Table(cells)
    parts = [
        BEGIN,
        _conditions(rounds, seconds),
        "## What was to be reached\n\n" + _targets(table, memory),
        "## `GET /`, one process on one core\n\n" + latencies(table, "GET / at "),
        "## Two processes behind nginx, all on two cores with wrk\n\n" + latencies(table, FLEETS),
        "## Each query string another\n\n" + latencies(table, DISTINCT),
        "## A connection for each request\n\n" + latencies(table, "a connection a request"),
        "## Batches, one process on one core, 25 connections\n\n" + _batches(table),
        "## Single IDs beside batches\n\n" + _beside(table),
        "## A steady rate, latency from the intended time\n\n" + latencies(table, "a second,"),
        "## An overflow\n\n" + _overflow(table),
        "## In a Python program\n\n" + _clients(table),
        "## Beside the page\n\n" + page_section(table),
        "## Quotas\n\n" + quota_report.section(table),
        "## Memory\n\n" + _memory(table, memory),
        END,
    ]
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(before + "\n\n".join(parts) + after, encoding="utf-8")
    plots.draw(table.scenarios)


def _conditions(rounds: int, seconds: float) -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    versions = [f"Linux {platform.release().split('-')[0]}", f"Python {platform.python_version()}"]
    for command in (["nginx", "-v"], ["redis-server", "-v"], ["go", "version"], ["wrk", "-v"]):
        if found := shutil.which(command[0], path="/usr/bin:/usr/sbin:/usr/local/bin"):
            run = subprocess.run([found, *command[1:]], capture_output=True, text=True, check=False)
            line = (run.stdout + run.stderr).splitlines()[0]
            versions.append(line.split(" Copyright")[0].split(" sha=")[0])
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with `make bench`: {rounds} interleaved rounds "
        f"of {seconds:g} s after one to warm up, on a shared virtual machine with "
        f"{os.cpu_count()} cores ({model}; {'; '.join(versions)})."
    )


def _targets(table: Table, memory: dict[str, float]) -> str:
    def against(scenario: str, other: str, name: str = "rate") -> str:
        value = table.ratio(scenario, "Flake", other, name)
        return "no Go here" if value is None else f"{value:.2f}"

    def fleet(other: str, name: str = "rate") -> str:
        return f"{table.ratio(FLEETS, 'two Flake', other, name):.3f}"

    def share(scenario: str) -> str:
        return f"{table.scenarios[scenario]['Flake'].median('ids') / LAYOUT_IDS_A_SECOND:.2%}"

    idle = table.scenarios["10,000 idle connections"]["Flake"]
    none = table.scenarios["no idle connections"]["Flake"]
    tornado, go, nginx = "plain Tornado", "Go net/http", "nginx return 200"
    beside = [
        f"{cells['Flake'].median('refused'):.2%}"
        for scenario, cells in table.scenarios.items()
        if BESIDE in scenario
    ]
    rows = [
        (f"`GET /` at 25 connections: throughput, × {tornado}", "25", against(AT_25, tornado)),
        (f"× {go}", "1.8", against(AT_25, go)),
        (f"× {nginx}", "0.85", against(AT_25, nginx)),
        (f"CPU a request, × {nginx}", "at most 1.25", against(AT_25, nginx, "cpu_us")),
        ("fleet behind nginx: throughput, × plain Tornado's", "12", fleet("two plain Tornado")),
        ("× nginx in front of nginx", "0.9", fleet("two nginx")),
        ("p99, × plain Tornado's", "at most 0.25", fleet("two plain Tornado", "p99_us")),
        (f"every query string different: × {tornado}", "10", against(DISTINCT, tornado)),
        ("batches of 1,000, share of 4,096,000 IDs/s: text", "97 %", share("n=1000 text")),
        ("binary", "97 %", share("n=1000 binary")),
        ("JSON", "90 %", share("n=1000 JSON")),
        ("single IDs refused beside batches (rates: below)", "at most 3 %", ", ".join(beside)),
        ("10,000 idle connections: memory", "at most 100 MB", f"{memory['idle']:.0f} MB"),
        ("throughput, × that without them", "within 10 %", f"{idle.ratio(none, 'rate'):.2f}"),
    ]
    return markdown(["what", "at least", "reached"], rows)


def _batches(table: Table) -> str:
    rows = []
    for scenario, contenders in table.scenarios.items():
        if not scenario.startswith("n="):
            continue
        cell = contenders["Flake"]
        low, high = cell.spread("ids")
        rows.append(
            (
                scenario,
                f"{cell.median('ids'):,.0f}",
                f"{low:,.0f} to {high:,.0f}",
                f"{cell.median('ids') / LAYOUT_IDS_A_SECOND:.1%}",
                f"{cell.median('p99_us') / 1000:.1f}",
                f"{cell.median('refused'):.2%}",
            )
        )
    return markdown(["batch", "IDs/s", "spread", "of 4,096,000", "p99 ms", "refused"], rows)


def _beside(table: Table) -> str:
    rows = []
    for scenario, cells in table.scenarios.items():
        if BESIDE in scenario:
            cell = cells["Flake"]
            low, high = cell.spread("refused")
            rows.append(
                (
                    f"{scenario.rpartition(', ')[2]}: {cell.median('rate'):,.0f}/s",
                    f"{cell.median('refused'):.2%}",
                    f"{low:.2%} to {high:.2%}",
                    f"{cell.median('p99_us') / 1000:.2f}",
                    f"{cell.median('ids'):,.0f}",
                )
            )
    head = ["single IDs asked", "refused", "spread", "p99 ms", "IDs/s of both kinds"]
    return (
        "Eight connections ask for 1,000 IDs without a pause, 25 others for single IDs, at a "
        "steady rate and in closed loop. Of each millisecond 64 numbers are kept for these: past "
        "64,000 a second they can't all be had.\n\n" + markdown(head, rows)
    )


def _clients(table: Table) -> str:
    rows = []
    for name, cell in table.scenarios[clients.SCENARIO].items():
        low, high = cell.spread("rate")
        rows.append(
            (
                name,
                f"{cell.median('rate'):,.0f}",
                f"{low:,.0f} to {high:,.0f}",
                f"{cell.median('cpu_us'):,.2f}",
                f"{cell.median('p50_us'):,.1f}",
                f"{cell.median('p99_us'):,.1f}",
            )
        )
    head = ["one ID", "IDs/s", "spread", "CPU µs an ID", "p50 µs", "p99 µs"]
    first = [
        (name, *(f"{cell.median(p) / 1000:,.1f}" for p in ("p50_us", "p99_us", "p999_us")))
        for name, cell in table.scenarios[clients.FAILOVER].items()
    ]
    return (
        "One thread on one core, the server on the other. CPU time is the program's own; calls "
        "that take less than the clock are timed by the thousand.\n\n"
        + markdown(head, rows)
        + "\n\nA failover: the first calls of new clients, connecting included. Half of those that "
        f"have two servers ask the one that fails first; the time-out is {TIMEOUT_S * 1000:g} ms."
        "\n\n" + markdown(["servers", "p50 ms", "p99 ms", "longest ms"], first)
    )


def page_section(table: Table) -> str:
    """What looking at the fleet costs those who ask for IDs."""
    rows = []
    for name, cell in table.scenarios[page.SCENARIO].items():
        low, high = cell.spread("rate")
        against = cell.ratio(table.scenarios[page.SCENARIO]["nobody looks"], "rate")
        rows.append(
            (
                name,
                f"{cell.median('rate'):,.0f}",
                f"{low:,.0f} to {high:,.0f}",
                f"{against:.2f}",
                f"{cell.median('cpu_us'):,.1f}",
                *(f"{cell.median(p) / 1000:,.2f}" for p in ("p99_us", "p999_us")),
            )
        )
    head = ["who looks", "requests/s", "spread", "ratio", "CPU µs a request", "p99 ms", "p99.9 ms"]
    return (
        "`GET /` at 25 connections from one process of a fleet of two, both on one core, while "
        "pages show the fleet once a second.\n\n" + markdown(head, rows)
    )


def _overflow(table: Table) -> str:
    fine, refused = (table.scenarios["an overflow"][name] for name in ("200s", "500s"))
    low, high = min(refused.samples, key=lambda s: s.refused), refused.ratio(fine, "cpu_us")
    return (
        f"A wall clock that takes a second for each millisecond (libfaketime) makes "
        f"{refused.median('refused'):.0%} of the answers 500s (at least {low.refused:.0%}). "
        f"They cost {refused.median('cpu_us'):.1f} µs of CPU a request beside "
        f"{fine.median('cpu_us'):.1f} µs for 200s under the same library: {high:.2f} times as much."
    )


def _memory(table: Table, memory: dict[str, float]) -> str:
    rows = [(name, f"{mb:.0f}") for name, mb in memory.items() if name != "idle"]
    return (
        markdown(["at the start", "MB resident"], rows)
        + f"\n\n10,000 idle keep-alive connections add {memory['idle']:.0f} MB at most.\n\n"
        + latencies(table, "idle connections")
    )
