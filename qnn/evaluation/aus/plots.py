# SPDX-License-Identifier: Apache-2.0
"""Plots of AUs that stand for themselves: AUC with intervals, responses, reliability, robustness."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from board.core.files import write_figure
from qnn.evaluation.aus.calibration import Calibrated
from qnn.evaluation.aus.measuring import AuFigures
from qnn.evaluation.aus.robustness import Left
from qnn.evaluation.aus.statistics import Estimate
from qnn.evaluation.aus.validity import Validity
from qnn.evaluation.plots import BLUE, DPI, GREY, ORANGE

GREEN = "#5a8f5a"
CHANCE = 0.5
GOAL = 0.75
"""Share of the clean F1 that damaged faces should leave."""


def plot(found: AuFigures, folder: Path, title: str) -> list[Path]:
    """Write aus.png, responses.png, reliability.png and robustness.png, of what was measured; return what was."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [("rendered", found.rendered, BLUE), (found.real and found.real.name, found.real, ORANGE)]
    there = [(str(name), part, colour) for name, part, colour in kinds if part is not None]
    written: dict[str, Figure] = {}
    if there:
        written["aus"] = _aus(found, title)
        written["reliability"] = _reliability([(name, part.calibration, colour) for name, part, colour in there], title)
    if found.rendered is not None:
        written["responses"] = _responses(found.rendered.validity, title)
    if damaged := [(name, part.robustness, colour) for name, part, colour in there if part.robustness]:
        written["robustness"] = _robustness(damaged, title)
    paths = {folder / f"{name}.png": figure for name, figure in written.items()}
    for path, figure in paths.items():
        write_figure(path, figure, DPI)
    return list(paths)


def _aus(found: AuFigures, title: str) -> Figure:
    """AUC of each AU with its interval, by what it is held against."""
    series: list[tuple[str, str, str, Mapping[int, Estimate]]] = []
    if found.rendered is not None:
        per_au = found.rendered.validity.per_au
        series.append(("rendered: alone against neutral", "o", BLUE, {au: one.neutral for au, one in per_au.items()}))
        series.append(("rendered: alone against other AUs", "s", GREEN, {au: one.others for au, one in per_au.items()}))
    if found.real is not None:
        tops = {au: one.top for au, one in found.real.agreement.per_au.items()}
        series.append((f"{found.real.name}: teacher's top tenth against its lower half", "D", ORANGE, tops))
    aus = list(series[0][3])
    figure = Figure(figsize=(2 + 0.7 * len(aus), 4.4), layout="constrained")
    axes = figure.subplots()
    for number, (label, mark, colour, values) in enumerate(series):
        known = [(place, values[au]) for place, au in enumerate(aus) if values[au].value is not None]
        centres = np.array([one.value or 0 for _, one in known])
        ends = np.array([one.interval or (one.value, one.value) for _, one in known], dtype=np.float64).reshape(-1, 2)
        places = np.array([place for place, _ in known]) + 0.22 * (number - (len(series) - 1) / 2)
        whiskers = np.clip([centres - ends[:, 0], ends[:, 1] - centres], 0, None)
        axes.errorbar(places, centres, whiskers, fmt=mark, color=colour, capsize=2, markersize=5, lw=1.2, label=label)
    axes.axhline(CHANCE, color=GREY, linestyle="--", linewidth=1)
    axes.text(len(aus) - 0.5, CHANCE, " chance", fontsize=8, color=GREY, va="bottom", ha="right")
    axes.set_xticks(range(len(aus)), [f"AU{au}" for au in aus])
    axes.set_xlim(-0.5, len(aus) - 0.5)
    axes.set_ylim(min(0.3, axes.get_ylim()[0]), 1.01)
    axes.set_ylabel("AUC, 95 % interval")
    axes.grid(axis="y", alpha=0.3)
    axes.set_title(title, fontsize=10, loc="left")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def _responses(found: Validity, title: str) -> Figure:
    """How each output answers to each AU shown alone: a network that knows its AUs has a dark diagonal alone."""
    outputs = list(found.per_au)
    figure = Figure(figsize=(9.2, 7.2), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(found.responses, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(found.responses):
        if not np.isnan(value):
            colour = "white" if abs(value - CHANCE) > 0.36 else "black"
            bold = "bold" if outputs[row] == found.shown_aus[column] else "normal"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7.5, color=colour, weight=bold)
            if outputs[row] == found.shown_aus[column]:
                axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec="black", lw=1.2))
    axes.set_xticks(range(len(found.shown_aus)), [f"AU{au}" for au in found.shown_aus], fontsize=9)
    axes.set_yticks(range(len(outputs)), [f"AU{au}" for au in outputs], fontsize=9)
    axes.set_xlabel("AU that rendered faces show alone")
    axes.set_ylabel("output")
    axes.set_title(
        f"{title}: AUC of an output on faces that show one AU alone, against neutral", fontsize=10, loc="left"
    )
    figure.colorbar(image, ax=axes, shrink=0.6, label="AUC: 0.5 does not answer, below it falls")
    return figure


def _reliability(kinds: list[tuple[str, Calibrated, str]], title: str) -> Figure:
    """What was so beside what was said, a panel for each output."""
    names = list(dict.fromkeys(name for _, found, _ in kinds for name in found.bins))
    columns = 5
    figure = Figure(figsize=(2.2 * columns, 2.35 * -(-len(names) // columns) + 0.5), layout="constrained")
    panels = figure.subplots(-(-len(names) // columns), columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        axes.plot([0, 1], [0, 1], "--", color=GREY, lw=0.8)
        errors = []
        for _, found, colour in kinds:
            if name not in found.bins or not found.bins[name].faces.any():
                continue
            bins = found.bins[name]
            filled = bins.faces > 0
            sizes = 60 * np.sqrt(bins.faces[filled] / bins.faces.sum()) + 4
            axes.plot(bins.said[filled], bins.so[filled], "-", color=colour, lw=1)
            axes.scatter(bins.said[filled], bins.so[filled], s=sizes, color=colour, zorder=3)
            errors.append(found.errors[name].value)
        told = ", ".join(f"{error:.2f}" for error in errors if error is not None)
        axes.set_title(f"{name}: error {told}", fontsize=8.5)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=7)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for label, _, colour in kinds:
        panels[0].plot([], [], "o-", color=colour, label=label)
    figure.supxlabel("probability that was said", fontsize=9)
    figure.supylabel("share of the faces where it was so", fontsize=9)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    figure.legend(loc="outside lower right", ncols=2, fontsize=8, frameon=False)
    return figure


def _robustness(kinds: list[tuple[str, Mapping[str, Left], str]], title: str) -> Figure:
    """Bars of the share of the clean micro F1."""
    names = [name for name in kinds[0][1] if name != "clean"]
    figure = Figure(figsize=(8, 1.2 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(kinds)
    for number, (label, left, colour) in enumerate(kinds):
        values = np.array([left[name].of_clean.value or 0 for name in names])
        ends = np.array([left[name].of_clean.interval or (0, 0) for name in names])
        ends = np.where(ends.any(1, keepdims=True), ends, values[:, np.newaxis])
        whiskers = np.clip([values - ends[:, 0], ends[:, 1] - values], 0, None)
        places = np.arange(len(names)) + height * (number - (len(kinds) - 1) / 2)
        clean = left["clean"].micro_f1.value or 0
        axes.barh(
            places, values, height * 0.92, color=colour, xerr=whiskers, ecolor=GREY, capsize=2,
            label=f"{label}, micro F1 {clean:.2f} where clean",
        )  # fmt: skip
    axes.axvline(GOAL, color=GREY, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.05, axes.get_xlim()[1]))
    axes.set_xlabel("micro F1 as a share of that of clean faces, 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.set_title(title, fontsize=10, loc="left")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure
