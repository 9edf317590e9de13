# SPDX-License-Identifier: Apache-2.0
"""Small folders in the layout of a dataset, and what can be wrong with them.

Each dataset's own test, tests/qnn/data/datasets/test_<name>.py, holds its `tree`, and its `empty` without a picture.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from qnn.data.dataset import REMEDY
from qnn.data.datasets import find
from qnn.data.example import example_picture
from qnn.data.indexing import index, problems

TESTS = Path(__file__).parents[1] / "qnn" / "data" / "datasets"

Damage = Callable[[Path], object]


@cache
def module_of(name: str) -> ModuleType:
    """The test module of a dataset."""
    spec = spec_from_file_location(f"tree_of_{name}", TESTS / f"test_{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(name: str, root: Path, *layout: str) -> Path:
    """A small folder of a dataset, with the layout of its test where none of its others is asked for."""
    made: Path = module_of(name).tree(root, *layout)
    return made


def empty(name: str, root: Path) -> None:
    """The folder of a dataset that has its layout and no labelled picture."""
    module_of(name).empty(root)


@lru_cache(maxsize=1)
def portrait() -> np.ndarray:
    """The example picture's upper half, RGB (256, 256, 3)."""
    return np.ascontiguousarray(example_picture()[:256, 96:352])


def shot(number: int) -> np.ndarray:
    """The portrait, a little darker for every number."""
    return portrait() - np.minimum(portrait(), np.uint8(8 * number))


def noise(number: int, *shape: int) -> np.ndarray:
    """A picture that differs from every other."""
    return np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)


def write(path: Path, picture: np.ndarray) -> None:
    """A picture file, grey or RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def write_video(path: Path, pictures: Sequence[np.ndarray]) -> None:
    """A video of RGB pictures of one size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (width, height))
    for picture in pictures:
        video.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    video.release()


def put(path: Path, lines: Sequence[str]) -> None:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def places(sources: Sequence[tuple[Path, int | None]], root: Path) -> list[str]:
    """Paths of sources below the root."""
    return [path.relative_to(root).as_posix() for path, _ in sources]


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


class Case(NamedTuple):
    """What is done to a good folder, and what must then be said of it, with {root} where the folder is named."""

    damage: Damage
    sentence: str
    labels: str = "paper"


def assert_one_sentence_names_the_place(name: str, root: Path, case: Case) -> None:
    """Loading a damaged folder raises one sentence, and the check lists what loading raises."""
    case.damage(tree(name, root))
    with pytest.raises(ValueError) as caught:
        index(find(name), root, case.labels)
    assert case.sentence.format(root=root) in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000
    listed = problems(find(name), root, case.labels)
    said = str(caught.value)
    assert said.removesuffix(f": {REMEDY}") in listed, "the check lists what loading raises"
    assert re.search(r": (copy|name|rename|render|use) ", said), f"nothing to do in: {said}"
