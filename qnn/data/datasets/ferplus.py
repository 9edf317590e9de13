# SPDX-License-Identifier: Apache-2.0
"""FERPlus: FER2013's faces with ten votes each, mapped to AUs by the paper's Table 2.

Layout: `FER2013Train/label.csv` and `FER2013Train/fer0000000.png`, likewise `FER2013Valid` and `FER2013Test`. A line
of label.csv is name, box, and the votes for neutral, happiness, surprise, sadness, anger, disgust, fear, contempt,
unknown and not-a-face (Barsoum et al. 2016). Folders without a label.csv are labelled by `fer2013new.csv` beside them:
a header, then usage, name and votes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from board.core.facs import AUS, EMOTIONS, PROTOTYPES
from board.faces.crop import SIDE_PX, to_input
from qnn.data.dataset import Dataset, Index, Report, Source, block, join
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.label_files import read_table, shown, whole_numbers

FOLDERS: dict[str, str] = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
USAGES: dict[str, str] = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
VOTE_COLUMNS: tuple[str, ...] = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "not a face",
)  # fmt: skip
MIN_VOTES = 5


class FerPlus(Dataset):
    """Faces whose votes agree on an emotion of Table 2 or on neutral; contempt, unknown and not-a-face are left out.

    Under the label rule `all` every face is kept: AUs and emotion of the others are unknown, and so are the votes of
    those that most votes call something else.
    """

    name = "ferplus"
    title = "FERPlus"
    aus = AUS
    colour = "grey"
    protocols = ("official", "paper")
    layout = "FER2013Train, FER2013Valid or FER2013Test with label.csv, or fer2013new.csv"
    markers = (*FOLDERS.values(), "fer2013new.csv")
    official_splits = tuple(FOLDERS)
    label_rules = ("paper", "all")
    cropped = True
    crop_margin = 0.0  # qnn.data.framing finds a median of 0.011 over FER2013Valid
    terms = (
        "The votes are under the MIT licence; the pictures come from web search without an open licence: research only."
    )

    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index the splits that are asked for, or those that are there."""
        absent = [split for split in self.official_splits if not (root / FOLDERS[split]).is_dir()]
        for split in absent:
            if splits is not None and split in splits:
                report.missing(root / FOLDERS[split], self.title)
            elif splits is None:
                report.note(f"{root / FOLDERS[split]} is missing: there is no split {split}")
        wanted = [
            split for split in self.official_splits if split not in absent and (splits is None or split in splits)
        ]
        return join([self._split(root, split, labels == "all", report) for split in wanted], len(AUS))

    def _split(self, root: Path, split: str, every: bool, report: Report) -> Index:
        """Index one split, every face of it or those of a known emotion."""
        folder = root / FOLDERS[split]
        names, votes = self._votes(root, split, report)
        emotions = majority_emotions(votes)
        kept = every | (emotions != UNKNOWN_EMOTION)
        with os.scandir(folder) as entries:
            there = {entry.name for entry in entries}
        for row in np.flatnonzero(kept):
            if names[row] not in there:
                report.missing(folder / names[row], self.title)
                kept[row] = False
        votes, emotions = votes[kept], emotions[kept]
        shares = votes[:, [VOTE_COLUMNS.index(emotion) for emotion in EMOTIONS]]
        shares = shares * (shares.max(1, initial=0) == votes.max(1, initial=0))[:, np.newaxis]
        known = emotions != UNKNOWN_EMOTION
        return block(
            [Source(folder / names[row]) for row in np.flatnonzero(kept)],
            np.where(known[:, np.newaxis], PROTOTYPES[emotions], np.nan),
            emotions,
            shares / np.maximum(shares.sum(1, keepdims=True), 1),
            np.where(known, np.array(EMOTIONS)[emotions], "unclear"),
            split=split,
        )

    def _votes(self, root: Path, split: str, report: Report) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Names (N,) and votes (N, 10) of a split's pictures."""
        own, common = root / FOLDERS[split] / "label.csv", root / "fer2013new.csv"
        if own.is_file():
            return _read_votes(read_table(own, self.title, report) or (), own, "name, box", report)
        if not common.is_file():
            report.missing(own, self.title)
        elif (table := read_table(common, self.title, report)) is not None:
            lines = (_label_line(line, USAGES[split]) for line in table)
            names, votes = _read_votes(lines, common, "usage, name", report)
            if not names:
                report.wrong("missing", f"fer2013new.csv must have lines of {USAGES[split]}, got none in {common}")
            return names, votes
        return [], np.empty((0, len(VOTE_COLUMNS)), dtype=np.int64)

    def accept(self, picture: npt.NDArray[np.uint8]) -> None:
        """Refuse what is not a face of FER2013."""
        height, width = picture.shape[:2]
        if (height, width) != (SIDE_PX, SIDE_PX):
            raise ValueError(f"a FERPlus face must be a picture of 48x48 pixels, got {width}x{height}")

    def face(self, picture: npt.NDArray[np.uint8], margin: float) -> npt.NDArray[np.uint8]:
        """The picture as it is: it was cut and scaled by FER2013."""
        self.accept(picture)
        return to_input(picture, self.colour)


def majority_emotions(votes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What at least five of the ten votes, and most of them, say: indices into facs.EMOTIONS, (N,).

    UNKNOWN_EMOTION where no column has five votes, where two share the top, or where the winner is not in Table 2.

    Args:
        votes: Counts (N, 10) in the order of VOTE_COLUMNS.
    """
    top = votes.max(axis=1, initial=0)
    clear = (top >= MIN_VOTES) & ((votes == top[:, np.newaxis]).sum(axis=1) == 1)
    emotion_of = np.array([EMOTIONS.index(name) if name in EMOTIONS else UNKNOWN_EMOTION for name in VOTE_COLUMNS])
    return np.where(clear, emotion_of[votes.argmax(axis=1)], UNKNOWN_EMOTION)


def _label_line(line: list[str], usage: str) -> list[str]:
    """A line of fer2013new.csv as one of label.csv; empty for another split, and for a picture that FER+ removed."""
    return [line[1], "", *line[2:]] if line[:1] == [usage] and any(line[1:2]) else []


def _read_votes(
    lines: Iterable[list[str]], path: Path, first: str, report: Report
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names and votes of the lines that are name, anything, ten votes; empty lines are passed over."""
    names: dict[str, list[int]] = {}
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        votes = whole_numbers(line[2:])
        if votes is None or len(votes) != len(VOTE_COLUMNS) or min(votes) < 0 or not any(votes):
            report.wrong(
                "label line",
                f"a line of {path.name} must be {first} and {len(VOTE_COLUMNS)} votes,"
                f" got {shown(','.join(line))} in line {number} of {path}",
            )
        elif Path(line[0]).name != line[0] or not line[0].isprintable():
            report.wrong(
                "label line",
                f"a line of {path.name} must begin with the name of a picture, got {shown(line[0])} in line {number}"
                f" of {path}",
            )
        elif line[0] in names:
            report.wrong(
                "label line", f"{path.name} must name a picture once, got {line[0]} again in line {number} of {path}"
            )
        else:
            names[line[0]] = votes
    return list(names), np.array(list(names.values()), dtype=np.int64).reshape(-1, len(VOTE_COLUMNS))
