# SPDX-License-Identifier: Apache-2.0
"""Faces that AUs are measured and tuned on: rendered ones and real ones, each halved by a rule.

Decision thresholds and calibration are tuned on one half, figures are of the other. A rendered head is in the half of
its identity's number, a real face in that of its pixels' digest: copies of it are there too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from board.core.facs import AU_TITLES, AUS, EMOTIONS
from board.core.reading import parsing, read_arrays
from qnn.data.faces import UNKNOWN_EMOTION, Faces
from qnn.data.soft_labels import TEACHES, SoftLabels, digests, targets
from qnn.data.teacher import BLENDSHAPES
from qnn.evaluation.aus.agreement import Taught
from qnn.evaluation.aus.validity import Shown

TUNING, MEASURING, ALL = "tuning", "measuring", "all"
HALVES = (TUNING, MEASURING, ALL)
"""Which faces: even identities and digests, odd ones, or both."""
VALID = "valid.npz"
REMEDY = "render it anew with `auflow render`"


@dataclass(frozen=True)
class Rendered:
    """Rendered faces.

    Attributes:
        faces: Those, with the strengths of facs.AUS for labels and the head's number for a subject.
        shown: What they show, other AUs than facs.AUS too.
    """

    faces: Faces
    shown: Shown

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Rendered:
        """Some of them, by mask of shape (N,) or by row numbers."""
        return Rendered(self.faces.take(rows), replace(self.shown, strengths=self.shown.strengths[rows]))


@dataclass(frozen=True)
class Real:
    """Faces of a dataset that a teacher labelled.

    Attributes:
        faces: Those, with the teacher's targets for labels.
        taught: What it says of them.
        name: Dataset and split.
    """

    faces: Faces
    taught: Taught
    name: str

    @property
    def neutral_votes(self) -> npt.NDArray[np.float32]:
        """Share of the votes for neutral, (N,)."""
        return self.faces.votes[:, EMOTIONS.index("neutral")]

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Real:
        """Some of them, by mask of shape (N,) or by row numbers."""
        return Real(self.faces.take(rows), self.taught.take(rows), self.name)


def rendered_faces(folder: Path, half: str = MEASURING) -> Rendered:
    """Rendered validation faces, whose heads no training saw.

    Args:
        folder: What `auflow render` wrote.
        half: One of HALVES.

    Raises:
        ValueError: They are missing or broken, or the half has none.
    """
    path = folder / VALID
    arrays = read_arrays(path, "rendered faces", REMEDY)
    with parsing(path, "rendered faces", REMEDY):
        pixels, strengths, identities = arrays["pixels"], arrays["weights"], arrays["identity"]
        aus = tuple(arrays["aus"].tolist())
        if strengths.dtype.kind != "f":
            raise ValueError(f"need weights of floats, got {strengths.dtype}")
        strengths = strengths.astype(np.float32)
        if pixels.dtype != np.uint8 or identities.dtype.kind not in "iu":
            raise ValueError(f"need pixels of uint8 and whole identities, got {pixels.dtype} and {identities.dtype}")
        if strengths.shape != (len(pixels), len(aus)) or identities.shape != (len(pixels),):
            raise ValueError(
                f"need one weight for each of {len(pixels)} faces and {len(aus)} AUs, got {strengths.shape}"
            )
        if not set(AUS) <= set(aus) <= set(AU_TITLES):
            raise ValueError(f"need the AUs of Table 2 and others of FACS, got {aus}")
        if not ((strengths >= 0) & (strengths <= 1)).all():
            raise ValueError("a weight must lie between 0 and 1, got another number")
        count, text = len(pixels), np.full(len(pixels), "")
        labels = strengths[:, [aus.index(au) for au in AUS]]
        faces = Faces(
            pixels, AUS, labels, np.full(count, UNKNOWN_EMOTION), np.zeros((count, len(EMOTIONS)), np.float32),
            text, identities.astype(np.str_), np.full(count, "valid"),
        )  # fmt: skip
    rows = _rows(identities % 2, half)
    if not rows.any():
        raise ValueError(
            f"rendered faces must be of even and odd identities, got none to use for {half} in {path}: {REMEDY}"
        )
    return Rendered(faces, Shown(strengths, aus)).take(rows)


def labelled_faces(faces: Faces, labels: SoftLabels, name: str, half: str = MEASURING) -> Real:
    """The faces that a teacher found landmarks in, with what it says of them.

    Args:
        faces: Of facs.AUS; their own AU labels are left out.
        labels: The teacher's, its training faces among them, which make its scale.
        name: What the faces are called.
        half: One of HALVES.

    Raises:
        ValueError: Faces of other AUs, none that has labels, or too few training faces that have.
    """
    if faces.aus != AUS:
        raise ValueError(f"soft labels are of AUs {', '.join(map(str, AUS))}, got faces with {faces.aus}")
    known = {digest.tobytes(): row for row, digest in enumerate(labels.digests) if labels.found[row]}
    keys = digests(faces.pixels)
    places = np.array([known.get(key.tobytes(), -1) for key in keys], dtype=np.int64)
    rows = (places >= 0) & _rows(keys[:, 0] % 2, half)
    if not rows.any():
        raise ValueError(
            f"soft labels must be of the faces that they are for, got {len(labels):,} of {labels.data} that match none"
            f" of {len(faces):,} faces of {name}: label these with `auflow label`"
        )
    taught = Taught(*_scaled(labels), targets(labels), _brows(labels)).take(places[rows])
    return Real(replace(faces.take(rows), labels=taught.targets), taught, name)


def _rows(parity: npt.NDArray[np.integer[Any]], half: str) -> npt.NDArray[np.bool_]:
    """The faces of a half, by parity (N,)."""
    if half not in HALVES:
        raise ValueError(f"the faces to take must be one of {', '.join(HALVES)}, got {half!r}")
    return np.ones(len(parity), bool) if half == ALL else parity == (half == MEASURING)


def _scaled(labels: SoftLabels) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Strengths of facs.AUS and their ranks among training faces, (N, 13) each, NaN where there are none."""
    seen = labels.blendshapes.astype(np.float64)
    strengths, ranks = (np.full((len(labels), len(AUS)), np.nan) for _ in range(2))
    for au, names in TEACHES.items():
        column = AUS.index(au)
        strengths[:, column] = seen[:, [BLENDSHAPES.index(name) for name in names]].mean(1)
        ranks[:, column] = _ranked(strengths[:, column], labels)
    return strengths, ranks


def _ranked(values: npt.NDArray[np.floating[Any]], labels: SoftLabels) -> npt.NDArray[np.float64]:
    """Share of the training faces that have less, (N,), NaN where no landmarks were found."""
    known = np.sort(values[labels.training])
    return np.where(labels.found, np.searchsorted(known, values) / max(len(known), 1), np.nan)


def _brows(labels: SoftLabels) -> npt.NDArray[np.float64]:
    """Rank of the inner brows' height less that of the outer ones', (N,)."""
    return _ranked(labels.brows[:, 0], labels) - _ranked(labels.brows[:, 1], labels)
