# SPDX-License-Identifier: Apache-2.0
"""Pictures: a folder of any pictures, of which nothing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trees

from qnn.data.checking import check
from qnn.data.datasets import find
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.indexing import index

PICTURES = find("pictures")


def tree(root: Path) -> Path:
    """A portrait, a prepared face, and one in a folder below."""
    trees.write(root / "a.png", trees.portrait())
    trees.write(root / "b.png", trees.noise(1, 48, 48))
    trees.write(root / "more" / "c.png", trees.shot(1))
    return root


def empty(root: Path) -> None:
    """What is called like a picture is a folder."""
    (root / "a.png").mkdir()


def test_nothing_is_known_of_them(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "notes.txt").write_text("none")
    found = index(PICTURES, root)
    assert trees.places(found.sources, root) == ["a.png", "b.png", "more/c.png"]
    assert np.isnan(found.labels).all() and found.labels.shape == (3, 13)
    assert (found.emotions == UNKNOWN_EMOTION).all() and not found.votes.any()
    assert check("pictures", root, progress=False).notes == [f"left out of {root}: 1 .txt"]
