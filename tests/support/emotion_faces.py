# SPDX-License-Identifier: Apache-2.0
"""A split of FERPlus on disk, made of any faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

EMOTIONS_IN_TURN = 7


def write_split(root: Path, split: str, faces: np.ndarray) -> None:
    """Write grey faces (N, 48, 48) of seven emotions in turn as FER2013<split>, nine votes of ten for each emotion."""
    folder = root / f"FER2013{split}"
    folder.mkdir(parents=True)
    lines = []
    for number, face in enumerate(faces):
        assert cv2.imwrite(str(folder / f"fer{number:07d}.png"), face)
        votes = [0] * 10
        votes[number % EMOTIONS_IN_TURN], votes[8] = 9, 1
        lines.append(f'fer{number:07d}.png,"(0, 0, 48, 48)",{",".join(map(str, votes))}')
    (folder / "label.csv").write_text("\n".join(lines) + "\n")
