# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table reads best with one case to a line
"""DISFA: frames of videos with intensities of twelve AUs, active from 1 by the paper's rule and from 2 by the usual one."""

from __future__ import annotations

from pathlib import Path

import pytest
import trees
from trees import Case, adds, gone, renamed, says

from qnn.data.datasets import find
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.indexing import index

DISFA = find("disfa")
AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
INTENSITIES = {1: (0, 1, 2, 0, 0, 0), 12: (0, 0, 3, 0, 5, 1)}
SUBJECTS = ("SN001", "SN002", "SN016")
SN001 = Path("ActionUnit_Labels", "SN001")
VIDEO = Path("Videos_LeftCamera", "LeftVideoSN001_comp.avi")


def tree(root: Path, videos: str = "Videos_LeftCamera", frames: int = 6) -> Path:
    """Three subjects with six labelled frames each, and videos of so many frames."""
    for subject in SUBJECTS:
        for au in AUS:
            lines = [f"{frame},{value}" for frame, value in enumerate(INTENSITIES.get(au, (0,) * 6), start=1)]
            trees.put(root / "ActionUnit_Labels" / subject / f"{subject}_au{au}.txt", lines)
        trees.write_video(root / videos / f"LeftVideo{subject}_comp.avi", [trees.shot(n) for n in range(frames)])
    return root


def empty(root: Path) -> None:
    """Folders without a subject."""
    for folder in ("ActionUnit_Labels", "Videos_LeftCamera"):
        (root / folder).mkdir(parents=True)


@pytest.mark.parametrize("videos", ["Videos_LeftCamera", "Video_LeftCamera"])
def test_labels_and_subjects(tmp_path: Path, videos: str) -> None:
    root = tree(tmp_path, videos)
    assert DISFA.aus == AUS
    paper = index(DISFA, root)
    assert [source.frame for source in paper.sources] == 3 * [1, 2, 4, 5], "counted from 0, of frames with an active AU"
    assert trees.places(paper.sources, root)[0] == f"{videos}/LeftVideoSN001_comp.avi"
    by_au = dict(zip(AUS, paper.labels.T, strict=True))
    assert by_au[1][:4].tolist() == [1, 1, 0, 0] and by_au[12][:4].tolist() == [0, 1, 1, 1]
    assert not by_au[26].any()
    assert paper.subjects.tolist() == [subject for subject in SUBJECTS for _ in range(4)]
    assert set(paper.groups) == {""} and set(paper.emotions) == {UNKNOWN_EMOTION} and not paper.votes.any()
    usual = index(DISFA, root, "usual")
    assert [source.frame for source in usual.sources] == 3 * list(range(6))
    by_au = dict(zip(AUS, usual.labels.T, strict=True))
    assert by_au[1][:6].tolist() == [0, 0, 1, 0, 0, 0] and by_au[12][:6].tolist() == [0, 0, 1, 0, 1, 0]


def test_a_frame_more_than_the_video_has_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = index(DISFA, tree(tmp_path, frames=5))
    assert [source.frame for source in found.sources] == 3 * [1, 2, 4]
    assert "left out 3 (labelled frames beyond the video)" in caplog.text


CASES = {
    "no labels": Case(gone("ActionUnit_Labels"), "DISFA needs {root}/ActionUnit_Labels, got none"),
    "no videos": Case(gone("Videos_LeftCamera"), "DISFA needs {root}/Videos_LeftCamera, got none"),
    "no video": Case(gone(VIDEO), "DISFA needs {root}/" + str(VIDEO) + ", got none"),
    "misnamed video": Case(renamed(VIDEO, "leftvideoSN001_comp.avi"), "rename leftvideoSN001_comp.avi, which lies there"),
    "broken video": Case(says(VIDEO, "nothing"), "a video must be a file OpenCV reads, got {root}/" + str(VIDEO)),
    "no AU": Case(gone(SN001 / "SN001_au4.txt"), "DISFA needs {root}/ActionUnit_Labels/SN001/SN001_au4.txt, got none"),
    "gap": Case(says(SN001 / "SN001_au4.txt", "1,0\n3,0\n"), "the frames of a label file must count from 1 without a gap, they do not in {root}/ActionUnit_Labels/SN001/SN001_au4.txt"),
    "lengths": Case(says(SN001 / "SN001_au4.txt", "1,0\n2,0\n"), "the label files of a subject must have one length, got 2 to 6 in {root}/ActionUnit_Labels/SN001"),
    "no intensity": Case(adds(SN001 / "SN001_au4.txt", "7,6"), "an intensity must be from 0 to 5, got 6 in {root}/ActionUnit_Labels/SN001/SN001_au4.txt"),
    "stray column": Case(adds(SN001 / "SN001_au4.txt", "7,0,0"), "got '7,0,0' in line 7 of {root}/ActionUnit_Labels/SN001/SN001_au4.txt"),
    "long video": Case(lambda root: trees.write_video(root / VIDEO, [trees.shot(0)] * 12), "labels must cover their video, got 6 labelled of 12 frames in {root}/" + str(VIDEO)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_names_the_place(tmp_path: Path, case: str) -> None:
    trees.assert_one_sentence_names_the_place("disfa", tmp_path / "set", CASES[case])
