# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table reads best with one case to a line
"""CK+: the neutral first frame and the peak of every sequence, with the AUs that its FACS file lists."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import trees
from trees import Case, adds, gone, renamed, says

from board.core.facs import AUS, EMOTIONS
from qnn.data.datasets import find
from qnn.data.indexing import index

CKPLUS = find("ckplus")
SEQUENCES = {  # place: AUs with intensities, and the code of the emotion
    "S005/001": (((1, 3), (2, 0), (5, 2), (25, 4), (26, 1)), 7),  # surprise; AU25 is none of the thirteen
    "S005/002": (((6, 4), (12, 5)), 5),  # happy
    "S010/001": (((14, 2),), 2),  # contempt
    "S011/001": (((4, 2),), None),  # no emotion file
}
FRAMES = 5
FACS = Path("FACS", "S005", "001", "S005_001_00000005_facs.txt")
EMOTION = Path("Emotion", "S005", "001", "S005_001_00000005_emotion.txt")


def tree(root: Path, facs: str = "FACS", emotion: str = "Emotion") -> Path:
    """Four sequences of three subjects, five frames each."""
    for place, (aus, code) in SEQUENCES.items():
        stem = place.replace("/", "_")
        for frame in range(1, FRAMES + 1):
            trees.write(root / "cohn-kanade-images" / place / f"{stem}_{frame:08d}.png", trees.shot(frame))
        peak = f"{stem}_{FRAMES:08d}"
        trees.put(root / facs / place / f"{peak}_facs.txt", [f"   {au:.7e}   {strength:.7e}" for au, strength in aus])
        (root / emotion / place).mkdir(parents=True)
        if code is not None:
            trees.put(root / emotion / place / f"{peak}_emotion.txt", [f"   {code:.7e}"])
    return root


def empty(root: Path) -> None:
    """Folders without a sequence."""
    for folder in ("cohn-kanade-images", "FACS", "Emotion"):
        (root / folder).mkdir(parents=True)


@pytest.mark.parametrize(("facs", "emotion"), [("FACS", "Emotion"), ("FACS_labels/FACS", "Emotion_labels/Emotion")])
def test_labels_and_subjects(tmp_path: Path, facs: str, emotion: str) -> None:
    root = tree(tmp_path, facs, emotion)
    (tmp_path / "cohn-kanade-images" / "S005" / ".DS_Store").touch()
    found = index(CKPLUS, root)
    frames = [int(source.path.stem[-8:]) for source in found.sources]
    assert frames == [1, 3, 4, 5] * len(SEQUENCES), "the first frame and the last three"
    assert found.subjects.tolist() == 8 * ["S005"] + 4 * ["S010"] + 4 * ["S011"]
    assert found.groups[::4].tolist() == 4 * ["neutral"]
    assert found.groups[1::4].tolist() == ["surprise", "happiness", "contempt", "none"]
    emotions = [EMOTIONS[row] if row >= 0 else None for row in found.emotions[1::4]]
    assert emotions == ["surprise", "happiness", None, None]
    active = [tuple(np.array(AUS)[row == 1]) for row in found.labels]
    assert active[:8] == [(), *3 * [(1, 2, 5, 26)], (), *3 * [(6, 12)]], (
        "AU2 of intensity 0 is present, how much is unknown"
    )
    assert active[8:] == [*4 * [()], (), *3 * [(4,)]], "AU14 is none of the thirteen"
    assert found.votes[1::4].sum(1).tolist() == [1, 1, 0, 0]


def few_frames(root: Path) -> None:
    """Leave a sequence three of its five frames."""
    for frame in sorted((root / "cohn-kanade-images" / "S005" / "001").iterdir())[:2]:
        frame.unlink()


CASES = {
    "no pictures": Case(gone("cohn-kanade-images"), "a folder of CK+ must hold cohn-kanade-images"),
    "no FACS": Case(gone("FACS"), "CK+ needs {root}/FACS, got none"),
    "no Emotion": Case(renamed("Emotion", "emotion"), "CK+ needs {root}/Emotion, got none: rename emotion, which lies there"),
    "no file": Case(gone(FACS), "a sequence of CK+ needs a *_facs.txt, got none in {root}/FACS/S005/001"),
    "two files": Case(lambda root: shutil.copy(root / FACS, root / FACS.with_name("x_facs.txt")), "a sequence must have one *_facs.txt, got 2 in {root}/FACS/S005/001"),
    "stray column": Case(adds(FACS, "4.0 1.0 1.0"), "a line must hold AU and intensity as whole numbers, got '4.0 1.0 1.0' in line 6 of {root}/" + str(FACS)),
    "huge number": Case(adds(FACS, "1e300 1.0"), "a line must hold AU and intensity as whole numbers, got '1e300 1.0' in line 6 of {root}/" + str(FACS)),
    "no number": Case(says(EMOTION, "happy"), "a line must hold an emotion as whole numbers, got 'happy' in line 1 of {root}/" + str(EMOTION)),
    "no such emotion": Case(says(EMOTION, "8.0"), "an emotion file must hold one number from 0 to 7, got [8] in {root}/" + str(EMOTION)),
    "few frames": Case(few_frames, "a sequence must have at least 4 frames, got 3 in {root}/cohn-kanade-images/S005/001"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_names_the_place(tmp_path: Path, case: str) -> None:
    trees.assert_one_sentence_names_the_place("ckplus", tmp_path / "set", CASES[case])
