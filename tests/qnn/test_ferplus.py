# SPDX-License-Identifier: Apache-2.0
"""FERPlus from a folder made for the test and, where AUFLOW_FERPLUS names it, from the real one."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from qnn import ferplus
from qnn.facs import EMOTIONS, PROTOTYPES
from qnn.ferplus import load_split, majority_emotion

#        neutral happiness surprise sadness anger disgust fear contempt unknown not-a-face
VOTES = {
    "fer0000000.png": (1, 9, 0, 0, 0, 0, 0, 0, 0, 0),  # happiness
    "fer0000001.png": (4, 3, 1, 1, 1, 0, 0, 0, 0, 0),  # no majority
    "fer0000003.png": (0, 0, 0, 0, 0, 5, 4, 0, 1, 0),  # disgust
    "fer0000004.png": (1, 0, 0, 0, 0, 0, 0, 9, 0, 0),  # contempt, not in Table 2
    "fer0000005.png": (0, 0, 0, 0, 0, 0, 0, 0, 0, 10),  # not a face
    "fer0000007.png": (8, 0, 0, 2, 0, 0, 0, 0, 0, 0),  # neutral
}
KEPT = {"fer0000000.png": "happiness", "fer0000003.png": "disgust", "fer0000007.png": "neutral"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A FERPlus of six random faces, split for training."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "ferplus" / "FER2013Train"
    folder.mkdir(parents=True)
    for name in VOTES:
        cv2.imwrite(str(folder / name), rng.integers(0, 256, (48, 48), dtype=np.uint8))
    lines = [f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}' for name, votes in VOTES.items()]
    (folder / "label.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "ferplus"


def test_reads_the_official_layout(root: Path, tmp_path: Path) -> None:
    split = load_split(root, "train", tmp_path / "cache")
    assert [EMOTIONS[index] for index in split.emotions] == list(KEPT.values())
    for face, name in zip(split.faces, KEPT, strict=True):
        picture = cv2.imread(str(root / "FER2013Train" / name), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(face, picture)
    np.testing.assert_array_equal(split.labels, PROTOTYPES[split.emotions])
    assert (split.faces.dtype, split.labels.dtype, split.emotions.dtype) == (np.uint8, np.float32, np.int64)
    assert split.pixels.shape == (3, 48, 48, 3)
    np.testing.assert_array_equal(split.pixels[..., 2], split.faces)


def test_the_cache_serves_the_second_time(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_split(root, "train", tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(ferplus, "_read_pictures", lambda folder: pytest.fail("read the pictures again"))
        again = load_split(root, "train", tmp_path / "cache")
    np.testing.assert_array_equal(first.faces, again.faces)
    np.testing.assert_array_equal(first.emotions, again.emotions)


def test_a_changed_label_file_is_read_anew(root: Path, tmp_path: Path) -> None:
    load_split(root, "train", tmp_path / "cache")
    labels = root / "FER2013Train" / "label.csv"
    labels.write_text("\n".join(labels.read_text().splitlines()[:1]) + "\n")
    assert len(load_split(root, "train", tmp_path / "cache").faces) == 1


def test_a_cache_cut_short_is_made_anew(root: Path, tmp_path: Path) -> None:
    load_split(root, "train", tmp_path / "cache")
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(cached.read_bytes()[:500])
    assert len(load_split(root, "train", tmp_path / "cache").faces) == 3


def test_copies_of_training_faces_are_left_out(root: Path, tmp_path: Path) -> None:
    split = load_split(root, "train", tmp_path / "cache")
    part = ferplus.FerPlusSplit(split.faces[1:2], split.labels[1:2], split.emotions[1:2])
    assert [EMOTIONS[index] for index in split.without_copies_of(part).emotions] == ["happiness", "neutral"]
    assert split.without_copies_of(split).faces.shape == (0, 48, 48)


@pytest.mark.parametrize(
    ("votes", "emotion"),
    [
        ((0, 0, 0, 0, 0, 0, 5, 4, 1, 0), "fear"),
        ((5, 5, 0, 0, 0, 0, 0, 0, 0, 0), None),
        ((4, 2, 2, 2, 0, 0, 0, 0, 0, 0), None),
        ((0, 0, 0, 0, 0, 0, 0, 0, 9, 1), None),
    ],
)
def test_majority(votes: tuple[int, ...], emotion: str | None) -> None:
    index = majority_emotion(votes)
    assert (None if index is None else EMOTIONS[index]) == emotion


def test_bad_folders(root: Path, tmp_path: Path) -> None:
    folder, cache = root / "FER2013Train", tmp_path / "cache"
    with pytest.raises(ValueError, match="must be one of train, valid, test, got 'training'"):
        load_split(root, "training", cache)
    with pytest.raises(ValueError, match=r"needs .*FER2013Valid/label\.csv, got none"):
        load_split(root, "valid", cache)
    (folder / "fer0000003.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"got nothing that can be read in .*fer0000003\.png"):
        load_split(root, "train", cache)
    (folder / "label.csv").write_text("fer0000000.png,1,2,3\n")
    with pytest.raises(ValueError, match=r"got 'fer0000000\.png,1,2,3' in line 1 of"):
        load_split(root, "train", cache)
    (folder / "label.csv").write_text("")
    with pytest.raises(ValueError, match="must have faces with 5 agreeing votes, got none"):
        load_split(root, "train", cache)


@pytest.mark.skipif("AUFLOW_FERPLUS" not in os.environ, reason="AUFLOW_FERPLUS names no FERPlus folder")
def test_the_real_validation_split() -> None:
    split = load_split(Path(os.environ["AUFLOW_FERPLUS"]), "valid")
    assert len(split.faces) > 3000
    assert set(split.emotions) == set(range(len(EMOTIONS)))
