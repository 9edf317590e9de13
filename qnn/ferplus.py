# SPDX-License-Identifier: Apache-2.0
"""FERPlus: FER2013 faces with ten votes each, read from the official layout and mapped to AUs by Table 2.

Layout: `FER2013Train/label.csv` and `FER2013Train/fer0000000.png`, likewise `FER2013Valid` and `FER2013Test`.
A line of label.csv is name, box, and the votes for neutral, happiness, surprise, sadness, anger, disgust,
fear, contempt, unknown and not-a-face (Barsoum et al. 2016).
"""

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
import numpy.typing as npt

from qnn.facs import EMOTIONS, PROTOTYPES

SPLIT_FOLDERS: dict[str, str] = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
VOTE_COLUMNS: tuple[str, ...] = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "not a face",
)  # fmt: skip
MIN_VOTES = 5
SIDE_PX = 48


@dataclass(frozen=True)
class FerPlusSplit:
    """The faces of one split whose votes agree on an emotion of Table 2 or on neutral.

    Attributes:
        faces: Grey pixels, uint8 of shape (N, 48, 48).
        labels: AU occurrence, float32 of shape (N, 13) in the order of facs.AUS.
        emotions: Index into facs.EMOTIONS, int64 of shape (N,).
    """

    faces: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.float32]
    emotions: npt.NDArray[np.int64]

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """The faces as the accelerator takes them, (N, 48, 48, 3) uint8, grey in all three channels."""
        return np.repeat(self.faces[..., np.newaxis], 3, axis=3)

    def without_copies_of(self, other: "FerPlusSplit") -> "FerPlusSplit":
        """Leave out every face that is pixel for pixel a face of other."""
        known = {face.tobytes() for face in other.faces}
        keep = np.array([face.tobytes() not in known for face in self.faces], dtype=bool)
        return FerPlusSplit(self.faces[keep], self.labels[keep], self.emotions[keep])


def load_split(root: Path, split: str, cache: Path | None = None) -> FerPlusSplit:
    """Read one split, from its pictures the first time and from one cached file afterwards.

    Args:
        root: Folder that holds FER2013Train, FER2013Valid and FER2013Test, or some of them.
        split: "train", "valid" or "test".
        cache: Folder for the cached file; by default `ferplus` under $AUFLOW_CACHE or ~/.cache/auflow.

    Raises:
        ValueError: An unknown split, a missing label.csv or picture, or one that cannot be read.
    """
    if split not in SPLIT_FOLDERS:
        raise ValueError(f"a split must be one of {', '.join(SPLIT_FOLDERS)}, got {split!r}")
    folder = root / SPLIT_FOLDERS[split]
    if not (folder / "label.csv").is_file():
        raise ValueError(f"FERPlus needs {folder / 'label.csv'}, got none: name the folder that holds {folder.name}")
    if cache is None:
        cache = Path(os.environ.get("AUFLOW_CACHE", "~/.cache/auflow")).expanduser() / "ferplus"
    cached = cache / f"{split}_{_fingerprint(folder)}.npz"
    try:
        with np.load(cached) as arrays:
            faces, emotions = arrays["faces"], arrays["emotions"]
    except (OSError, ValueError, KeyError, BadZipFile):  # absent, or cut short by an interruption
        faces, emotions = _read_pictures(folder)
        _store(cached, faces, emotions)
    return FerPlusSplit(faces, PROTOTYPES[emotions], emotions)


def majority_emotion(votes: npt.ArrayLike) -> int | None:
    """Index into facs.EMOTIONS of what at least five of the ten votes, and most of them, say.

    None where no column has five votes, where two share the top, or where the winner is not in Table 2.

    Args:
        votes: Ten counts in the order of VOTE_COLUMNS.
    """
    counts = np.asarray(votes)
    winner = int(counts.argmax())
    if counts[winner] < MIN_VOTES or np.count_nonzero(counts == counts[winner]) > 1:
        return None
    name = VOTE_COLUMNS[winner]
    return EMOTIONS.index(name) if name in EMOTIONS else None


def _read_pictures(folder: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Faces (N, 48, 48) and emotions (N,) of the usable lines of a split's label.csv."""
    faces, emotions = [], []
    with (folder / "label.csv").open(newline="") as file:
        for number, line in enumerate(csv.reader(file), start=1):
            try:
                name, _box, *votes = line
                emotion = majority_emotion(np.array(votes, dtype=np.int64).reshape(len(VOTE_COLUMNS)))
            except ValueError:
                raise ValueError(
                    f"a line of label.csv must be name, box and {len(VOTE_COLUMNS)} votes,"
                    f" got {','.join(line)!r} in line {number} of {folder / 'label.csv'}"
                ) from None
            if emotion is None:
                continue
            face = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
            if face is None or face.shape != (SIDE_PX, SIDE_PX):
                got = "nothing that can be read" if face is None else f"shape {face.shape}"
                raise ValueError(f"a FERPlus face must be a picture of 48x48 pixels, got {got} in {folder / name}")
            faces.append(face)
            emotions.append(emotion)
    if not faces:
        raise ValueError(f"label.csv must have faces with {MIN_VOTES} agreeing votes, got none in {folder}")
    return np.stack(faces).astype(np.uint8), np.array(emotions, dtype=np.int64)


def _fingerprint(folder: Path) -> str:
    """Digest of label.csv and of the pictures' names and sizes: the same wherever the split lies."""
    digest = hashlib.sha256((folder / "label.csv").read_bytes())
    with os.scandir(folder) as entries:
        listing = sorted((entry.name, entry.stat().st_size) for entry in entries)
    digest.update(repr(listing).encode())
    return digest.hexdigest()[:16]


def _store(path: Path, faces: npt.NDArray[np.uint8], emotions: npt.NDArray[np.int64]) -> None:
    """Write the cached file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(partial, faces=faces, emotions=emotions)
    partial.replace(path)
