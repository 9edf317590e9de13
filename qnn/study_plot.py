# SPDX-License-Identifier: Apache-2.0
"""Pictures of the studies: figures by variant with intervals, against weight bytes, and each AU against bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np  # after the choice of a backend that needs no screen
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from qnn.study import Row, by_variant, summarise

SHOWN = {
    "micro_f1": "micro F1-frame",
    "macro_f1": "macro F1-frame",
    "fer_accuracy_prototype": "emotion by best prototype",
    "fer_accuracy_excluding_none": "emotion by Table 2, None excluded",
    "fer_coverage": "coverage of Table 2",
}


def plot(rows: Sequence[Row], out: Path) -> list[Path]:
    """Write OUT/<study>.png for each study of the rows; `bits` also shows every AU, `bits` and `head` the bytes."""
    paths = []
    for study in dict.fromkeys(row.study for row in rows):
        own = [row for row in rows if row.study == study]
        more = {"bits": (_per_au, _against_bytes), "head": (_against_bytes,)}.get(study, ())
        figure, axes = plt.subplots(1, 1 + len(more), layout="constrained", squeeze=False)
        figure.set_size_inches({1: 8, 2: 13, 3: 15}[1 + len(more)], 4.6)
        _bars(axes[0, 0], own, study)
        for axis, draw in zip(axes[0, 1:], more, strict=True):
            draw(axis, own)
        paths.append(out / f"{study}.png")
        figure.savefig(paths[-1], dpi=120)
        plt.close(figure)
    return paths


def _bars(axis: Axes, rows: Sequence[Row], study: str) -> None:
    """Figures side by side, one colour for each variant; whiskers are 95 % intervals over seeds."""
    variants = list(dict.fromkeys(row.variant for row in rows))
    width = 0.8 / len(variants)
    for number, variant in enumerate(variants):
        found = [by_variant(rows, study, name).get(variant) for name in SHOWN]
        summaries = [summarise(values.values()) if values else None for values in found]
        heights = [np.nan if summary is None else summary.mean for summary in summaries]
        errors = [0.0 if summary is None else summary.half_width or 0.0 for summary in summaries]
        places = np.arange(len(SHOWN)) + (number - (len(variants) - 1) / 2) * width
        axis.bar(places, heights, width, yerr=errors if any(errors) else None, capsize=3, label=variant)
    axis.set_xticks(range(len(SHOWN)), [title.replace(" ", "\n", 1) for title in SHOWN.values()], fontsize=8)
    axis.set(title=f"{study}: figures by variant", ylim=(0, 1))
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize=8)


def _per_au(axis: Axes, rows: Sequence[Row]) -> None:
    """F1-frame of each AU, mean over seeds, against the variants from most bits to fewest."""
    variants = list(dict.fromkeys(row.variant for row in rows))
    colours = plt.get_cmap("tab20")
    for number, au in enumerate(rows[0].per_au):
        values = [
            np.mean([value for row in rows if row.variant == variant and (value := row.per_au[au]) is not None] or [0])
            for variant in variants
        ]
        axis.plot(values, marker="o", color=colours(number), label=au)
    axis.set_xticks(range(len(variants)), variants)
    axis.set(title="F1-frame of each AU", xlabel="preset (weight and activation bits)", ylim=(0, 1))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7, ncols=2)


def _against_bytes(axis: Axes, rows: Sequence[Row]) -> None:
    """Averages against the bytes of all weights."""
    for name in ("micro_f1", "macro_f1", "fer_accuracy_prototype"):
        points = sorted(
            (row.weight_bytes / 1024, value, row.variant) for row in rows if (value := row.figures[name]) is not None
        )
        axis.plot([p[0] for p in points], [p[1] for p in points], marker="o", label=SHOWN[name])
        if name == "fer_accuracy_prototype":
            for size, value, variant in points:
                axis.annotate(variant, (size, value), textcoords="offset points", xytext=(4, 6), fontsize=8)
    axis.set(title="Averages against weight bytes", xlabel="weights, KiB", xscale="log", ylim=(0, 1))
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
