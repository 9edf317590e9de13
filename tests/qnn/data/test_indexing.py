# SPDX-License-Identifier: Apache-2.0
"""Every dataset says what it is and is known by its layout; a folder that cannot be used is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import trees

from board.core.contract import COLOURS
from board.core.facs import AU_TITLES
from qnn.data.datasets import NAMES, find
from qnn.data.indexing import index, problems
from qnn.data.protocols import PROTOCOLS


@pytest.mark.parametrize("name", NAMES)
def test_attributes_are_of_their_kinds(name: str) -> None:
    dataset = find(name)
    assert dataset.name == name, "the file's"
    assert set(dataset.aus) <= set(AU_TITLES) and dataset.colour in COLOURS
    assert dataset.default_protocol in dataset.protocols and set(dataset.protocols) <= set(PROTOCOLS)
    assert ("official" in dataset.protocols) == (len(dataset.official_splits) > 1)
    assert dataset.official_splits[:1] in ((), ("train",))
    assert dataset.label_rules[0] == "paper"
    assert dataset.terms.endswith(".") and dataset.title and dataset.layout


def test_the_papers_five_are_there() -> None:
    aus = {"ckplus": 13, "bp4d": 5, "disfa": 12, "ferplus": 13, "rafdb": 13}
    assert {name: len(find(name).aus) for name in aus} == aus
    assert all("paper" in find(name).protocols for name in aus)
    assert [name for name in aus if find(name).colour == "grey"] == ["ferplus"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_known_by_its_layout(tmp_path: Path, name: str) -> None:
    root = trees.tree(name, tmp_path / "x" / "tree")
    for other in map(find, NAMES):
        assert other.recognises(root) == (other.name == name)
        if other.name != name:
            hint = f"use `auflow data check {name} {root}`"
            with pytest.raises(ValueError) as caught:
                index(other, root)
            assert str(caught.value) == f"{root} looks like {find(name).title}, not {other.title}: {hint}"
    with pytest.raises(ValueError, match=f"got {root.parent}: name {root}, which does"):
        index(find(name), root.parent)
    with pytest.raises(ValueError, match=f"got {tmp_path}, which holds nothing of it"):
        index(find(name), tmp_path)
    with pytest.raises(ValueError, match=r"a dataset must be a folder, got .*none, which is missing"):
        index(find(name), tmp_path / "none")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_a_good_folder(tmp_path: Path, name: str) -> None:
    root = trees.tree(name, tmp_path)
    for labels in find(name).label_rules:
        assert problems(find(name), root, labels) == []


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_dataset_is_refused(tmp_path: Path, name: str) -> None:
    trees.empty(name, tmp_path)
    with pytest.raises(ValueError, match=f"got none in {tmp_path}"):
        index(find(name), tmp_path)
    (problem,) = problems(find(name), tmp_path)[:1]
    assert str(tmp_path) in problem


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=f"a dataset must be one of {', '.join(NAMES)}, got 'fer'"):
        find("fer")
    with pytest.raises(ValueError, match="the labels of DISFA must be one of paper, usual, got 'strict'"):
        index(find("disfa"), Path("."), "strict")
    with pytest.raises(ValueError, match="the official splits of RAF-DB are train, test, got 'valid'"):
        index(find("rafdb"), Path("."), splits=("train", "valid"))
    with pytest.raises(ValueError, match="the official splits of BP4D are none, got 'train'"):
        index(find("bp4d"), Path("."), splits=("train",))
