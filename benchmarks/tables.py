"""Tables of cells, in Markdown."""

from collections.abc import Iterable

from benchmarks.rounds import Cell


class Table:
    """The cells by scenario and contender."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self.scenarios: dict[str, dict[str, Cell]] = {}
        for cell in cells:
            self.scenarios.setdefault(cell.scenario, {})[cell.contender] = cell

    def ratio(self, scenario: str, one: str, other: str, name: str) -> float | None:
        """The median of the rounds' ratios; None where a contender is missing."""
        contenders = self.scenarios[scenario]
        if other not in contenders:
            return None
        return contenders[one].ratio(contenders[other], name)


def latencies(table: Table, named: str) -> str:
    """The rates and latencies of the scenarios that have this in their name."""
    rows = []
    for scenario, contenders in table.scenarios.items():
        for name, cell in contenders.items():
            if named not in scenario:
                continue
            low, high = cell.spread("rate")
            rows.append(
                (
                    scenario,
                    name,
                    f"{cell.median('rate'):,.0f}",
                    f"{low:,.0f} to {high:,.0f}",
                    f"{cell.median('cpu_us'):,.1f}",
                    *(f"{cell.median(p) / 1000:,.2f}" for p in ("p50_us", "p99_us", "p999_us")),
                    f"{sum(sample.failed for sample in cell.samples)}",
                )
            )
    head = ["scenario", "contender", "requests/s", "spread", "CPU µs a request"]
    return markdown([*head, "p50 ms", "p99 ms", "p99.9 ms", "unanswered"], rows)


def markdown(head: list[str], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of these rows below this head."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
