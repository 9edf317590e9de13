# SPDX-License-Identifier: Apache-2.0
"""Splits: how a dataset is divided, and the training, validation and test set of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnn.data.dataset import Dataset
from qnn.data.datasets import find
from qnn.data.faces import Faces
from qnn.data.loading import load
from qnn.data.protocols import Split, held_out, split


@dataclass(frozen=True)
class Division:
    """How a dataset is read and divided into training and test set.

    Attributes:
        name: The dataset.
        root: Its folder.
        protocol: `official`, `paper` or `subjects`; where it is left empty, the dataset's usual one.
        split_name: With `official`, the split that is the test set; where it is left empty, the first after training.
        fold: With `subjects`, the fold that is the test set.
        labels: The label rule, `paper` or `usual`.
        seed: Draws the splits.

    Raises:
        ValueError: An unknown name.
    """

    name: str
    root: Path
    protocol: str = ""
    split_name: str = ""
    fold: int = 0
    labels: str = "paper"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "protocol", self.protocol or self.dataset.default_protocol)
        object.__setattr__(self, "split_name", self.split_name or self.dataset.default_split(self.protocol))

    @property
    def dataset(self) -> Dataset:
        """The dataset."""
        return find(self.name)

    @property
    def official(self) -> bool:
        """Whether the dataset's own division is used."""
        return self.protocol == "official"

    def load(self, *splits: str) -> Faces:
        """Read some of the official splits, where those divide the dataset, else all of it.

        Raises:
            ValueError: See qnn.data.loading.load.
        """
        return load(self.name, self.root, self.labels, splits if self.official else None)

    def divide(self, faces: Faces) -> Split:
        """Rows of the training and of the test set.

        Raises:
            ValueError: See qnn.data.protocols.split.
        """
        return split(faces, self.protocol, self.split_name, self.fold, self.seed)


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


def load_splits(division: Division, share: float = 0.1) -> Splits:
    """Read a dataset and divide it.

    Args:
        division: How.
        share: Share of the training faces that is held out as validation set.

    Raises:
        ValueError: An unknown protocol or rule, a folder that is not the dataset's, faces too few to divide.
    """
    dataset = division.dataset
    faces = division.load("train", division.split_name)
    rows = division.divide(faces)
    kept, held = held_out(faces, rows.train, share, division.seed)
    test = faces.take(rows.test).without_copies_of(faces.take(rows.train))
    origin = {
        "data": dataset.title,
        "terms": dataset.terms,
        "labels": division.labels,
        "protocol": division.protocol,
        "split": division.split_name if division.official else None,
        "fold": division.fold if division.protocol == "subjects" else None,
        "faces": {"train": len(kept), "validation": len(held), "test": len(test)},
        "copies_left_out": len(rows.test) - len(test),
        "seed": division.seed,
    }
    return Splits(faces.take(kept), faces.take(held), test, dataset.colour, dataset.crop_margin, origin)
