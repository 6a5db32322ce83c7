"""The pictures of docs/benchmarks.md."""

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.contenders import TOP
from benchmarks.rounds import Cell
from idgen.layout import IDS_PER_MS

COLOURS = {"Flake": "#1f6feb", "two Flake": "#1f6feb"}
OTHERS = "#9aa4b2"
LAYOUT_IDS_A_SECOND = IDS_PER_MS * 1000


def draw(scenarios: dict[str, dict[str, Cell]]) -> None:
    """requests.png and batches.png in docs/."""
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), constrained_layout=True)
    _bars(axes[0], scenarios["GET / at 25 connections"], "rate", "requests a second, one core")
    _bars(axes[1], scenarios["GET / at 25 connections"], "cpu_us", "CPU µs a request")
    _bars(axes[2], scenarios["behind nginx at 25 connections"], "rate", "requests a second, fleet")
    figure.savefig(TOP / "docs" / "requests.png", dpi=110)
    figure, axis = plt.subplots(figsize=(7, 3.6), constrained_layout=True)
    _batches(axis, scenarios)
    figure.savefig(TOP / "docs" / "batches.png", dpi=110)


def _bars(axis: Axes, cells: dict[str, Cell], name: str, title: str) -> None:
    medians = [cell.median(name) for cell in cells.values()]
    spreads = [cell.spread(name) for cell in cells.values()]
    errors = [
        [median - low for median, (low, _) in zip(medians, spreads, strict=True)],
        [high - median for median, (_, high) in zip(medians, spreads, strict=True)],
    ]
    colours = [COLOURS.get(contender, OTHERS) for contender in cells]
    axis.barh(list(cells), medians, xerr=errors, color=colours, error_kw={"elinewidth": 1})
    for place, (median, (_, high)) in enumerate(zip(medians, spreads, strict=True)):
        text = f"  {median:,.0f}" if median >= 100 else f"  {median:.1f}"
        axis.text(high, place, text, va="center", fontweight="bold")
    axis.set_xlim(0, 1.3 * max(high for _, high in spreads))
    axis.set_title(title + "\n(median, least and greatest)", fontsize=10)
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.locator_params(axis="x", nbins=4)


def _batches(axis: Axes, scenarios: dict[str, dict[str, Cell]]) -> None:
    lines: dict[str, list[tuple[int, float]]] = {}
    for scenario, cells in scenarios.items():
        if scenario.startswith("n="):
            size, media = scenario.removeprefix("n=").split()
            lines.setdefault(media, []).append((int(size), cells["Flake"].median("ids")))
    for media, points in lines.items():
        axis.plot(*zip(*points, strict=True), marker="o", label=media)
    axis.axhline(LAYOUT_IDS_A_SECOND, color="black", linestyle=":", linewidth=1)
    axis.text(10, LAYOUT_IDS_A_SECOND, "4,096 a millisecond: the layout's limit", va="bottom")
    axis.set_xscale("log")
    axis.set_ylim(0, LAYOUT_IDS_A_SECOND * 1.12)
    axis.set_xticks([10, 100, 1000, 4096], ["10", "100", "1,000", "4,096"])
    axis.minorticks_off()
    axis.yaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g} M")
    axis.set(xlabel="IDs in a batch", ylabel="IDs a second", title="One process on one core")
    axis.legend(frameon=False, loc="lower right")
