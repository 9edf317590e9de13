# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a table reads best with one case to a line
"""Rendered faces: packed pixels, weights as labels, and no emotion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trees
from trees import Case, gone, renamed, says

from board.core.facs import AUS
from board.core.files import write_json, write_npz
from qnn.data.datasets import find
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.indexing import index
from qnn.data.loading import load

RENDERED = find("rendered")
NUMBERS = (26, *AUS[:-1], 10, 14)
"""Not in the order of facs.AUS, and more than those."""


def arrays(seed: int, count: int) -> dict[str, np.ndarray]:
    """A split of some faces, two of each person."""
    rng = np.random.default_rng(seed)
    return {
        "pixels": rng.integers(0, 256, (count, 48, 48), dtype=np.uint8),
        "weights": rng.random((count, len(NUMBERS)), dtype=np.float32),
        "aus": np.array(NUMBERS),
        "identity": np.int32(1000 * seed) + np.arange(count, dtype=np.int32) // 2,
        "kind": np.array(count * ["mixture"]),
    }


def tree(root: Path) -> Path:
    """Six faces to train, four to validate."""
    write_json(root / "rendered.json", {"format": "auflow-rendered-1"})
    write_npz(root / "train.npz", arrays(0, 6))
    write_npz(root / "valid.npz", arrays(1, 4))
    return root


def empty(root: Path) -> None:
    """Splits without a face."""
    tree(root)
    for split in ("train", "valid"):
        write_npz(root / f"{split}.npz", arrays(0, 0))


def lacks(name: str) -> trees.Damage:
    """The training split loses an array."""
    return lambda root: write_npz(root / "train.npz", {k: v for k, v in arrays(0, 6).items() if k != name})


def holds(name: str, array: np.ndarray) -> trees.Damage:
    """The training split has another array."""
    return lambda root: write_npz(root / "train.npz", {**arrays(0, 6), name: array})


def test_weights_are_labels_of_the_right_aus(tmp_path: Path) -> None:
    found = index(RENDERED, tree(tmp_path))
    written = arrays(0, 6)["weights"]
    assert found.labels.shape == (10, len(AUS))
    for column, au in enumerate(AUS):
        np.testing.assert_array_equal(found.labels[:6, column], written[:, NUMBERS.index(au)])
    assert set(found.emotions.tolist()) == {UNKNOWN_EMOTION} and not found.votes.any()
    assert found.splits.tolist() == 6 * ["train"] + 4 * ["valid"]
    assert len(set(found.subjects.tolist())) == 5 and found.subjects[0] == found.subjects[1] != found.subjects[2]
    assert index(RENDERED, tmp_path, splits=("valid",)).subjects[0] == "rendered-1000"


def test_pixels_are_those_that_were_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    faces = load("rendered", tree(tmp_path / "set"), progress=False)
    np.testing.assert_array_equal(faces.pixels, np.concatenate([arrays(0, 6)["pixels"], arrays(1, 4)["pixels"]]))


CASES = {
    "no split": Case(gone("valid.npz"), "Rendered faces needs {root}/valid.npz, got none"),
    "misnamed": Case(renamed("valid.npz", "Valid.npz"), "rename Valid.npz, which lies there"),
    "no arrays": Case(says("train.npz", "x"), "rendered faces must be an .npz of plain arrays, got File is not a zip file in {root}/train.npz"),
    "no weights": Case(lacks("weights"), "got {{'pixels': ('u', 6, 48, 48), 'aus': ('i', 15), 'identity': ('i', 6)}} in {root}/train.npz"),
    "no identity": Case(lacks("identity"), "got {{'pixels': ('u', 6, 48, 48), 'weights': ('f', 6, 15), 'aus': ('i', 15)}} in {root}/train.npz"),
    "other pixels": Case(holds("pixels", np.zeros((6, 32, 32), np.uint8)), "got {{'pixels': ('u', 6, 32, 32)"),
    "other AUs": Case(holds("aus", np.arange(100, 115)), "aus (AUs,) with 1, 2, 4"),
    "AUs in no row": Case(holds("aus", np.array(1)), "'aus': ('i',)"),
    "weights of another scale": Case(holds("weights", np.full((6, 15), 5, np.float32)), "must be from 0 to 1, got 5.0 in {root}/train.npz"),
    "no weight": Case(holds("weights", np.full((6, 15), np.nan, np.float32)), "must be from 0 to 1, got nan in {root}/train.npz"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_names_the_place(tmp_path: Path, case: str) -> None:
    trees.assert_one_sentence_names_the_place("rendered", tmp_path / "set", CASES[case])
