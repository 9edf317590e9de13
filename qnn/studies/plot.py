# SPDX-License-Identifier: Apache-2.0
"""Plots of the studies: metrics by variant with intervals, F1-frame per AU, and metrics against weight bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np  # after the choice of a backend that needs no screen
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from board.core.files import write_figure
from qnn.studies.study import Row, by_variant, summarise

SHOWN = {
    "micro_f1": "micro F1-frame",
    "macro_f1": "macro F1-frame",
    "fer_accuracy_prototype": "emotion\nby best prototype",
    "fer_accuracy_excluding_none": "emotion by Table 2,\nNone left out",
    "fer_coverage": "share of faces with\nan emotion by Table 2",
}
AGAINST_BYTES = {"micro_f1": "o", "fer_accuracy_prototype": "s"}
"""Metrics of the plot against weight bytes, and their markers."""
BYTES_MATTER = ("bits", "head")
WIDTH_INCHES, LINE_INCHES = 13, 0.32


def plot(rows: Sequence[Row], out: Path) -> list[Path]:
    """Write OUT/<study>.png for each study of the rows."""
    paths = []
    for study in dict.fromkeys(row.study for row in rows):
        own = [row for row in rows if row.study == study]
        variants = list(dict.fromkeys(row.variant for row in own))
        lines = len(variants) * LINE_INCHES
        heights = [1.1 + lines, max(1.1 + lines, 2.6 if study in BYTES_MATTER else 0)]
        figure = plt.figure(figsize=(WIDTH_INCHES, sum(heights)), layout="constrained")
        top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        for number, (name, axis) in enumerate(zip(SHOWN, top.subplots(1, len(SHOWN), sharey=True), strict=True)):
            _dots(axis, own, study, name, variants)
            axis.tick_params(left=not number)
        shares = [3, 1.4] if study in BYTES_MATTER else [1]
        below = bottom.subplots(1, len(shares), width_ratios=shares, squeeze=False)[0]
        _per_au(below[0], own, variants)
        if study in BYTES_MATTER:
            _against_bytes(below[1], own, variants)
        paths.append(out / f"{study}.png")
        write_figure(paths[-1], figure, 110)
        plt.close(figure)
    return paths


def _dots(axis: Axes, rows: Sequence[Row], study: str, name: str, variants: Sequence[str]) -> None:
    """A metric of each variant, from the top down; whiskers are 95 % intervals over seeds."""
    found = by_variant(rows, study, name)
    for place, variant in enumerate(variants):
        if variant not in found:
            continue
        summary = summarise(found[variant].values())
        axis.errorbar(summary.mean, place, xerr=summary.half_width, fmt="o", capsize=3, color=_colour(place))
        axis.annotate(
            f"{summary.mean:.3f}", (summary.mean, place), (0, 5), textcoords="offset points", ha="center", fontsize=8
        )
    axis.set_yticks(range(len(variants)), variants)
    axis.set_ylim(len(variants) - 0.5, -0.7)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.margins(x=0.2)
    axis.grid(alpha=0.3)
    axis.set_title(SHOWN[name], fontsize=10)


def _per_au(axis: Axes, rows: Sequence[Row], variants: Sequence[str]) -> None:
    """F1-frame of each AU by variant, mean over seeds, as numbers on colours."""
    aus = list(rows[0].per_au)
    table = np.full((len(variants), len(aus)), np.nan)
    for place, variant in enumerate(variants):
        for column, au in enumerate(aus):
            values = [value for row in rows if row.variant == variant and (value := row.per_au[au]) is not None]
            if values:
                table[place, column] = np.mean(values)
                dark = table[place, column] < 0.5
                axis.text(
                    column, place, f"{table[place, column]:.2f}", ha="center", va="center", fontsize=8,
                    color="white" if dark else "black",
                )  # fmt: skip
    axis.imshow(table, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axis.set_xticks(range(len(aus)), aus)
    axis.set_yticks(range(len(variants)), variants)
    axis.set_title("F1-frame of each AU", fontsize=10)


def _against_bytes(axis: Axes, rows: Sequence[Row], variants: Sequence[str]) -> None:
    """Metrics against the bytes of all weights, in the colours of the variants above."""
    for name, marker in AGAINST_BYTES.items():
        for place, variant in enumerate(variants):
            own = [row for row in rows if row.variant == variant]
            points = [(row.weight_bytes / 1024, value) for row in own if (value := row.metrics[name]) is not None]
            axis.plot([size for size, _ in points], [value for _, value in points], marker, color=_colour(place))
        axis.plot([], [], marker, color="grey", label=SHOWN[name].replace("\n", " "))
    axis.set(xlabel="weights, KiB", xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    axis.set_title("against weight bytes", fontsize=10)


def _colour(place: int) -> tuple[float, float, float, float]:
    return plt.get_cmap("tab10")(place % 10)
