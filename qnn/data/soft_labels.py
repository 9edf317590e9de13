# SPDX-License-Identifier: Apache-2.0
"""Soft labels: what the teacher saw in faces, as a file, and how much of each AU that says a face shows.

A target is 0 up to the median of the training faces that people call neutral, 0.5 where only one in twenty of these
shows more, and 1 from where only one in a hundred of all training faces does; between them it is linear. So a target
above 0.5 is more than neutral faces show, and an AU that few faces show has few such targets; ranks among all faces
would make the same share of them active in every AU.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from board.core.arrays import Flags, Pixels
from board.core.facs import AUS, EMOTIONS
from board.core.files import write_npz
from board.core.reading import parsing, read_arrays
from qnn.data.faces import Faces
from qnn.data.teacher import BLENDSHAPES

FORMAT = "auflow-labels-1"
REMEDY = "write it anew with `auflow label`"
DIGEST_BYTES = 16
NEUTRAL_QUANTILE, STRONG_QUANTILE = 0.95, 0.99
"""Of neutral training faces and of all training faces: where a target is 0.5 and 1."""
LEAST_NEUTRAL = 20
"""Neutral training faces below which a quantile of 0.95 says nothing."""
BROW_SHARE = 0.2
"""Of the difference of brow ranks that tells AU1 from AU2. On FERPlus their correlation falls from .77 to .60, and on
rendered faces the difference of the two tells one from the other with AUC .88 instead of .87; more makes surprise,
which shows both, harder to tell from neutral."""

TEACHES: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    17: ("mouthShrugLower",),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    23: ("mouthPressLeft", "mouthPressRight"),
    26: ("jawOpen",),
}
"""Blendshapes whose mean shows an AU. AU6 and AU9 have none: cheekSquint and noseSneer are always 0."""


@dataclass(frozen=True)
class SoftLabels:
    """What the teacher saw in N faces of a dataset.

    Attributes:
        digests: Of each prepared face's pixels, by which it is found again, uint8 (N, 16); see `digests`.
        found: Whether the teacher found landmarks, bool (N,).
        blendshapes: Float16 (N, 52) in the order of teacher.BLENDSHAPES, NaN where nothing was found.
        brows: Heights of inner and outer brows, float32 (N, 2), see teacher.brow_heights; NaN likewise.
        neutral: Whether the dataset's people call the face neutral, bool (N,).
        splits: The dataset's own split, text (N,), empty where it has none.
        data: Which dataset this is.
        teacher_sha256: Digest of the teacher's model.
    """

    digests: npt.NDArray[np.uint8]
    found: Flags
    blendshapes: npt.NDArray[np.float16]
    brows: npt.NDArray[np.float32]
    neutral: Flags
    splits: npt.NDArray[np.str_]
    data: str
    teacher_sha256: str

    def __post_init__(self) -> None:
        count = len(self.digests)
        rules = {
            "digests": (np.uint8, (count, DIGEST_BYTES)),
            "found": (np.bool_, (count,)),
            "blendshapes": (np.float16, (count, len(BLENDSHAPES))),
            "brows": (np.float32, (count, 2)),
            "neutral": (np.bool_, (count,)),
            "splits": (np.str_, (count,)),
        }
        for name, (kind, shape) in rules.items():
            array = getattr(self, name)
            if array.shape != shape or not np.issubdtype(array.dtype, kind):
                raise ValueError(f"need {name} of {kind.__name__} {shape}, got {array.dtype} {array.shape}")
        for name in ("blendshapes", "brows"):
            if not np.isfinite(getattr(self, name)[self.found]).all():
                raise ValueError(f"need finite {name} of every face that was found")

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def training(self) -> Flags:
        """Which faces set the scale, (N,): those of the split train, all where there is none of this name."""
        train = self.splits == "train"
        return self.found & (train if train.any() else True)

    def save(self, path: Path) -> None:
        """Write a label file whole or not at all; see board.core.files.whole."""
        arrays = {name: np.asarray(getattr(self, name)) for name in self.__dataclass_fields__}
        write_npz(path, {"format": np.asarray(FORMAT), **arrays})


def read(path: Path) -> SoftLabels:
    """A label file.

    Raises:
        ValueError: It is missing, broken or of another format.
    """
    arrays = read_arrays(path, "a label file", REMEDY)
    with parsing(path, "a label file", REMEDY):
        if str(arrays["format"]) != FORMAT:
            raise ValueError(f"the format of a label file must be {FORMAT}, got {str(arrays['format'])!r:.100}")
        texts = {name: str(arrays[name]) for name in ("data", "teacher_sha256")}
        per_face = {name: arrays[name] for name in SoftLabels.__dataclass_fields__ if name not in texts}
        return SoftLabels(**per_face, **texts)  # type: ignore[arg-type] # its __post_init__ looks at each


def digests(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """blake2b of 16 bytes of the pixels of each face (N, ...), uint8 (N, 16)."""
    found = b"".join(hashlib.blake2b(face.tobytes(), digest_size=DIGEST_BYTES).digest() for face in pixels)
    return np.frombuffer(found, np.uint8).reshape(-1, DIGEST_BYTES)


def neutral_faces(faces: Faces) -> Flags:
    """Which faces people call neutral, (N,)."""
    return faces.emotions == EMOTIONS.index("neutral")


def targets(labels: SoftLabels, scale: SoftLabels | None = None) -> npt.NDArray[np.float32]:
    """How much of each AU a face shows.

    Args:
        labels: Of N faces.
        scale: Labels whose training faces say what is much; by default the same.

    Returns:
        Float32 (N, 13), 0 to 1, in the order of facs.AUS; NaN for AU6, AU9 and where nothing was found.

    Raises:
        ValueError: The scale has too few neutral training faces.
    """
    scale = scale or labels
    neutral = scale.training & scale.neutral
    if (count := np.count_nonzero(neutral)) < LEAST_NEUTRAL:
        raise ValueError(
            f"soft labels need a scale of at least {LEAST_NEUTRAL} neutral training faces with landmarks, got {count}"
            f" of {len(scale):,} faces of {scale.data}: take the scale from labels of a dataset with emotions"
        )
    shown, reference = _strengths(labels, scale), _strengths(scale, scale)
    made = np.full((len(labels), len(AUS)), np.nan, np.float32)
    for column, au in enumerate(TEACHES):
        quiet, half = np.quantile(reference[neutral, column], (0.5, NEUTRAL_QUANTILE))
        strong = np.quantile(reference[scale.training, column], STRONG_QUANTILE)
        half = max(half, np.nextafter(quiet, 2))
        steps = quiet, half, max(strong, np.nextafter(half, 2))
        made[labels.found, AUS.index(au)] = np.interp(shown[labels.found, column], steps, (0, 0.5, 1))
    return made


def apply(faces: Faces, labels: SoftLabels, scale: SoftLabels | None = None) -> Faces:
    """The same faces with soft targets for labels, found by their pixels; NaN for those that the labels do not know.

    Args:
        faces: With the AUs of facs.AUS.
        labels: What the teacher saw in them, and possibly in others.
        scale: See `targets`.

    Raises:
        ValueError: The labels know none of the faces, the faces have other AUs, or see `targets`.
    """
    if faces.aus != AUS:
        raise ValueError(f"soft labels are of AUs {', '.join(map(str, AUS))}, got faces with {faces.aus}")
    rows = {digest.tobytes(): row for row, digest in enumerate(labels.digests)}
    places = np.array([rows.get(digest.tobytes(), -1) for digest in digests(faces.pixels)], dtype=np.int64)
    known = places >= 0
    if not known.any():
        raise ValueError(
            f"soft labels must be of the faces that they are for, got {len(labels):,} of {labels.data} that match 0 of"
            f" {len(faces):,} faces: label these with `auflow label`"
        )
    made = np.full((len(faces), len(AUS)), np.nan, np.float32)
    made[known] = targets(labels, scale)[places[known]]
    return replace(faces, labels=made)


def _strengths(labels: SoftLabels, scale: SoftLabels) -> npt.NDArray[np.float64]:
    """How strongly the teacher sees each AU of TEACHES, (N, 11), NaN where nothing was found."""
    columns = [[BLENDSHAPES.index(name) for name in names] for names in TEACHES.values()]
    seen = labels.blendshapes.astype(np.float64)
    shown = np.stack([seen[:, own].mean(1) for own in columns], axis=1)
    sorted_brows = np.sort(scale.brows[scale.training], axis=0)
    ranks = [np.searchsorted(sorted_brows[:, brow], labels.brows[:, brow]) for brow in (0, 1)]
    apart = BROW_SHARE * (ranks[0] - ranks[1]) / len(sorted_brows)
    shown[:, list(TEACHES).index(1)] += apart
    shown[:, list(TEACHES).index(2)] -= apart
    return shown
