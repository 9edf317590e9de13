# SPDX-License-Identifier: Apache-2.0
"""Every dataset in its official layouts: which pictures are taken, and what is known of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trees

from board.core.facs import AUS, EMOTIONS, PROTOTYPES
from qnn.data.dataset import Source
from qnn.data.datasets import DATASETS
from qnn.data.datasets.ferplus import majority_emotions
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.protocols import PROTOCOLS

NAN = float("nan")


def names(sources: tuple[Source, ...], root: Path) -> list[str]:
    """Paths below the root."""
    return [source.path.relative_to(root).as_posix() for source in sources]


def test_what_the_paper_says_of_each() -> None:
    assert {name: len(dataset.aus) for name, dataset in DATASETS.items()} == {
        "ckplus": 13, "bp4d": 5, "disfa": 12, "ferplus": 13, "rafdb": 13,
    }  # fmt: skip
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.default_protocol in dataset.protocols
        assert set(dataset.protocols) <= set(PROTOCOLS)
        assert "paper" in dataset.protocols and dataset.label_rules[0] == "paper"
        assert dataset.colour == ("grey" if name == "ferplus" else "rgb")
        assert dataset.terms.endswith(".") and dataset.title


def test_ferplus(tmp_path: Path) -> None:
    root = trees.ferplus(tmp_path)
    index = DATASETS["ferplus"].index(root)
    assert names(index.sources, root) == [
        f"FER2013{split}/{name}" for split in ("Train", "Valid") for name in trees.FER_KEPT
    ]
    assert index.groups.tolist() == 2 * list(trees.FER_KEPT.values())
    assert [EMOTIONS[emotion] for emotion in index.emotions] == index.groups.tolist()
    np.testing.assert_array_equal(index.labels, PROTOTYPES[index.emotions])
    assert index.splits.tolist() == 3 * ["train"] + 3 * ["valid"]
    assert not (index.subjects != "").any()
    # EMOTIONS: neutral, anger, disgust, fear, happiness, sadness, surprise; contempt and unknown have no share
    np.testing.assert_allclose(index.votes[0], (0.1, 0, 0, 0, 0.9, 0, 0))
    np.testing.assert_allclose(index.votes[1], (0, 0, 5 / 9, 4 / 9, 0, 0, 0), rtol=1e-6)


def test_ferplus_labelled_by_one_file_is_the_same(tmp_path: Path) -> None:
    folders, table = trees.ferplus(tmp_path / "a"), trees.ferplus_by_csv(tmp_path / "b")
    one, other = DATASETS["ferplus"].index(folders), DATASETS["ferplus"].index(table)
    assert names(one.sources, folders) == names(other.sources, table)
    for field in ("labels", "emotions", "votes", "groups", "splits"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_a_single_part_of_ferplus_is_enough(tmp_path: Path) -> None:
    root = trees.ferplus(tmp_path, splits=["Test"])
    assert len(DATASETS["ferplus"].index(root, splits=("test",))) == 3
    assert len(DATASETS["ferplus"].index(root)) == 3
    with pytest.raises(ValueError, match=r"FERPlus needs .*FER2013Train, got none"):
        DATASETS["ferplus"].index(root, splits=("train", "test"))


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
    (index,) = majority_emotions(np.array([votes]))
    assert (None if index == UNKNOWN_EMOTION else EMOTIONS[index]) == emotion


def test_rafdb(tmp_path: Path) -> None:
    root = trees.rafdb(tmp_path)
    index = DATASETS["rafdb"].index(root)
    assert names(index.sources, root)[::4] == [
        "Image/aligned/train_00001_aligned.jpg",
        "Image/aligned/test_0001_aligned.jpg",
    ]
    assert index.groups.tolist() == ["sadness", "surprise", "neutral", "fear", "happiness", "anger", "disgust"]
    assert index.splits.tolist() == 4 * ["train"] + 3 * ["test"]
    np.testing.assert_array_equal(index.labels, PROTOTYPES[index.emotions])
    np.testing.assert_array_equal(index.votes.argmax(1), index.emotions)
    assert DATASETS["rafdb"].index(root, splits=("test",)).groups.tolist() == ["happiness", "anger", "disgust"]


@pytest.mark.parametrize(("facs", "emotion"), [("FACS", "Emotion"), ("FACS_labels/FACS", "Emotion_labels/Emotion")])
def test_ckplus(tmp_path: Path, facs: str, emotion: str) -> None:
    root = trees.ckplus(tmp_path, facs, emotion)
    (tmp_path / "cohn-kanade-images" / "S005" / ".DS_Store").touch()
    index = DATASETS["ckplus"].index(root)
    frames = [int(source.path.stem[-8:]) for source in index.sources]
    assert frames == [1, 3, 4, 5] * len(trees.CK_SEQUENCES), "the first frame and the last three"
    assert index.subjects.tolist() == 8 * ["S005"] + 4 * ["S010"] + 4 * ["S011"]
    assert index.groups[::4].tolist() == 4 * ["neutral"]
    assert index.groups[1::4].tolist() == ["surprise", "happiness", "contempt", "none"]
    assert [EMOTIONS[row] if row >= 0 else None for row in index.emotions[1::4]] == [
        "surprise",
        "happiness",
        None,
        None,
    ]
    active = [tuple(np.array(AUS)[row == 1]) for row in index.labels]
    assert active[:8] == [(), *3 * [(1, 2, 5, 26)], (), *3 * [(6, 12)]], (
        "AU2 has intensity 0: present, unknown how much"
    )
    assert active[8:] == [*4 * [()], (), *3 * [(4,)]], "AU14 is none of the thirteen"
    assert index.votes[1::4].sum(1).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("pictures", "intensities", "occurrences"),
    [
        ("", "AUCoding/AU_INT", "AUCoding/AU_OCC"),
        ("Sequences(2D+3D)", "AU_INT", "AU_OCC"),
        ("BP4D-training", "AU Intensity Codes3.0", "AUCoding"),
    ],
)
def test_bp4d(tmp_path: Path, pictures: str, intensities: str, occurrences: str) -> None:
    root = trees.bp4d(tmp_path, pictures, intensities, occurrences)
    paper = DATASETS["bp4d"].index(root)
    place = f"{pictures}/" if pictures else ""
    assert names(paper.sources, root) == [
        *(f"{place}F001/T1/{frame}.jpg" for frame in (7, 8, 10)),
        *(f"{place}F001/T2/{frame:04d}.jpg" for frame in (7, 8, 10)),
        *(f"{place}M002/T1/{frame:03d}.jpg" for frame in (7, 8, 10)),
    ], "frame 9 has no AU above 4"
    np.testing.assert_array_equal(paper.labels[:3], [(1, 0, 1, 0, 0), (0, 0, 1, 0, 0), (0, 0, 0, 1, 0)])
    assert paper.groups.tolist() == 3 * ["T1"] + 3 * ["T2"] + 3 * ["T1"]
    assert paper.subjects.tolist() == 6 * ["F001"] + 3 * ["M002"]
    assert set(paper.emotions) == {UNKNOWN_EMOTION} and not paper.votes.any()
    usual = DATASETS["bp4d"].index(root, "usual")
    assert len(usual) == 12, "every frame"
    np.testing.assert_array_equal(
        usual.labels[:4], [(1, 1, 1, 0, 0), (0, 1, 1, 0, 0), (0, 0, 0, 0, 1), (0, NAN, 0, NAN, 0)]
    )


def test_bp4d_goes_on_without_a_picture_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = trees.bp4d(tmp_path)
    (root / "F001" / "T1" / "8.jpg").unlink()
    assert len(DATASETS["bp4d"].index(root)) == 8
    assert "left out 1 (labelled frames without a picture)" in caplog.text
    (problem,) = DATASETS["bp4d"].problems(root)
    assert "BP4D needs a picture of the labelled frame 8, got none in" in problem


@pytest.mark.parametrize("videos", ["Videos_LeftCamera", "Video_LeftCamera"])
def test_disfa(tmp_path: Path, videos: str) -> None:
    root = trees.disfa(tmp_path, videos)
    paper = DATASETS["disfa"].index(root)
    assert [source.frame for source in paper.sources] == 3 * [1, 2, 4, 5], "counted from 0, of frames with an active AU"
    assert names(paper.sources, root)[0] == f"{videos}/LeftVideoSN001_comp.avi"
    by_au = dict(zip(trees.DISFA_AUS, paper.labels.T, strict=True))
    assert by_au[1][:4].tolist() == [1, 1, 0, 0] and by_au[12][:4].tolist() == [0, 1, 1, 1]
    assert not by_au[26].any()
    assert paper.subjects.tolist() == [subject for subject in trees.DISFA_SUBJECTS for _ in range(4)]
    assert set(paper.groups) == {""} and set(paper.emotions) == {UNKNOWN_EMOTION} and not paper.votes.any()
    usual = DATASETS["disfa"].index(root, "usual")
    assert [source.frame for source in usual.sources] == 3 * list(range(6))
    by_au = dict(zip(trees.DISFA_AUS, usual.labels.T, strict=True))
    assert by_au[1][:6].tolist() == [0, 0, 1, 0, 0, 0] and by_au[12][:6].tolist() == [0, 0, 1, 0, 1, 0]


def test_a_frame_more_than_the_video_has_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = DATASETS["disfa"].index(trees.disfa(tmp_path, frames=5))
    assert [source.frame for source in index.sources] == 3 * [1, 2, 4]
    assert "left out 3 (labelled frames beyond the video)" in caplog.text


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_is_known_by_its_layout(tmp_path: Path, name: str) -> None:
    root = trees.TREES[name](tmp_path / "x" / "tree")
    for asked, dataset in DATASETS.items():
        assert dataset.recognises(root) == (asked == name)
        if asked != name:
            sentence = f"looks like {DATASETS[name].title}, not {dataset.title}: use `auflow data check {name} {root}`"
            with pytest.raises(ValueError) as caught:
                dataset.index(root)
            assert str(caught.value) == f"{root} {sentence}"
    with pytest.raises(ValueError, match=f"got {root.parent}: name {root}, which does"):
        DATASETS[name].index(root.parent)
    with pytest.raises(ValueError, match=f"got {tmp_path}, which holds nothing of it"):
        DATASETS[name].index(tmp_path)
    with pytest.raises(ValueError, match=r"a dataset must be a folder, got .*none, which is missing"):
        DATASETS[name].index(tmp_path / "none")


@pytest.mark.parametrize("name", DATASETS)
def test_nothing_is_wrong_with_a_good_folder(tmp_path: Path, name: str) -> None:
    root = trees.TREES[name](tmp_path)
    for labels in DATASETS[name].label_rules:
        assert DATASETS[name].problems(root, labels) == []
