# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table reads best with one case to a line
"""RAF-DB: aligned faces with one emotion each, in the authors' training and test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trees
from trees import Case, adds, gone, renamed, says

from board.core.facs import PROTOTYPES
from qnn.data.datasets import find
from qnn.data.indexing import index

RAFDB = find("rafdb")
LABELS = Path("EmoLabel", "list_patition_label.txt")
LINES = (
    *("train_00001.jpg 5", "train_00002.jpg 1", "train_00003.jpg 7", "train_00004.jpg 2"),
    *("test_0001.jpg 4", "test_0002.jpg 6", "test_0003.jpg 3"),
)


def tree(root: Path) -> Path:
    """Four faces to train, three to test, every emotion once."""
    trees.put(root / LABELS, LINES)
    for number, line in enumerate(LINES):
        name = f"{line.partition('.')[0]}_aligned.jpg"
        trees.write(root / "Image" / "aligned" / name, trees.noise(number, 100, 100, 3))
    return root


def empty(root: Path) -> None:
    """A label file without a line."""
    (root / "Image" / "aligned").mkdir(parents=True)
    trees.put(root / LABELS, [])


def test_labels_and_splits(tmp_path: Path) -> None:
    root = tree(tmp_path)
    found = index(RAFDB, root)
    assert trees.places(found.sources, root)[::4] == [
        "Image/aligned/train_00001_aligned.jpg",
        "Image/aligned/test_0001_aligned.jpg",
    ]
    assert found.groups.tolist() == ["sadness", "surprise", "neutral", "fear", "happiness", "anger", "disgust"]
    assert found.splits.tolist() == 4 * ["train"] + 3 * ["test"]
    np.testing.assert_array_equal(found.labels, PROTOTYPES[found.emotions])
    np.testing.assert_array_equal(found.votes.argmax(1), found.emotions)
    assert index(RAFDB, root, splits=("test",)).groups.tolist() == ["happiness", "anger", "disgust"]


CASES = {
    "no labels": Case(gone(LABELS), "RAF-DB needs {root}/EmoLabel/list_patition_label.txt, got none"),
    "no pictures": Case(gone("Image"), "RAF-DB needs {root}/Image/aligned, got none"),
    "no picture": Case(gone("Image/aligned/test_0001_aligned.jpg"), "RAF-DB needs {root}/Image/aligned/test_0001_aligned.jpg, got none"),
    "misnamed": Case(renamed("Image/aligned/test_0001_aligned.jpg", "test_0001_aligned.png"), "rename test_0001_aligned.png, which lies there"),
    "no emotion": Case(adds(LABELS, "train_00005.jpg 8"), "a line of list_patition_label.txt must be train_ or test_, a number, .jpg, and an emotion from 1 to 7, got 'train_00005.jpg 8' in line 8 of {root}/" + str(LABELS)),
    "stray column": Case(adds(LABELS, "train_00005.jpg 7 1"), "got 'train_00005.jpg 7 1' in line 8 of {root}/" + str(LABELS)),
    "no such split": Case(adds(LABELS, "val_00005.jpg 7"), "got 'val_00005.jpg 7' in line 8 of {root}/" + str(LABELS)),
    "no test split": Case(says(LABELS, "train_00001.jpg 5\n"), "list_patition_label.txt must have lines of split test, got none in {root}/" + str(LABELS)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_names_the_place(tmp_path: Path, case: str) -> None:
    trees.assert_one_sentence_names_the_place("rafdb", tmp_path / "set", CASES[case])
