# SPDX-License-Identifier: Apache-2.0
"""Learning curves of a stage, in the shape of the paper's Fig. 5: loss and Euclidean distance, and F1-frame."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the choice of a backend that needs no screen

from board.core.files import write_figure

PANELS = {
    "loss": (("training", "loss_epoch"), ("validation", "valid_loss")),
    "Euclidean distance (eq. 5)": (("training", "euclidean"), ("validation", "valid_euclidean")),
    "F1-frame": (("validation, micro", "micro_f1"), ("validation, macro", "macro_f1")),
}


def history(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Each logged metric as (epoch, value); of an epoch logged twice, before and after a kill, the later counts."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted((folder / "logs").glob("version_*/metrics.csv"), key=lambda path: int(path.parent.name[8:])):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value and name not in ("epoch", "step") and row.get("epoch"):
                        found.setdefault(name, {})[int(row["epoch"])] = float(value)
    return {name: sorted(values.items()) for name, values in found.items()}


def hours(folder: Path, faces: int) -> float:
    """Time that the epochs of a stage's folder took to learn from so many faces, all processes at once."""
    return sum(faces / rate for _, rate in history(folder).get("images_per_s", [])) / 3600


def plot(folder: Path, path: Path) -> None:
    """Draw the curves of a stage's folder."""
    logged = history(folder)
    figure, axes = plt.subplots(1, len(PANELS), figsize=(4.2 * len(PANELS), 3.4), layout="constrained")
    for axis, (title, lines) in zip(axes, PANELS.items(), strict=True):
        for label, name in lines:
            epochs, values = zip(*logged.get(name, [(0, float("nan"))]), strict=True)
            axis.plot([epoch + 1 for epoch in epochs], values, marker=".", label=label)
        axis.set(title=title, xlabel="epoch")
        axis.grid(alpha=0.3)
        axis.legend()
    write_figure(path, figure, 120)
    plt.close(figure)
