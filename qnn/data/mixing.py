# SPDX-License-Identifier: Apache-2.0
"""Mixing: faces of several datasets as one array, with the AUs of Table 2 and one colour rule for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from board.core.facs import AUS, PROTOTYPES
from board.faces.crop import to_grey
from qnn.data.faces import UNKNOWN_EMOTION, Faces


@dataclass(frozen=True)
class Beside:
    """A dataset that is trained on beside the first one.

    Attributes:
        name: The dataset.
        root: Its folder.
        share: Of each batch.
    """

    name: str
    root: Path
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"a dataset's share of each batch must be between 0 and 1, got {self.share:g}")


@dataclass(frozen=True)
class Part:
    """Rows of one dataset, which follow each other among the faces of a run.

    Attributes:
        name: The dataset.
        faces: How many.
        share: Of each batch.
    """

    name: str
    faces: int
    share: float


def follow_from_emotion(faces: Faces) -> bool:
    """Whether AUs are those that Table 2 gives for the emotion, unknown where that is: nobody saw them."""
    if faces.aus != AUS:
        return False
    known = faces.emotions != UNKNOWN_EMOTION
    derived = (faces.labels[known] == PROTOTYPES[faces.emotions[known]]).all()
    return bool(derived and np.isnan(faces.labels[~known]).all())


def aligned(faces: Faces) -> Faces:
    """The faces with a label for each of AUS: unknown (NaN) where their dataset does not label it, others left out."""
    labels = np.full((len(faces), len(AUS)), np.nan, np.float32)
    for column, au in enumerate(faces.aus):
        if au in AUS:
            labels[:, AUS.index(au)] = faces.labels[:, column]
    return replace(faces, aus=AUS, labels=labels)


def without_labels(faces: Faces) -> Faces:
    """The faces with every AU unknown."""
    return replace(faces, labels=np.full_like(faces.labels, np.nan))


def grey(faces: Faces) -> Faces:
    """The faces in grey, (N, 48, 48)."""
    if faces.pixels.ndim == 3:
        return faces
    rows = to_grey(faces.pixels.reshape(-1, faces.pixels.shape[2], 3)) if len(faces) else faces.pixels
    return replace(faces, pixels=rows.reshape(faces.pixels.shape[:3]))


def joined(parts: Sequence[Faces]) -> Faces:
    """All faces of several datasets, which have the same AUs and colours."""
    names = [field.name for field in fields(Faces) if field.name != "aus"]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return replace(parts[0], **arrays)
