# SPDX-License-Identifier: Apache-2.0
"""Plots of an evaluation: F1-frame per AU with its interval, and the confusion matrices of emotions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from board.core.facs import EMOTIONS
from board.core.files import write_figure
from qnn.evaluation.metrics import Evaluation

DPI = 150
BLUE, ORANGE, GREY = "#3b6ea5", "#d9822b", "0.35"
PALE = 0.55
"""Shares above this are dark enough for white text."""


def plot(found: Evaluation, folder: Path, title: str) -> list[Path]:
    """Write per_au.png and, where emotions are known, confusion.png; return what was written."""
    written = {folder / "per_au.png": _per_au(found, title)}
    if found.emotions_known:
        written[folder / "confusion.png"] = _confusions(found, title)
    for path, figure in written.items():
        write_figure(path, figure, DPI)
    return list(written)


def _per_au(found: Evaluation, title: str) -> Figure:
    """Bars of F1-frame with 95 % intervals; precision and recall as marks."""
    figure = Figure(figsize=(1.8 + 0.55 * len(found.per_au), 4), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(found.per_au))
    units = list(found.per_au.values())
    f1 = np.array([unit.f1 or 0 for unit in units])
    ends = np.array([unit.intervals["f1"] or (value, value) for unit, value in zip(units, f1, strict=True)])
    whiskers = np.clip([f1 - ends[:, 0], ends[:, 1] - f1], 0, None)
    axes.bar(places, f1, 0.7, color=BLUE, label="F1-frame, 95 % interval", yerr=whiskers, ecolor=GREY, capsize=3)
    for name, mark in (("precision", "^"), ("recall", "v")):
        values = [np.nan if getattr(unit, name) is None else getattr(unit, name) for unit in units]
        axes.plot(places, values, mark, color=ORANGE, markeredgecolor="white", markersize=7, label=name)
    macro = found.metrics["macro_f1"]
    if macro is not None:
        axes.axhline(macro, color=GREY, linestyle="--", linewidth=1, label=f"macro F1 {macro:.2f}")
    axes.set_xticks(places, [f"AU{au}\n{unit.support:,}" for au, unit in found.per_au.items()], fontsize=8)
    axes.set_xlabel("AU and number of faces that show it", fontsize=9)
    axes.set_ylim(0, 1)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.set_title(title, fontsize=10, loc="left")
    handles, labels = axes.get_legend_handles_labels()
    bars_first = sorted(zip(handles, labels, strict=True), key=lambda entry: not entry[1].startswith("F1"))
    figure.legend(*zip(*bars_first, strict=True), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _confusions(found: Evaluation, title: str) -> Figure:
    """Confusion by Table 2 and by prototype side by side, each row as shares of the faces of an emotion."""
    assert found.confusion is not None and found.confusion_prototype is not None
    figure = Figure(figsize=(12.5, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(8, 7))
    metrics = found.metrics
    answered = metrics["fer_accuracy_excluding_none"]
    right_where = "" if answered is None else f", {answered:.1%} of them right"
    by_table = f"by Table 2: answers on {metrics['fer_coverage']:.1%} of the faces{right_where}"
    _confusion(left, found.confusion, (*EMOTIONS, "None"), by_table)
    by_prototype = f"by {found.of_every_face}: {metrics['fer_accuracy_prototype']:.1%} right"
    _confusion(right, found.confusion_prototype, EMOTIONS, by_prototype)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _confusion(axes: Axes, counts: npt.NDArray[np.int64], answers: tuple[str, ...], title: str) -> None:
    """One matrix, coloured by share and labelled with share and count."""
    totals = counts.sum(1)
    shares = counts / np.maximum(totals, 1)[:, np.newaxis]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > PALE else "black"
            text = f"{shares[row, column]:.0%}\n{count:,}"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    if len(answers) > len(EMOTIONS):
        axes.axvline(len(EMOTIONS) - 0.5, color=GREY, linewidth=1)
    axes.set_xticks(range(len(answers)), answers, rotation=35, ha="right", fontsize=9)
    truths = [f"{name} ({total:,})" for name, total in zip(EMOTIONS, totals, strict=True)]
    axes.set_yticks(range(len(EMOTIONS)), truths, fontsize=9)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth (faces)")
    axes.set_title(title, fontsize=10)
