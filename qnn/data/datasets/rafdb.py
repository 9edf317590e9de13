# SPDX-License-Identifier: Apache-2.0
"""RAF-DB, basic emotions: aligned faces from the web with one emotion each, mapped to AUs by the paper's Table 2.

Layout: `EmoLabel/list_patition_label.txt` (sic), lines such as `train_00001.jpg 5`, and
`Image/aligned/train_00001_aligned.jpg`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from board.core.facs import AUS, EMOTIONS, PROTOTYPES
from board.faces.crop import SIDE_PX, Box, cut_face
from qnn.data.dataset import Dataset, Index, Report, Source, block, join
from qnn.data.label_files import shown

LABELS = Path("EmoLabel", "list_patition_label.txt")
PICTURES = Path("Image", "aligned")
CODES: dict[str, str] = {
    "1": "surprise", "2": "fear", "3": "disgust", "4": "happiness", "5": "sadness", "6": "anger", "7": "neutral",
}  # fmt: skip


class RafDb(Dataset):
    """Faces of the training and test set, as the authors aligned them: they are crops already."""

    name = "rafdb"
    title = "RAF-DB"
    aus = AUS
    colour = "rgb"
    protocols = ("official", "paper")
    layout = "EmoLabel/list_patition_label.txt and Image/aligned"
    markers = (str(LABELS), str(PICTURES))
    official_splits = ("train", "test")
    cropped = True
    terms = "For non-commercial research after a signed agreement with its authors; the pictures must not be passed on."

    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index the labelled pictures of the splits."""
        if not (root / LABELS).is_file():
            report.missing(root / LABELS, self.title)
            return join((), len(AUS))
        folder = root / PICTURES
        if not folder.is_dir():
            report.missing(folder, self.title)
            return join((), len(AUS))
        with os.scandir(folder) as entries:
            there = {entry.name for entry in entries}
        pictures: dict[str, list[str]] = {split: [] for split in self.official_splits}
        emotions: dict[str, list[int]] = {split: [] for split in self.official_splits}
        for split, name, emotion in self._lines(root / LABELS, report):
            if splits is not None and split not in splits:
                continue
            if name not in there:
                report.missing(folder / name, self.title)
                continue
            pictures[split].append(name)
            emotions[split].append(emotion)
        for split in splits or self.official_splits:
            if not pictures[split] and not report.problems:
                report.wrong("missing", f"{LABELS.name} must have lines of split {split}, got none in {root / LABELS}")
        return join(
            [_block(folder, split, pictures[split], emotions[split]) for split in self.official_splits], len(AUS)
        )

    def _lines(self, path: Path, report: Report) -> list[tuple[str, str, int]]:
        """Split, picture and index into facs.EMOTIONS of every line."""
        lines = []
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if not line.strip():
                continue
            cells = line.split()
            split = cells[0].partition("_")[0]
            if len(cells) != 2 or cells[1] not in CODES or split not in self.official_splits:
                report.wrong(
                    "label line",
                    f"a line of {path.name} must be train_ or test_, a number, .jpg, and an emotion from 1 to 7,"
                    f" got {shown(line.strip())} in line {number} of {path}",
                )
                continue
            lines.append((split, f"{Path(cells[0]).stem}_aligned.jpg", EMOTIONS.index(CODES[cells[1]])))
        return lines

    def accept(self, picture: npt.NDArray[np.uint8]) -> None:
        """Refuse what is not an aligned face."""
        height, width = picture.shape[:2]
        if height != width or height < SIDE_PX:
            raise ValueError(f"an aligned RAF-DB face must be a square of at least 48x48 pixels, got {width}x{height}")

    def face(self, picture: npt.NDArray[np.uint8], margin: float) -> npt.NDArray[np.uint8]:
        """The whole picture, scaled: the authors cut it."""
        self.accept(picture)
        return cut_face(picture, Box(0, 0, len(picture)), colour=self.colour)


def _block(folder: Path, split: str, names: list[str], emotions: list[int]) -> Index:
    """Index of one split."""
    indices = np.array(emotions, dtype=np.int64)
    sources = [Source(folder / name) for name in names]
    return block(sources, PROTOTYPES[indices], indices, groups=np.array(EMOTIONS)[indices], split=split)
