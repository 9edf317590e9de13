# SPDX-License-Identifier: Apache-2.0
"""Splits: how a dataset is divided, and the training, validation and test set of a training run."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from board.core.decoding import CODED, REAL_AND_RENDERED, RENDERED, UNKNOWN
from board.core.facs import AUS
from board.core.files import sha256
from qnn.data import soft_labels as soft_label_files
from qnn.data.dataset import Dataset
from qnn.data.datasets import find
from qnn.data.faces import Faces
from qnn.data.loading import load
from qnn.data.mixing import Beside, Part, aligned, follow_from_emotion, grey, joined, without_labels
from qnn.data.protocols import Split, held_out, split

RENDERED_FACES = "rendered"
"""The dataset whose faces nobody saw: `auflow render` makes them."""


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
        parts: Where several datasets are mixed, the training set's rows of each, the first one's first.
        validation_parts: The validation set's.
        test_parts: The test set's.
        validity: What each AU is learned from, of board.core.decoding.VALIDITIES; empty where datasets are not mixed.
    """

    train: Faces
    validation: Faces
    test: Faces
    colour: str
    crop_margin: float
    origin: dict[str, Any]
    parts: tuple[Part, ...] = ()
    validation_parts: tuple[Part, ...] = ()
    test_parts: tuple[Part, ...] = ()
    validity: tuple[str, ...] = ()


def load_mixed(
    division: Division, share: float, beside: Sequence[Beside] = (), soft_labels: Path | None = None
) -> Splits:
    """Read a dataset and those beside it, divide each as it would be alone, and join them for recipe `aus`.

    Labels are those of Table 2's thirteen AUs, unknown where a dataset has none that somebody saw: AUs that follow
    from an emotion are replaced by soft labels. All faces are grey where one dataset's are.

    Args:
        division: How the first dataset is read and divided.
        share: Share of each dataset's training faces that is held out as validation set.
        beside: The others; each is divided by its own default protocol.
        soft_labels: File of `auflow label`.

    Raises:
        ValueError: See `load_splits`; shares that leave nothing for the first dataset, no AU that is known.
    """
    rest = 1 - sum(other.share for other in beside)
    if rest <= 0:
        raise ValueError(f"the shares of the datasets beside {division.name} must leave it some, got {1 - rest:g}")
    shares = (rest, *(other.share for other in beside))
    others = [Division(other.name, other.root, seed=division.seed) for other in beside]
    soft = soft_label_files.read(soft_labels) if soft_labels else None
    alone = [load_splits(each, share) for each in (division, *others)]
    loaded = [_relabelled(one, soft) for one in alone]
    first = loaded[0]
    names = [division.name, *(other.name for other in beside)]
    coded = [
        not follow_from_emotion(one.train) and name != RENDERED_FACES for one, name in zip(alone, names, strict=True)
    ]
    colour = "rgb" if all(one.colour == "rgb" for one in loaded) else "grey"
    prepare = grey if colour == "grey" else (lambda faces: faces)
    train, validation, test = (
        [prepare(getattr(one, name)) for one in loaded] for name in ("train", "validation", "test")
    )
    if not any(np.isfinite(part.labels).any() for part in train):
        raise ValueError(f"{division.name} tells emotions, not AUs: give --soft-labels, or --also a dataset with AUs")
    origin = {
        **first.origin,
        "soft_labels": soft_labels and sha256(soft_labels),
        "beside": [{**one.origin, "share": other.share} for one, other in zip(loaded[1:], beside, strict=True)],
    }
    return Splits(
        joined(train), joined(validation), joined(test), colour, first.crop_margin, origin,
        tuple(Part(*entry) for entry in zip(names, map(len, train), shares, strict=True)),
        tuple(Part(*entry) for entry in zip(names, map(len, validation), shares, strict=True)),
        tuple(Part(*entry) for entry in zip(names, map(len, test), shares, strict=True)),
        tuple(_validity(train, names, coded, column) for column in range(len(AUS))),
    )  # fmt: skip


def _validity(parts: Sequence[Faces], names: Sequence[str], coded: Sequence[bool], column: int) -> str:
    """What an AU of mixed training is learned from."""
    known = [bool(np.isfinite(part.labels[:, column]).any()) for part in parts]
    rendered = [name == RENDERED_FACES for name in names]
    if any(map(operator.and_, known, coded)):
        return CODED
    if not any(map(operator.and_, known, rendered)):
        return UNKNOWN
    return RENDERED if all(made for made, there in zip(rendered, known, strict=True) if there) else REAL_AND_RENDERED


def _relabelled(splits: Splits, soft: soft_label_files.SoftLabels | None) -> Splits:
    """One dataset's splits with the labels of mixed training."""
    relabelled: dict[str, Any] = {
        name: _with_aus(getattr(splits, name), soft) for name in ("train", "validation", "test")
    }
    return replace(splits, **relabelled)


def _with_aus(faces: Faces, soft: soft_label_files.SoftLabels | None) -> Faces:
    """Faces with labels of AUS that somebody or the teacher saw."""
    if not follow_from_emotion(faces):
        return aligned(faces)
    return without_labels(faces) if soft is None else soft_label_files.apply(faces, soft)


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
