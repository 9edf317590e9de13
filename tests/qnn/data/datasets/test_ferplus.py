# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table reads best with one case to a line
"""FERPlus: votes become emotions by majority, the same from label.csv and from fer2013new.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trees
from trees import Case, adds, gone, renamed, says

from board.core.facs import EMOTIONS, PROTOTYPES
from qnn.data.datasets import find
from qnn.data.datasets.ferplus import FOLDERS, majority_emotions
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.indexing import index, problems

FERPLUS = find("ferplus")
TRAIN = Path("FER2013Train")
VOTES = {  # neutral happiness surprise sadness anger disgust fear contempt unknown not-a-face
    "fer0000000.png": (1, 9, 0, 0, 0, 0, 0, 0, 0, 0),  # happiness
    "fer0000001.png": (4, 3, 1, 1, 1, 0, 0, 0, 0, 0),  # no majority
    "fer0000003.png": (0, 0, 0, 0, 0, 5, 4, 0, 1, 0),  # disgust
    "fer0000004.png": (1, 0, 0, 0, 0, 0, 0, 9, 0, 0),  # contempt, not in Table 2
    "fer0000005.png": (0, 0, 0, 0, 0, 0, 0, 0, 0, 10),  # not a face
    "fer0000007.png": (8, 0, 0, 2, 0, 0, 0, 0, 0, 0),  # neutral
}
KEPT = {"fer0000000.png": "happiness", "fer0000003.png": "disgust", "fer0000007.png": "neutral"}
LINE = 'fer0000000.png,"(0, 0, 48, 48)",1,9,0,0,0,0,0,0,0'


def tree(root: Path, *splits: str) -> Path:
    """Six faces in each split, three of which are usable."""
    for place, split in enumerate(splits or ("Train", "Valid")):
        for number, name in enumerate(VOTES):
            trees.write(root / f"FER2013{split}" / name, trees.noise(100 * place + number, 48, 48))
        lines = [f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}' for name, votes in VOTES.items()]
        trees.put(root / f"FER2013{split}" / "label.csv", lines)
    return root


def tree_by_csv(root: Path) -> Path:
    """The same faces, labelled by fer2013new.csv."""
    tree(root)
    lines = ["Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"]
    for usage, split in (("Training", "Train"), ("PublicTest", "Valid")):
        (root / f"FER2013{split}" / "label.csv").unlink()
        lines += [f"{usage},{name},{','.join(map(str, votes))}" for name, votes in VOTES.items()]
        lines += [f"{usage},,0,0,0,0,0,0,0,0,0,10"]  # FER+ took it away
    trees.put(root / "fer2013new.csv", lines)
    return root


def empty(root: Path) -> None:
    """One face, on which the votes do not agree."""
    trees.put(root / TRAIN / "label.csv", [LINE.replace("1,9", "5,5") + ",0"])


def test_labels_and_splits(tmp_path: Path) -> None:
    root = tree(tmp_path)
    found = index(FERPLUS, root)
    assert trees.places(found.sources, root) == [
        f"FER2013{split}/{name}" for split in ("Train", "Valid") for name in KEPT
    ]
    assert found.groups.tolist() == 2 * list(KEPT.values())
    assert [EMOTIONS[emotion] for emotion in found.emotions] == found.groups.tolist()
    np.testing.assert_array_equal(found.labels, PROTOTYPES[found.emotions])
    assert found.splits.tolist() == 3 * ["train"] + 3 * ["valid"]
    assert not (found.subjects != "").any()
    # EMOTIONS: neutral, anger, disgust, fear, happiness, sadness, surprise; contempt and unknown have no share
    np.testing.assert_allclose(found.votes[0], (0.1, 0, 0, 0, 0.9, 0, 0))
    np.testing.assert_allclose(found.votes[1], (0, 0, 5 / 9, 4 / 9, 0, 0, 0), rtol=1e-6)


def test_all_faces_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    root = tree(tmp_path, "Train")
    found = index(FERPLUS, root, "all")
    assert trees.places(found.sources, root) == [f"FER2013Train/{name}" for name in VOTES]
    clear = np.array([name in KEPT for name in VOTES])
    np.testing.assert_array_equal(found.emotions == UNKNOWN_EMOTION, ~clear)
    np.testing.assert_array_equal(np.isnan(found.labels).all(1), ~clear)
    assert found.groups.tolist() == [KEPT.get(name, "unclear") for name in VOTES]
    for field in ("labels", "emotions", "votes"):
        np.testing.assert_array_equal(getattr(found, field)[clear], getattr(index(FERPLUS, root), field))
    # EMOTIONS: neutral, anger, disgust, fear, happiness, sadness, surprise
    np.testing.assert_allclose(found.votes[1], (0.4, 0.1, 0, 0, 0.3, 0.1, 0.1), rtol=1e-6)
    assert not found.votes[[3, 4]].any(), "contempt, and not a face"


def test_labelled_by_one_file_it_is_the_same(tmp_path: Path) -> None:
    folders, table = tree(tmp_path / "a"), tree_by_csv(tmp_path / "b")
    one, other = index(FERPLUS, folders), index(FERPLUS, table)
    assert trees.places(one.sources, folders) == trees.places(other.sources, table)
    for field in ("labels", "emotions", "votes", "groups", "splits"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_a_single_split_is_enough(tmp_path: Path) -> None:
    root = tree(tmp_path, "Test")
    assert len(index(FERPLUS, root, splits=("test",))) == 3
    assert len(index(FERPLUS, root)) == 3
    with pytest.raises(ValueError, match=r"FERPlus needs .*FER2013Train, got none"):
        index(FERPLUS, root, splits=("train", "test"))


@pytest.mark.parametrize("name", ["/", "../../other.png", "/etc/passwd", "deeper/fer0000000.png", "fer\x1b[2J.png"])
def test_a_label_names_a_picture_of_its_folder(name: str, tmp_path: Path) -> None:
    """`/` once ended in a sentence without the file, and `..` would read what lies elsewhere."""
    root = tree(tmp_path, "Train")
    labels = root / "FER2013Train" / "label.csv"
    labels.write_text(f'{name},"(0, 0, 48, 48)",0,9,0,0,0,0,0,0,1,0\n')
    with pytest.raises(
        ValueError, match=r"a line of label\.csv must begin with the name of a picture, got .* in line 1"
    ):
        index(FERPLUS, root)


@pytest.mark.parametrize(
    ("votes", "emotion"),
    [
        ((0, 0, 0, 0, 0, 0, 5, 4, 1, 0), "fear"),
        ((5, 5, 0, 0, 0, 0, 0, 0, 0, 0), None),
        ((4, 2, 2, 2, 0, 0, 0, 0, 0, 0), None),
        ((0, 0, 0, 0, 0, 0, 0, 8, 1, 1), None),
        ((0, 0, 0, 0, 0, 0, 0, 0, 9, 1), None),
    ],
)
def test_majority(votes: tuple[int, ...], emotion: str | None) -> None:
    (found,) = majority_emotions(np.array([votes]))
    assert (None if found == UNKNOWN_EMOTION else EMOTIONS[found]) == emotion


def test_every_problem_is_listed(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for split in ("train", "valid"):
        (root / FOLDERS[split] / "fer0000000.png").unlink()
    adds(TRAIN / "label.csv", "fer0000009.png,1,2,3")(root)
    assert [problem.split(",")[0] for problem in problems(FERPLUS, root)] == [
        "a line of label.csv must be name",
        f"FERPlus needs {root}/FER2013Train/fer0000000.png",
        f"FERPlus needs {root}/FER2013Valid/fer0000000.png",
    ]


CASES = {
    "no labels": Case(renamed(TRAIN / "label.csv", "Label.csv"), "FERPlus needs {root}/FER2013Train/label.csv, got none: rename Label.csv, which lies there"),
    "no picture": Case(gone(TRAIN / "fer0000003.png"), "FERPlus needs {root}/FER2013Train/fer0000003.png, got none"),
    "other suffix": Case(renamed(TRAIN / "fer0000003.png", "fer0000003.jpg"), "rename fer0000003.jpg, which lies there"),
    "missing votes": Case(says(TRAIN / "label.csv", LINE), "a line of label.csv must be name, box and 10 votes, got 'fer0000000.png,(0, 0, 48, 48),1,9,0,0,0,0,0,0,0' in line 1 of {root}/FER2013Train/label.csv"),
    "stray votes": Case(says(TRAIN / "label.csv", LINE + ",0,0"), "a line of label.csv must be name, box and 10 votes"),
    "empty vote": Case(says(TRAIN / "label.csv", LINE + ","), "a line of label.csv must be name, box and 10 votes"),
    "no vote": Case(says(TRAIN / "label.csv", LINE.replace("1,9", "0,0") + ",0"), "a line of label.csv must be name, box and 10 votes"),
    "huge vote": Case(says(TRAIN / "label.csv", LINE + ",1e300"), "a line of label.csv must be name, box and 10 votes"),
    "long cell": Case(says(TRAIN / "label.csv", LINE + "," + "x" * 100_000), "0,0,0,xxx"),
    "cell longer than Python's csv takes": Case(says(TRAIN / "label.csv", LINE + "," + "x" * 200_000), "FERPlus's labels must be CSV, got field larger than field limit (131072) in {root}/FER2013Train/label.csv"),
    "named twice": Case(adds(TRAIN / "label.csv", LINE + ",0"), "label.csv must name a picture once, got fer0000000.png again in line 7 of {root}/FER2013Train/label.csv"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_names_the_place(tmp_path: Path, case: str) -> None:
    trees.assert_one_sentence_names_the_place("ferplus", tmp_path / "set", CASES[case])
