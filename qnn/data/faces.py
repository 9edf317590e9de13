# SPDX-License-Identifier: Apache-2.0
"""Prepared faces with all that is known of them, in arrays of one length."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from board.core.facs import EMOTIONS

UNKNOWN_EMOTION = -1


@dataclass(frozen=True)
class Faces:
    """N faces of a dataset, or of a split of it.

    Attributes:
        pixels: uint8 of shape (N, 48, 48), grey, or (N, 48, 48, 3), RGB.
        aus: FACS numbers, in the order of the labels' columns.
        labels: AU occurrence, float32 of shape (N, AUs): 1 active, 0 not, NaN where nobody knows.
        emotions: Index into facs.EMOTIONS, int64 of shape (N,); UNKNOWN_EMOTION where none applies.
        votes: Share of each of facs.EMOTIONS, float32 of shape (N, 7): rows sum to one, or to zero where no emotion
            applies. Sure labels are rows with a single one.
        groups: What the protocol `paper` keeps in proportion, text of shape (N,): the emotion, or the task.
        subjects: Who is shown, text of shape (N,); empty where that is unknown.
        splits: The dataset's own split, text of shape (N,): train, valid, test, or empty.
    """

    pixels: npt.NDArray[np.uint8]
    aus: tuple[int, ...]
    labels: npt.NDArray[np.float32]
    emotions: npt.NDArray[np.int64]
    votes: npt.NDArray[np.float32]
    groups: npt.NDArray[np.str_]
    subjects: npt.NDArray[np.str_]
    splits: npt.NDArray[np.str_]

    def __post_init__(self) -> None:
        count = len(self.pixels)
        shapes = {
            "pixels": ((count, 48, 48), (count, 48, 48, 3)),
            "labels": ((count, len(self.aus)),),
            "emotions": ((count,),),
            "votes": ((count, len(EMOTIONS)),),
            "groups": ((count,),),
            "subjects": ((count,),),
            "splits": ((count,),),
        }
        for name, allowed in shapes.items():
            if (shape := getattr(self, name).shape) not in allowed:
                raise ValueError(f"need {name} of shape {' or '.join(map(str, allowed))}, got {shape}")

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def rgb(self) -> npt.NDArray[np.uint8]:
        """Pixels as the accelerator takes them, (N, 48, 48, 3): grey ones repeated in three channels."""
        return self.pixels if self.pixels.ndim == 4 else np.repeat(self.pixels[..., np.newaxis], 3, axis=3)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Faces:
        """Some of the faces, by mask of shape (N,) or by row numbers."""
        per_face = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__ if name != "aus"}
        return replace(self, **per_face)

    def without_copies_of(self, other: Faces) -> Faces:
        """Leave out every face that is pixel for pixel a face of other."""
        known = {face.tobytes() for face in other.pixels}
        return self.take(np.array([face.tobytes() not in known for face in self.pixels], dtype=bool))
