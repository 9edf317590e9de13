# SPDX-License-Identifier: Apache-2.0
"""Portraits of people who look neutral and who smile: AU12 between the two, and what is called on a neutral face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board.core.arrays import Flags
from board.core.facs import AUS, EMOTIONS
from board.faces.crop import cut_face
from board.faces.find import find_face
from board.progress import bar
from board.sources.folder import pictures_in
from board.sources.pictures import read_picture
from qnn.data.faces import UNKNOWN_EMOTION, Faces
from qnn.data.finder import finder
from qnn.evaluation.aus.statistics import Estimate, Floats, Mask, Resampling, any_of, auc, balanced_accuracy, share
from qnn.network.checkpoint import Card

NEUTRAL, SMILING = "neutral", "smiling"
SMILE = 12


@dataclass(frozen=True)
class Portraits:
    """Faces of portraits.

    Attributes:
        faces: Those, one or more of each subject.
        smiling: Whether they smile, (N,); else they are neutral.
        without_face: Pictures in which none was found.
    """

    faces: Faces
    smiling: Flags
    without_face: int


@dataclass(frozen=True)
class Smiles:
    """What a network makes of portraits.

    Attributes:
        auc: Of AU12, smiling against neutral.
        balanced_accuracy: Of AU12 at its decision threshold.
        false_alarms: Share of the neutral faces on which an AU is called, by FACS number.
        any_false_alarm: Share of them on which any is.
        faces: How many there are.
        without_face: Pictures in which no face was found.
    """

    auc: Estimate
    balanced_accuracy: Estimate
    false_alarms: Mapping[int, Estimate]
    any_false_alarm: Estimate
    faces: int
    without_face: int

    def to_json(self) -> dict[str, object]:
        """Plain dictionary."""
        return {**vars(self), "false_alarms": {f"AU{au}": found for au, found in self.false_alarms.items()}}


def portraits(folder: Path, card: Card) -> Portraits:
    """Faces of a folder's pictures `*_neutral.*` and `*_smiling.*`, found and cut as `auflow detect` does.

    Args:
        folder: Their folder; what comes before the last underscore names the subject.
        card: Of the network, with the rules by which its faces are cut.

    Raises:
        ValueError: The folder lacks one of the two, a picture cannot be read, or no face is found.
    """
    paths = {path: path.stem.rpartition("_") for path in pictures_in(folder)}
    paths = {path: parts for path, parts in paths.items() if parts[2] in (NEUTRAL, SMILING)}
    kinds = [kind for _, _, kind in paths.values()]
    if len(set(kinds)) < 2:
        raise ValueError(
            f"portraits must be pictures *_{NEUTRAL} and *_{SMILING}, got {kinds.count(NEUTRAL)} and"
            f" {kinds.count(SMILING)} in {folder}"
        )
    pixels, smiling, subjects = [], [], []
    with bar("finding faces", len(paths), "pictures") as done:
        for path, (subject, _, kind) in paths.items():
            picture = read_picture(path)
            if (face := find_face(picture, finder().search_still)) is not None:
                pixels.append(cut_face(picture, face.box, card.crop_margin, card.colour, face.roll_deg))
                smiling.append(kind == SMILING)
                subjects.append(subject)
            done(1)
    if not pixels:
        raise ValueError(f"portraits must show a face, found none in {len(paths)} pictures of {folder}")
    count, text = len(pixels), np.full(len(pixels), "")
    faces = Faces(
        np.stack(pixels), AUS, np.full((count, len(AUS)), np.nan, np.float32), np.full(count, UNKNOWN_EMOTION),
        np.zeros((count, len(EMOTIONS)), np.float32), text, np.array(subjects), text,
    )  # fmt: skip
    return Portraits(faces, np.array(smiling), len(paths) - count)


def smiles(scores: Floats, called: Mask, portraits: Portraits, resampling: Resampling) -> Smiles:
    """Hold outputs (N, 13) and calls (N, 13) against who smiles."""
    smiling, column = portraits.smiling, AUS.index(SMILE)
    known = np.ones(len(smiling), bool)
    found = resampling.estimates(
        {
            "auc": auc(scores[:, column], smiling, ~smiling),
            "right": balanced_accuracy(called[:, column], smiling, known),
            "any": share(any_of(called), ~smiling),
            **{f"AU{au}": share(calls, ~smiling) for au, calls in zip(AUS, called.T, strict=True)},
        }
    )
    return Smiles(
        found["auc"],
        found["right"],
        {au: found[f"AU{au}"] for au in AUS},
        found["any"],
        len(smiling),
        portraits.without_face,
    )
