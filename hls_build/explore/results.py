# SPDX-License-Identifier: Apache-2.0
"""What an exploration leaves: points.csv, points.json, pareto.png and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter
from rich import box
from rich.table import Table

from board.core.files import write_csv, write_figure, write_json
from hls_build.explore.front import COST, QUALITY, SPEED, Objective, front, in_use
from hls_build.explore.plan import Point

FORMAT = "auflow-exploration-1"
CSV, JSON, PNG = "points.csv", "points.json", "pareto.png"
MARKERS = "osD^vP*X"
COLUMN_INCHES, ROW_INCHES = 3.1, 2.7


def write(points: Sequence[Point], failures: Mapping[str, str], out: Path) -> list[Path]:
    """Write all of it into a folder; the picture only where a point is whole.

    Args:
        points: All.
        failures: Why tasks have no result, by name.
        out: The folder.

    Returns:
        The files.

    Raises:
        RuntimeError: One cannot be written.
    """
    objectives = in_use(points)
    optimal = front(points, objectives)
    names = [field.name for field in fields(Point)]
    rows = [[getattr(point, name) for name in names] + [point in optimal] for point in points]
    write_csv(out / CSV, [[*names, "pareto"], *(["" if cell is None else cell for cell in row] for row in rows)])
    content: dict[str, Any] = {
        "format": FORMAT,
        "objectives": [one.name for one in objectives],
        "points": [{**asdict(point), "pareto": point in optimal} for point in points],
        "failures": dict(failures),
    }
    write_json(out / JSON, content)
    if not objectives:
        (out / PNG).unlink(missing_ok=True)
        return [out / CSV, out / JSON]
    write_figure(out / PNG, figure(points), 130)
    return [out / CSV, out / JSON, out / PNG]


def table(points: Sequence[Point]) -> Table:
    """A row of each point; those of the front have a star."""
    objectives = in_use(points)
    optimal = front(points, objectives)
    result = Table(title_justify="left", title=title(points), box=box.SIMPLE_HEAD, padding=0)
    for column in ("", "network", "board", "asked"):
        result.add_column(column, no_wrap=True)
    shown = {"fps": ("frames/s", ",.0f"), "latency_ms": ("ms", ".1f"), "lut": ("LUT", ","), "bram18": ("BRAM18", ",")}
    shown |= {"dsp": ("DSP", ","), "f1": ("F1", ".3f"), "au_auc": ("AU AUC", ".3f")}
    shown = {name: cell for name, cell in shown.items() if any(getattr(point, name) is not None for point in points)}
    for column, _ in shown.values():
        result.add_column(column, justify="right", no_wrap=True)
    for point in points:
        values = {name: getattr(point, name) for name in shown}
        cells = ["" if values[name] is None else format(values[name], form) for name, (_, form) in shown.items()]
        result.add_row("*" if point in optimal else "", point.network, point.board, point.asked, *cells)
    told = [f"{point.network} on {point.board} at {point.asked}: {point.why_not}" for point in points if point.why_not]
    result.caption, result.caption_justify = "\n".join(told), "left"
    return result


def title(points: Sequence[Point]) -> str:
    """What the figures are and how many points are on the front."""
    whole = [point for point in points if point.whole]
    objectives = in_use(points)
    speed = " and ".join(sorted({point.speed_from for point in whole})) or "nothing"
    amounts = " and ".join(sorted({point.resources_from for point in whole})) or "nothing"
    return (
        f"{len(front(points, objectives))} of {len(whole)} points Pareto-optimal on their board in"
        f" {', '.join(one.label for one in objectives) or 'nothing'}; speed by {speed}, resources by {amounts}"
    )


def figure(points: Sequence[Point]) -> Figure:
    """Quality against speed and cost, and speed against cost: a dot for each whole point, colours for networks.

    Filled dots are Pareto-optimal in everything, and a line joins those of a board that are so in the two figures of
    a panel alone.
    """
    whole = [point for point in points if point.whole]
    objectives = in_use(points)
    optimal = front(points, objectives)
    quality = [one for one in QUALITY if one in objectives]
    across = [*SPEED, *COST]
    names, boards = (list(dict.fromkeys(getattr(point, name) for point in whole)) for name in ("network", "board"))
    styles = {
        (network, board): {"color": f"C{number % 10}", "marker": marker}
        for number, network in enumerate(names)
        for board, marker in zip(boards, cycle(MARKERS), strict=False)  # markers begin anew
    }
    rows = len(quality) + 1
    result = Figure(figsize=(COLUMN_INCHES * len(across), ROW_INCHES * rows), layout="constrained")
    panels = result.subplots(rows, len(across), squeeze=False)
    for row, up in zip(panels, [*quality, *SPEED], strict=True):
        for axes, along in zip(row, across, strict=True):
            if up is along:
                _legend(axes, styles)
                continue
            _panel(axes, whole, optimal, along, up, styles)
            axes.set_xlabel(along.label)
        row[int(up in SPEED)].set_ylabel(up.label)
    result.suptitle(fill(title(points), 150), fontsize=10)
    return result


def _panel(
    axes: Axes,
    points: Sequence[Point],
    optimal: Sequence[Point],
    along: Objective,
    up: Objective,
    styles: Mapping[tuple[str, str], Mapping[str, Any]],
) -> None:
    for point in points:
        style = styles[point.network, point.board]
        face = style["color"] if point in optimal else "none"
        x, y = getattr(point, along.name), getattr(point, up.name)
        axes.plot(x, y, linestyle="none", markerfacecolor=face, alpha=0.85, **style)
    for board in dict.fromkeys(point.board for point in points):
        best = front([point for point in points if point.board == board], (along, up))
        line = sorted((getattr(point, along.name), getattr(point, up.name)) for point in best)
        axes.plot(*zip(*line, strict=True), color="grey", linewidth=0.8, zorder=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
        axis.set_major_formatter(ScalarFormatter(useOffset=False))
        axis.set_minor_formatter(NullFormatter())
    axes.margins(0.12)
    axes.grid(alpha=0.3)


def _legend(axes: Axes, styles: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Networks by colour, boards by marker, and what filled dots are; in the panel of a figure against itself."""
    axes.axis("off")
    for network in dict.fromkeys(network for network, _ in styles):
        colour = next(style["color"] for (name, _), style in styles.items() if name == network)
        axes.plot([], [], "o", color=colour, label=network)
    for board in dict.fromkeys(board for _, board in styles):
        marker = next(style["marker"] for (_, name), style in styles.items() if name == board)
        axes.plot([], [], marker, color="black", label=board)
    axes.plot([], [], "o", color="grey", label="Pareto-optimal")
    axes.plot([], [], "o", color="grey", markerfacecolor="none", label="not")
    axes.legend(loc="upper left", fontsize=8, frameon=False)
