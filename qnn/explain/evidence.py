# SPDX-License-Identifier: Apache-2.0
"""Evidence over a dataset: each AU's mean heat map, and its share in each band of the face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn

from board.core.facs import AU_TITLES
from board.core.files import write_csv, write_figure, write_json
from board.executors.executor import planes
from board.progress import bar
from qnn.data.faces import Faces
from qnn.data.splits import Division
from qnn.evaluation.measuring import in_colour, load_network, select
from qnn.evaluation.result_tables import DASH, Grid
from qnn.explain.explanation import au_maps
from qnn.explain.heatmaps import CELL_INCHES, COLOUR_MAP, DPI, check_aus
from qnn.network.checkpoint import Card
from qnn.network.inference import BATCH, Prediction, batch_logits

BANDS = ("forehead", "brow", "eyes", "nose", "mouth", "chin")
"""What lies in each row of a map, eight pixels high, where a face fills its square as in FERPlus."""

COLUMNS = 5


@dataclass(frozen=True)
class Evidence:
    """Where an AU is found.

    Attributes:
        au: FACS number.
        faces: How many show it and were found to.
        share: Mean over them of each map's share of its own sum, float64 (6, 6); sums to 1, or 0 without faces.
    """

    au: int
    faces: int
    share: npt.NDArray[np.float64]

    @property
    def bands(self) -> tuple[float, ...]:
        """Share of each of BANDS."""
        return tuple(self.share.sum(1).tolist())


@dataclass(frozen=True)
class DatasetEvidence:
    """Where AUs are found.

    Attributes:
        title: Network and faces.
        method: One of qnn.explain.explanation.METHODS.
        aus: Each of them.
    """

    title: str
    method: str
    aus: tuple[Evidence, ...]

    def grid(self) -> Grid:
        """Percent of the evidence in each band."""
        rows = tuple(
            (f"AU{one.au}", str(one.faces), *(f"{100 * band:.0f}" if one.faces else DASH for band in one.bands))
            for one in self.aus
        )
        notes = (f"Percent of the evidence ({self.method}), mean over faces.",)
        return Grid(self.title, ("AU", "faces", *BANDS), rows, notes)


def of_dataset(
    checkpoint: Path, division: Division, most: int, aus: tuple[int, ...] | None, method: str
) -> DatasetEvidence:
    """Explain the faces that `auflow eval` would measure on, under a progress bar.

    Args:
        checkpoint: A .safetensors file with its card.
        division: How the dataset is divided.
        most: Faces for each AU.
        aus: Those to look at; None takes all.
        method: One of qnn.explain.explanation.METHODS.

    Raises:
        ValueError: As qnn.evaluation.measuring.select and load_network do; an AU that the network does not detect,
            or another method.
    """
    selection = select(division)
    network, card = load_network(checkpoint, selection.faces.aus)
    check_aus(aus, card)
    faces = in_colour(card, selection.faces)
    with bar("explaining", len(faces), "faces") as done:
        found = gather(network, card, faces, aus or card.aus, most, method, done)
    return DatasetEvidence(f"Where {card.preset} finds AUs, {division.name} {division.split_name}", method, found)


def gather(
    network: nn.Module,
    card: Card,
    faces: Faces,
    aus: tuple[int, ...],
    most: int,
    method: str,
    done: Callable[[int], None] = lambda faces: None,
) -> tuple[Evidence, ...]:
    """Explain the first faces that show an AU and in which the network finds it, but for maps without evidence.

    Args:
        network: In eval mode, a quantized one frozen; see qnn.evaluation.measuring.load_network.
        card: Its card.
        faces: In the card's colour and of its AUs.
        aus: Those to look at.
        most: Faces for each of them.
        method: One of qnn.explain.explanation.METHODS.
        done: Called with the number of faces of each batch.
    """
    total = {au: np.zeros((len(BANDS), len(BANDS))) for au in aus}
    count = dict.fromkeys(aus, 0)
    columns = [card.aus.index(au) for au in aus]
    for start in range(0, len(faces), BATCH):
        batch = faces.take(np.arange(start, min(start + BATCH, len(faces))))
        done(len(batch))
        shown = (batch.labels[:, columns] == 1) & (np.array([count[au] for au in aus]) < most)
        if not shown.any():
            continue
        pixels = torch.from_numpy(planes(batch.rgb[shown.any(1)]))
        prediction = Prediction.of(batch_logits(network, pixels), card.aus)
        present = prediction.probabilities(card) >= np.array(card.decision_thresholds)
        heat = au_maps(network, pixels, len(card.aus), method)[:, columns].astype(np.float64)
        sums = heat.sum((2, 3))
        for index, au in enumerate(aus):
            usable = shown[shown.any(1), index] & present[:, columns[index]] & (sums[:, index] > 0)
            rows = np.flatnonzero(usable)[: most - count[au]]
            total[au] += (heat[rows, index] / sums[rows, index, np.newaxis, np.newaxis]).sum(0)
            count[au] += len(rows)
    return tuple(Evidence(au, count[au], total[au] / max(1, count[au])) for au in aus)


def write(found: DatasetEvidence, out: Path, with_json: bool) -> Path:
    """Write evidence.csv and figure.png, the maps to explanation.json where asked for; return the figure's path."""
    rows = ([one.au, one.faces, *one.bands] for one in found.aus)
    write_csv(out / "evidence.csv", [["au", "faces", *BANDS], *rows])
    if with_json:
        maps = {f"AU{one.au}": {"faces": one.faces, "share": one.share.tolist()} for one in found.aus}
        content = {"title": found.title, "method": found.method, "aus": maps}
        write_json(out / "explanation.json", content)
    path = out / "figure.png"
    write_figure(path, figure(found), DPI)
    return path


def figure(found: DatasetEvidence) -> Figure:
    """The mean map of every AU, each from none to its own most."""
    rows = -(-len(found.aus) // COLUMNS)
    result = Figure(figsize=(CELL_INCHES * COLUMNS + 0.6, (CELL_INCHES + 0.35) * rows + 0.4), layout="constrained")
    result.suptitle(f"{found.title} ({found.method})", fontsize=10)
    axes = result.subplots(rows, COLUMNS, squeeze=False)
    for axis in axes.flat[len(found.aus) :]:
        axis.set_axis_off()
    for place, (axis, one) in enumerate(zip(axes.flat, found.aus, strict=False)):
        axis.imshow(one.share, cmap=COLOUR_MAP, vmin=0, interpolation="bicubic")
        axis.set_title(f"AU{one.au}, {one.faces} faces\n{AU_TITLES[one.au]}", fontsize=8)
        axis.set_xticks([])
        axis.set_yticks(range(len(BANDS)), BANDS if place % COLUMNS == 0 else [""] * len(BANDS), fontsize=8)
    return result
