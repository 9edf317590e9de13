# SPDX-License-Identifier: Apache-2.0
"""The splits of a training run: training set, validation set, test set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnn.data.datasets import find
from qnn.data.faces import Faces
from qnn.data.loading import load
from qnn.data.protocols import held_out, split


@dataclass(frozen=True)
class Splits:
    """The splits of a run.

    Attributes:
        train: The training set, which sets weights.
        validation: The validation set, drawn from the training faces: it chooses the best epoch and tunes decision
            thresholds.
        test: The test set, which metrics are measured on; none of it is a copy of a training face.
        colour: The contract's colour rule, grey or rgb.
        crop_margin: The contract's crop margin.
        origin: What they are and under which terms, for the card.
    """

    train: Faces
    validation: Faces
    test: Faces
    colour: str
    crop_margin: float
    origin: dict[str, Any]


def load_splits(
    name: str,
    root: Path,
    protocol: str | None = None,
    split_name: str | None = None,
    fold: int = 0,
    labels: str = "paper",
    share: float = 0.1,
    seed: int = 0,
) -> Splits:
    """Read a dataset and divide it.

    Args:
        name: The dataset.
        root: Its folder.
        protocol: `official`, `paper` or `subjects`; by default the dataset's usual one.
        split_name: With `official`, the split that is the test set; by default the first after training.
        fold: With `subjects`, the fold that is the test set.
        labels: The label rule, `paper` or `usual`.
        share: Share of the training faces that is held out as validation set.
        seed: Draws the splits.

    Raises:
        ValueError: An unknown name, protocol or rule, a folder that is not the dataset's, faces too few to divide.
    """
    dataset = find(name)
    protocol = protocol or dataset.default_protocol
    official = protocol == "official"
    split_name = split_name or dataset.default_split(protocol)
    faces = load(name, root, labels, ("train", split_name) if official else None)
    rows = split(faces, protocol, split_name, fold, seed)
    kept, held = held_out(faces, rows.train, share, seed)
    taught = faces.take(rows.train)
    test = faces.take(rows.test).without_copies_of(taught)
    origin = {
        "data": dataset.title,
        "terms": dataset.terms,
        "labels": labels,
        "protocol": protocol,
        "split": split_name if official else None,
        "fold": fold if protocol == "subjects" else None,
        "faces": {"train": len(kept), "validation": len(held), "test": len(test)},
        "copies_left_out": len(rows.test) - len(test),
        "seed": seed,
    }
    return Splits(faces.take(kept), faces.take(held), test, dataset.colour, dataset.crop_margin, origin)
