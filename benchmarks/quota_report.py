"""The section on quotas of docs/benchmarks.md."""

from benchmarks import quota
from benchmarks.rounds import Cell
from benchmarks.tables import Table, markdown

_PINNED = (
    "The rules are those of `quota.example.toml`, two for each check, with limits so high that "
    "all calls pass; the fleet's have one of {limit} calls for a user, which some users exceed. "
    "Each check is of one of 100,000 callers to either rule, at random, unless it says otherwise. "
    "One "
    "process has a core for itself, the load generator and Redis share the other one; decisions "
    "without HTTP have a core, and all windows are open when they begin (their latencies are of a "
    "thousand, divided). Nothing of the fleet is pinned: nginx, two processes, Redis and the load "
    "generator go where there is room on the two cores. CPU time is of the servers, nginx and "
    "Redis included. Unanswered are also checks that were decided without the store."
)


def section(table: Table) -> str:
    """What was to be reached and what was measured; all cells of quotas have been."""
    cells = {name: some for name, some in table.scenarios.items() if quota.PREFIX in name}
    pinned = _PINNED.format(limit=quota.USER_LIMIT)
    return f"{_targets(cells)}\n\n{pinned}\n\n{_measured(cells)}"


def _targets(cells: dict[str, dict[str, Cell]]) -> str:
    decisions, fleet = cells[quota.DECISIONS], cells[quota.FLEET]["Flake"]
    posts, counters = cells[quota.POSTS]["Flake"], cells[quota.COUNTERS]["Flake"]
    flake, limits, flake_of_many = decisions.values()
    what = "decision in memory, no HTTP: checks/s a core"
    rows = [
        (f"{what}, 10,000 callers", "150,000", _rate(flake)),
        (f"× `limits`, which made {_rate(limits)}", "", f"{flake.ratio(limits, 'rate'):.1f}"),
        (f"{what}, 100,000 callers", "150,000", _rate(flake_of_many)),
    ]
    for scenario, least in ((quota.MEMORY, "20,000"), (quota.REDIS, "6,000")):
        what = f"`GET /quota/check`, {scenario.partition(', ')[2]}: checks/s"
        for form, cell in cells[scenario].items():
            rows.append((f"{what}, {form}", least, _rate(cell)))
            if scenario == quota.REDIS:
                rows.append(("p99", "under 10 ms", _ms(cell, "p99_us")))
    rows += [
        (f"two processes behind nginx, Redis, {quota.RATE:,} checks/s: made", "", _rate(fleet)),
        ("mean", "under 5 ms", _ms(fleet, "mean_us")),
        ("p99", "under 20 ms", _ms(fleet, "p99_us")),
        ("errors, in all rounds", "at most 0", f"{_sum(fleet, 'failed')}"),
        ("wrong decisions, in all rounds", "at most 0", f"{_sum(fleet, 'wrong')}"),
        ("`POST` of 100, counters in Redis: checks/s", "30,000", _rate(posts)),
        (
            "Redis's memory for a counter, usage statistics included",
            "at most 130 bytes",
            f"{counters.median('counter_bytes'):.1f} bytes",
        ),
    ]
    return markdown(["what", "at least", "reached"], rows)


def _measured(cells: dict[str, dict[str, Cell]]) -> str:
    rows = []
    for scenario, contenders in cells.items():
        for name, cell in contenders.items():
            low, high = cell.spread("rate")
            rows.append(
                (
                    scenario.removeprefix(quota.PREFIX),
                    name,
                    _rate(cell),
                    f"{low:,.0f} to {high:,.0f}",
                    f"{cell.median('cpu_us'):,.1f}",
                    *(f"{cell.median(p) / 1000:,.3f}" for p in ("p50_us", "p99_us", "p999_us")),
                    f"{cell.median('refused'):.1%}",
                    f"{_sum(cell, 'failed')}",
                )
            )
    head = ["scenario", "contender", "checks/s", "spread", "CPU µs a check"]
    return markdown([*head, "p50 ms", "p99 ms", "p99.9 ms", "denied", "unanswered"], rows)


def _rate(cell: Cell) -> str:
    return f"{cell.median('rate'):,.0f}"


def _ms(cell: Cell, name: str) -> str:
    return f"{cell.median(name) / 1000:.2f} ms"


def _sum(cell: Cell, name: str) -> int:
    return sum(getattr(sample, name) for sample in cell.samples)
