# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table reads best with one case to a line
"""What is wrong with a folder is one sentence that names the place: raised by loading, listed by the check."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import trees

from qnn.data.datasets import DATASETS, find
from qnn.data.datasets.ferplus import FOLDERS

FACS = Path("FACS", "S005", "001", "S005_001_00000005_facs.txt")
EMOTION = Path("Emotion", "S005", "001", "S005_001_00000005_emotion.txt")
AU06 = Path("AUCoding", "AU_INT", "AU06", "F001_T1_AU06.csv")
OCC = Path("AUCoding", "AU_OCC", "F001_T1.csv")
SN001 = Path("ActionUnit_Labels", "SN001")
VIDEO = Path("Videos_LeftCamera", "LeftVideoSN001_comp.avi")
TRAIN = Path("FER2013Train")
RAF = Path("EmoLabel", "list_patition_label.txt")

Damage = Callable[[Path], object]


def gone(place: Path | str) -> Damage:
    """Delete a file or a folder."""

    def damage(root: Path) -> None:
        if (root / place).is_dir():
            shutil.rmtree(root / place)
        else:
            (root / place).unlink()

    return damage


def renamed(place: Path | str, name: str) -> Damage:
    """Give a file or a folder another name."""
    return lambda root: (root / place).rename((root / place).with_name(name))


def says(place: Path | str, text: str) -> Damage:
    """Write a text file."""
    return lambda root: (root / place).write_text(text)


def adds(place: Path | str, text: str) -> Damage:
    """Add a line to a text file."""
    return lambda root: (root / place).write_text((root / place).read_text() + text + "\n")


def few_frames(root: Path) -> None:
    """Leave a sequence three of its five frames."""
    for frame in sorted((root / "cohn-kanade-images" / "S005" / "001").iterdir())[:2]:
        frame.unlink()


LINE = 'fer0000000.png,"(0, 0, 48, 48)",1,9,0,0,0,0,0,0,0'

CASES: dict[str, tuple[str, str, Damage, str]] = {
    "ckplus no pictures": ("ckplus", "paper", gone("cohn-kanade-images"), "a folder of CK+ must hold cohn-kanade-images"),
    "ckplus no FACS": ("ckplus", "paper", gone("FACS"), "CK+ needs {root}/FACS, got none"),
    "ckplus no Emotion": ("ckplus", "paper", renamed("Emotion", "emotion"), "CK+ needs {root}/Emotion, got none: rename emotion, which lies there"),
    "ckplus no file": ("ckplus", "paper", gone(FACS), "a sequence of CK+ needs a *_facs.txt, got none in {root}/FACS/S005/001"),
    "ckplus two files": ("ckplus", "paper", lambda root: shutil.copy(root / FACS, root / FACS.with_name("x_facs.txt")), "a sequence must have one *_facs.txt, got 2 in {root}/FACS/S005/001"),
    "ckplus stray column": ("ckplus", "paper", adds(FACS, "4.0 1.0 1.0"), "a line must hold AU and intensity as whole numbers, got '4.0 1.0 1.0' in line 6 of {root}/" + str(FACS)),
    "ckplus no number": ("ckplus", "paper", says(EMOTION, "happy"), "a line must hold an emotion as whole numbers, got 'happy' in line 1 of {root}/" + str(EMOTION)),
    "ckplus no such emotion": ("ckplus", "paper", says(EMOTION, "8.0"), "an emotion file must hold one number from 0 to 7, got [8] in {root}/" + str(EMOTION)),
    "ckplus few frames": ("ckplus", "paper", few_frames, "a sequence must have at least 4 frames, got 3 in {root}/cohn-kanade-images/S005/001"),
    "bp4d no pictures": ("bp4d", "paper", lambda root: [gone("F001")(root), gone("M002")(root)], "BP4D needs pictures such as {root}/F001/T1/2440.jpg, got none"),
    "bp4d no session": ("bp4d", "paper", gone("F001/T2"), "BP4D needs {root}/F001/T2, got none"),
    "bp4d no intensities": ("bp4d", "paper", gone("AUCoding/AU_INT"), "BP4D needs {root}/AUCoding/AU_INT, got none"),
    "bp4d no AU6": ("bp4d", "paper", gone("AUCoding/AU_INT/AU06"), "BP4D needs {root}/AUCoding/AU_INT/AU06, got none"),
    "bp4d no AU10": ("bp4d", "paper", renamed("AUCoding/AU_INT/AU10/F001_T1_AU10.csv", "F001-T1-AU10.csv"), "BP4D needs {root}/AUCoding/AU_INT/AU10/F001_T1_AU10.csv, got none: rename F001-T1-AU10.csv, which lies there"),
    "bp4d misnamed": ("bp4d", "paper", renamed(AU06, "F1_T1_AU06.csv"), "a label file must have a name such as F001_T1.csv, got {root}/AUCoding/AU_INT/AU06/F1_T1_AU06.csv"),
    "bp4d stray column": ("bp4d", "paper", adds(AU06, "11,0,0"), "a line must hold frame and intensity as whole numbers, got '11,0,0' in line 5 of {root}/" + str(AU06)),
    "bp4d other frames": ("bp4d", "paper", adds(AU06, "11,0"), "the intensity files of F001 T1 must code the same frames, they differ in {root}/AUCoding/AU_INT"),
    "bp4d no intensity": ("bp4d", "paper", says(AU06, "7,10\n8,0\n9,0\n10,0\n"), "an intensity must be from 0 to 9, got 10 in {root}/" + str(AU06)),
    "bp4d no occurrences": ("bp4d", "usual", gone("AUCoding/AU_OCC"), "BP4D needs {root}/AUCoding/AU_OCC, got none"),
    "bp4d no header": ("bp4d", "usual", says(OCC, "7,0,0,0\n"), "the header of an occurrence file must name AU 6, got '7,0,0,0' in {root}/" + str(OCC)),
    "bp4d empty file": ("bp4d", "usual", says(OCC, ""), "the header of an occurrence file must name AU 6, got '' in {root}/" + str(OCC)),
    "bp4d no occurrence": ("bp4d", "usual", says(OCC, "0,6,10,12,14,17\n7,0,0,2,0,0\n"), "a line must hold a frame number and 0, 1 or 9 for each of 5 columns, got '7,0,0,2,0,0' in line 2 of {root}/" + str(OCC)),
    "bp4d stray occurrence": ("bp4d", "usual", says(OCC, "0,6,10,12,14,17\n7,0,0,0,0,0,1\n"), "got '7,0,0,0,0,0,1' in line 2 of {root}/" + str(OCC)),
    "disfa no labels": ("disfa", "paper", gone("ActionUnit_Labels"), "DISFA needs {root}/ActionUnit_Labels, got none"),
    "disfa no videos": ("disfa", "paper", gone("Videos_LeftCamera"), "DISFA needs {root}/Videos_LeftCamera, got none"),
    "disfa no video": ("disfa", "paper", gone(VIDEO), "DISFA needs {root}/" + str(VIDEO) + ", got none"),
    "disfa misnamed video": ("disfa", "paper", renamed(VIDEO, "leftvideoSN001_comp.avi"), "rename leftvideoSN001_comp.avi, which lies there"),
    "disfa broken video": ("disfa", "paper", says(VIDEO, "nothing"), "a video must be a file OpenCV reads, got {root}/" + str(VIDEO)),
    "disfa no AU": ("disfa", "paper", gone(SN001 / "SN001_au4.txt"), "DISFA needs {root}/ActionUnit_Labels/SN001/SN001_au4.txt, got none"),
    "disfa gap": ("disfa", "paper", says(SN001 / "SN001_au4.txt", "1,0\n3,0\n"), "the frames of a label file must count from 1 without a gap, they do not in {root}/ActionUnit_Labels/SN001/SN001_au4.txt"),
    "disfa lengths": ("disfa", "paper", says(SN001 / "SN001_au4.txt", "1,0\n2,0\n"), "the label files of a subject must have one length, got 2 to 6 in {root}/ActionUnit_Labels/SN001"),
    "disfa no intensity": ("disfa", "paper", adds(SN001 / "SN001_au4.txt", "7,6"), "an intensity must be from 0 to 5, got 6 in {root}/ActionUnit_Labels/SN001/SN001_au4.txt"),
    "disfa stray column": ("disfa", "paper", adds(SN001 / "SN001_au4.txt", "7,0,0"), "got '7,0,0' in line 7 of {root}/ActionUnit_Labels/SN001/SN001_au4.txt"),
    "disfa long video": ("disfa", "paper", lambda root: trees.write_video(root / VIDEO, [trees.shot(0)] * 12), "labels must cover their video, got 6 labelled of 12 frames in {root}/" + str(VIDEO)),
    "ferplus no labels": ("ferplus", "paper", renamed(TRAIN / "label.csv", "Label.csv"), "FERPlus needs {root}/FER2013Train/label.csv, got none: rename Label.csv, which lies there"),
    "ferplus no picture": ("ferplus", "paper", gone(TRAIN / "fer0000003.png"), "FERPlus needs {root}/FER2013Train/fer0000003.png, got none"),
    "ferplus other suffix": ("ferplus", "paper", renamed(TRAIN / "fer0000003.png", "fer0000003.jpg"), "rename fer0000003.jpg, which lies there"),
    "ferplus missing votes": ("ferplus", "paper", says(TRAIN / "label.csv", LINE), "a line of label.csv must be name, box and 10 votes, got 'fer0000000.png,(0, 0, 48, 48),1,9,0,0,0,0,0,0,0' in line 1 of {root}/FER2013Train/label.csv"),
    "ferplus stray votes": ("ferplus", "paper", says(TRAIN / "label.csv", LINE + ",0,0"), "a line of label.csv must be name, box and 10 votes"),
    "ferplus empty vote": ("ferplus", "paper", says(TRAIN / "label.csv", LINE + ","), "a line of label.csv must be name, box and 10 votes"),
    "ferplus no vote": ("ferplus", "paper", says(TRAIN / "label.csv", LINE.replace("1,9", "0,0") + ",0"), "a line of label.csv must be name, box and 10 votes"),
    "ferplus named twice": ("ferplus", "paper", adds(TRAIN / "label.csv", LINE + ",0"), "label.csv must name a picture once, got fer0000000.png again in line 7 of {root}/FER2013Train/label.csv"),
    "rafdb no labels": ("rafdb", "paper", gone(RAF), "RAF-DB needs {root}/EmoLabel/list_patition_label.txt, got none"),
    "rafdb no pictures": ("rafdb", "paper", gone("Image"), "RAF-DB needs {root}/Image/aligned, got none"),
    "rafdb no picture": ("rafdb", "paper", gone("Image/aligned/test_0001_aligned.jpg"), "RAF-DB needs {root}/Image/aligned/test_0001_aligned.jpg, got none"),
    "rafdb misnamed": ("rafdb", "paper", renamed("Image/aligned/test_0001_aligned.jpg", "test_0001_aligned.png"), "rename test_0001_aligned.png, which lies there"),
    "rafdb no emotion": ("rafdb", "paper", adds(RAF, "train_00005.jpg 8"), "a line of list_patition_label.txt must be train_ or test_, a number, .jpg, and an emotion from 1 to 7, got 'train_00005.jpg 8' in line 8 of {root}/" + str(RAF)),
    "rafdb stray column": ("rafdb", "paper", adds(RAF, "train_00005.jpg 7 1"), "got 'train_00005.jpg 7 1' in line 8 of {root}/" + str(RAF)),
    "rafdb no such split": ("rafdb", "paper", adds(RAF, "val_00005.jpg 7"), "got 'val_00005.jpg 7' in line 8 of {root}/" + str(RAF)),
    "rafdb no test split": ("rafdb", "paper", says(RAF, "train_00001.jpg 5\n"), "list_patition_label.txt must have lines of split test, got none in {root}/" + str(RAF)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_names_the_place(tmp_path: Path, case: str) -> None:
    name, labels, damage, sentence = CASES[case]
    root = trees.TREES[name](tmp_path / "set")
    damage(root)
    with pytest.raises(ValueError) as caught:
        DATASETS[name].index(root, labels)
    assert sentence.format(root=root) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value) in DATASETS[name].problems(root, labels), "the check lists what loading raises"


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_dataset_is_refused(tmp_path: Path, name: str) -> None:
    empty = {
        "ckplus": ["cohn-kanade-images", "FACS", "Emotion"],
        "bp4d": ["F001/T1", *(f"AUCoding/AU_INT/AU{au:02d}" for au in DATASETS["bp4d"].aus)],
        "disfa": ["ActionUnit_Labels", "Videos_LeftCamera"],
        "ferplus": [],
        "rafdb": ["EmoLabel", "Image/aligned"],
    }
    for folder in empty[name]:
        (tmp_path / folder).mkdir(parents=True)
    if name == "ferplus":
        trees.put(tmp_path / TRAIN / "label.csv", [LINE.replace("1,9", "5,5") + ",0"])
    if name == "rafdb":
        trees.put(tmp_path / RAF, [])
    with pytest.raises(ValueError, match=f"got none in {tmp_path}"):
        DATASETS[name].index(tmp_path)
    (problem,) = DATASETS[name].problems(tmp_path)[:1]
    assert str(tmp_path) in problem


def test_every_problem_is_listed(tmp_path: Path) -> None:
    root = trees.ferplus(tmp_path)
    for split in ("train", "valid"):
        (root / FOLDERS[split] / "fer0000000.png").unlink()
    adds(TRAIN / "label.csv", "fer0000009.png,1,2,3")(root)
    problems = DATASETS["ferplus"].problems(root)
    assert [problem.split(",")[0] for problem in problems] == [
        "a line of label.csv must be name",
        f"FERPlus needs {root}/FER2013Train/fer0000000.png",
        f"FERPlus needs {root}/FER2013Valid/fer0000000.png",
    ]


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="a dataset must be one of ckplus, bp4d, disfa, ferplus, rafdb, got 'fer'"):
        find("fer")
    with pytest.raises(ValueError, match="the labels of DISFA must be one of paper, usual, got 'strict'"):
        DATASETS["disfa"].index(Path("."), "strict")
    with pytest.raises(ValueError, match="the official splits of RAF-DB are train, test, got 'valid'"):
        DATASETS["rafdb"].index(Path("."), splits=("train", "valid"))
    with pytest.raises(ValueError, match="the official splits of BP4D are none, got 'train'"):
        DATASETS["bp4d"].index(Path("."), splits=("train",))
