# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table reads best with one case to a line
"""BP4D: the paper's rule reads intensities, the usual one occurrence with unknown AUs; three ways to lay it out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trees
from trees import Case, adds, gone, renamed, says

from qnn.data.datasets import find
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.indexing import index, problems

BP4D = find("bp4d")
NAN = float("nan")
FRAMES = (7, 8, 9, 10)
INTENSITIES = {6: (5, 0, 0, 0), 10: (4, 4, 0, 0), 12: (5, 9, 0, 0), 14: (0, 0, 0, 9), 17: (0, 0, 4, 0)}
OCCURRENCES = {6: (1, 0, 0, 0), 10: (1, 1, 0, 9), 12: (1, 1, 0, 0), 14: (0, 0, 0, 9), 17: (0, 0, 1, 0)}
SESSIONS = {"F001/T1": "{}.jpg", "F001/T2": "{:04d}.jpg", "M002/T1": "{:03d}.jpg"}
AU06 = Path("AUCoding", "AU_INT", "AU06", "F001_T1_AU06.csv")
OCCURRENCE = Path("AUCoding", "AU_OCC", "F001_T1.csv")


def tree(
    root: Path, pictures: str = "", intensities: str = "AUCoding/AU_INT", occurrences: str = "AUCoding/AU_OCC"
) -> Path:
    """Three sessions of two subjects, four frames each, their numbers padded in three ways."""
    for place, name in SESSIONS.items():
        session = place.replace("/", "_")
        for number, frame in enumerate(FRAMES):
            trees.write(root / pictures / place / name.format(frame), trees.shot(number))
        for au, values in INTENSITIES.items():
            lines = [f"{frame},{value}" for frame, value in zip(FRAMES, values, strict=True)]
            trees.put(root / intensities / f"AU{au:02d}" / f"{session}_AU{au:02d}.csv", lines)
        columns = [OCCURRENCES.get(au, (0,) * len(FRAMES)) for au in range(1, 28)]
        lines = [",".join(map(str, (frame, *row))) for frame, *row in zip(FRAMES, *columns, strict=True)]
        trees.put(root / occurrences / f"{session}.csv", [",".join(map(str, range(28))), *lines])
    return root


def empty(root: Path) -> None:
    """A session and folders for labels, without a file."""
    for folder in ("F001/T1", *(f"AUCoding/AU_INT/AU{au:02d}" for au in BP4D.aus)):
        (root / folder).mkdir(parents=True)


@pytest.mark.parametrize(
    ("pictures", "intensities", "occurrences"),
    [
        ("", "AUCoding/AU_INT", "AUCoding/AU_OCC"),
        ("Sequences(2D+3D)", "AU_INT", "AU_OCC"),
        ("BP4D-training", "AU Intensity Codes3.0", "AUCoding"),
    ],
)
def test_labels_and_subjects(tmp_path: Path, pictures: str, intensities: str, occurrences: str) -> None:
    root = tree(tmp_path, pictures, intensities, occurrences)
    paper = index(BP4D, root)
    place = f"{pictures}/" if pictures else ""
    assert trees.places(paper.sources, root) == [
        *(f"{place}F001/T1/{frame}.jpg" for frame in (7, 8, 10)),
        *(f"{place}F001/T2/{frame:04d}.jpg" for frame in (7, 8, 10)),
        *(f"{place}M002/T1/{frame:03d}.jpg" for frame in (7, 8, 10)),
    ], "frame 9 has no AU above 4"
    np.testing.assert_array_equal(paper.labels[:3], [(1, 0, 1, 0, 0), (0, 0, 1, 0, 0), (0, 0, 0, 1, 0)])
    assert paper.groups.tolist() == 3 * ["T1"] + 3 * ["T2"] + 3 * ["T1"]
    assert paper.subjects.tolist() == 6 * ["F001"] + 3 * ["M002"]
    assert set(paper.emotions) == {UNKNOWN_EMOTION} and not paper.votes.any()
    usual = index(BP4D, root, "usual")
    assert len(usual) == 12, "every frame"
    np.testing.assert_array_equal(
        usual.labels[:4], [(1, 1, 1, 0, 0), (0, 1, 1, 0, 0), (0, 0, 0, 0, 1), (0, NAN, 0, NAN, 0)]
    )


def test_it_goes_on_without_a_picture_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tree(tmp_path)
    (root / "F001" / "T1" / "8.jpg").unlink()
    assert len(index(BP4D, root)) == 8
    assert "left out 1 (labelled frames without a picture)" in caplog.text
    (problem,) = problems(BP4D, root)
    assert "BP4D needs a picture of the labelled frame 8, got none in" in problem


CASES = {
    "no pictures": Case(lambda root: [gone("F001")(root), gone("M002")(root)], "BP4D needs pictures such as {root}/F001/T1/2440.jpg, got none"),
    "no session": Case(gone("F001/T2"), "BP4D needs {root}/F001/T2, got none"),
    "no intensities": Case(gone("AUCoding/AU_INT"), "BP4D needs {root}/AUCoding/AU_INT, got none"),
    "no AU6": Case(gone("AUCoding/AU_INT/AU06"), "BP4D needs {root}/AUCoding/AU_INT/AU06, got none"),
    "no AU10": Case(renamed("AUCoding/AU_INT/AU10/F001_T1_AU10.csv", "F001-T1-AU10.csv"), "BP4D needs {root}/AUCoding/AU_INT/AU10/F001_T1_AU10.csv, got none: rename F001-T1-AU10.csv, which lies there"),
    "misnamed": Case(renamed(AU06, "F1_T1_AU06.csv"), "a label file must have a name such as F001_T1.csv, got {root}/AUCoding/AU_INT/AU06/F1_T1_AU06.csv"),
    "stray column": Case(adds(AU06, "11,0,0"), "a line must hold frame and intensity as whole numbers, got '11,0,0' in line 5 of {root}/" + str(AU06)),
    "other frames": Case(adds(AU06, "11,0"), "the intensity files of F001 T1 must code the same frames, they differ in {root}/AUCoding/AU_INT"),
    "no intensity": Case(says(AU06, "7,10\n8,0\n9,0\n10,0\n"), "an intensity must be from 0 to 9, got 10 in {root}/" + str(AU06)),
    "no occurrences": Case(gone("AUCoding/AU_OCC"), "BP4D needs {root}/AUCoding/AU_OCC, got none", "usual"),
    "no header": Case(says(OCCURRENCE, "7,0,0,0\n"), "the header of an occurrence file must name AU 6, got '7,0,0,0' in {root}/" + str(OCCURRENCE), "usual"),
    "empty file": Case(says(OCCURRENCE, ""), "the header of an occurrence file must name AU 6, got '' in {root}/" + str(OCCURRENCE), "usual"),
    "no occurrence": Case(says(OCCURRENCE, "0,6,10,12,14,17\n7,0,0,2,0,0\n"), "a line must hold a frame number and 0, 1 or 9 for each of 5 columns, got '7,0,0,2,0,0' in line 2 of {root}/" + str(OCCURRENCE), "usual"),
    "stray occurrence": Case(says(OCCURRENCE, "0,6,10,12,14,17\n7,0,0,0,0,0,1\n"), "got '7,0,0,0,0,0,1' in line 2 of {root}/" + str(OCCURRENCE), "usual"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_names_the_place(tmp_path: Path, case: str) -> None:
    trees.assert_one_sentence_names_the_place("bp4d", tmp_path / "set", CASES[case])
