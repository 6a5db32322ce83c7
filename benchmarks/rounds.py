"""Interleaved rounds: on a shared machine only what was measured side by side can be compared."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.load import Sample


@dataclass
class Cell:
    """One figure of a table: a contender in a scenario, measured once a round."""

    scenario: str
    contender: str
    run: Callable[[], Sample]
    samples: list[Sample] = field(default_factory=list)

    def median(self, name: str) -> float:
        """The median over the rounds of one of Sample's values."""
        return statistics.median(float(getattr(sample, name)) for sample in self.samples)

    def spread(self, name: str) -> tuple[float, float]:
        """The least and the greatest of them."""
        values = [getattr(sample, name) for sample in self.samples]
        return min(values), max(values)

    def ratio(self, other: "Cell", name: str) -> float:
        """The median of what each round gives as the ratio to another cell."""
        pairs = zip(self.samples, other.samples, strict=True)
        return statistics.median(float(getattr(a, name) / getattr(b, name)) for a, b in pairs)


def play(cells: list[Cell], rounds: int) -> None:
    """Run all cells, round after round, and say what comes out.  The first round warms up."""
    for number in range(rounds + 1):
        for cell in cells:
            sample = cell.run()
            if number:
                cell.samples.append(sample)
            place = f"round {number} of {rounds}" if number else "warm-up"
            print(
                f"{place}: {cell.scenario}, {cell.contender}: {sample.rate:,.0f}/s, "
                f"{sample.cpu_us:.2f} µs, p99 {sample.p99_us:,.0f} µs, "
                f"{sample.refused:.2%} refused, {sample.failed} failed",
                file=sys.stderr,
                flush=True,
            )
