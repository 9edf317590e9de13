# SPDX-License-Identifier: Apache-2.0
"""Pictures: a folder of pictures of people without any labels, for a teacher to label.

Layout: picture files in the folder, and in folders below it. One of 48x48 pixels is a face already; in a larger one the
largest face is found and cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from board.core.facs import AUS
from board.sources.folder import list_folder
from board.sources.pictures import PICTURES
from qnn.data.dataset import Dataset, Index, Report, Source, block


class Pictures(Dataset):
    """Every picture of a folder, its AUs and emotion unknown."""

    name = "pictures"
    title = "Pictures"
    aus = AUS
    colour = "grey"
    protocols = ("paper",)
    layout = "picture files"
    markers = tuple(f"*{suffix}" for suffix in PICTURES)
    terms = "Whoever took the pictures says what may be done with them."

    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index all pictures."""
        folder = list_folder(root, recursive=True)
        for sentence in folder.left_out():
            report.note(sentence)
        return block([Source(path) for path in folder.pictures], np.full((len(folder.pictures), len(AUS)), np.nan))
