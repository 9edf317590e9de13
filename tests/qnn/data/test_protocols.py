# SPDX-License-Identifier: Apache-2.0
"""No protocol leaks: no row on both sides, no subject in two folds, every row in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qnn.data.faces import UNKNOWN_EMOTION, Faces
from qnn.data.protocols import FOLDS, held_out, split, subject_folds


def some_faces(groups: list[str], subjects: list[str] | None = None, splits: list[str] | None = None) -> Faces:
    """Faces of which only text matters."""
    count = len(groups)
    return Faces(
        np.zeros((count, 48, 48), np.uint8),
        (6, 12),
        np.zeros((count, 2), np.float32),
        np.full(count, UNKNOWN_EMOTION),
        np.zeros((count, 7), np.float32),
        np.array(groups),
        np.array(subjects if subjects is not None else [""] * count),
        np.array(splits if splits is not None else [""] * count),
    )


def crowd(seed: int, subjects: int) -> Faces:
    """Subjects with 20 to 60 faces each, in four tasks."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"SN{number:03d}" for number in range(subjects)], rng.integers(20, 60, subjects))
    return some_faces(rng.choice(["T1", "T2", "T3", "T4"], len(names)).tolist(), rng.permutation(names).tolist())


def shares(groups: np.ndarray) -> dict[str, int]:
    """Faces of each group."""
    return dict(zip(*(column.tolist() for column in np.unique(groups, return_counts=True)), strict=True))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("subjects", [3, 4, 27, 41])
def test_folds_share_no_subject_and_cover_every_row(seed: int, subjects: int) -> None:
    faces = crowd(seed, subjects)
    splits = [split(faces, "subjects", fold=fold, seed=seed) for fold in range(FOLDS)]
    measured = np.concatenate([one.test for one in splits])
    np.testing.assert_array_equal(np.sort(measured), np.arange(len(faces)))
    for one in splits:
        assert not set(faces.subjects[one.train]) & set(faces.subjects[one.test])
        np.testing.assert_array_equal(np.sort(np.r_[one.train, one.test]), np.arange(len(faces)))
        assert len(one.train) and len(one.test) and (np.diff(one.test) > 0).all() and (np.diff(one.train) > 0).all()
    folds = subject_folds(faces.subjects, seed)
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    largest = max(shares(faces.subjects).values())
    assert max(len(one.test) for one in splits) - min(len(one.test) for one in splits) <= largest


def test_folds_depend_on_the_seed_alone() -> None:
    faces = crowd(0, 27)
    assert subject_folds(faces.subjects, 4) == subject_folds(faces.subjects[::-1], 4)
    assert subject_folds(faces.subjects, 4) != subject_folds(faces.subjects, 5)


def test_paper_draws_a_fifth_of_every_group() -> None:
    groups = 500 * ["happiness"] + 43 * ["disgust"] + 2 * ["fear"]
    faces = some_faces(groups)
    one, other = split(faces, "paper", seed=1), split(faces, "paper", seed=2)
    assert shares(faces.groups[one.test]) == {"happiness": 100, "disgust": 9, "fear": 1}
    np.testing.assert_array_equal(np.sort(np.r_[one.train, one.test]), np.arange(len(faces)))
    assert not np.array_equal(one.test, other.test)
    np.testing.assert_array_equal(one.test, split(faces, "paper", seed=1).test)


def test_official_takes_the_parts_as_they_are() -> None:
    splits = ["train", "test", "valid", "train", "valid"]
    faces = some_faces(["neutral"] * 5, splits=splits)
    for split_name in ("valid", "test"):
        found = split(faces, "official", split_name)
        assert faces.splits[found.train].tolist() == ["train", "train"]
        assert found.test.tolist() == [row for row, name in enumerate(splits) if name == split_name]


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_subjects_are_held_out_whole(share: float) -> None:
    faces = crowd(3, 27)
    rows = split(faces, "subjects", fold=1).train
    kept, held = held_out(faces, rows, share, seed=2)
    np.testing.assert_array_equal(np.sort(np.r_[kept, held]), rows)
    assert not set(faces.subjects[kept]) & set(faces.subjects[held])
    assert abs(len(held) - share * len(rows)) < max(shares(faces.subjects).values())
    np.testing.assert_array_equal(held, held_out(faces, rows, share, seed=2)[1])
    assert not np.array_equal(held, held_out(faces, rows, share, seed=3)[1])


def test_rows_are_held_out_of_every_group_where_subjects_are_unknown() -> None:
    faces = some_faces(60 * ["fear"] + 40 * ["anger"], splits=90 * ["train"] + 10 * ["valid"])
    rows = split(faces, "official").train
    kept, held = held_out(faces, rows, 0.1, seed=0)
    assert shares(faces.groups[held]) == {"fear": 6, "anger": 3}
    np.testing.assert_array_equal(np.sort(np.r_[kept, held]), rows)


def test_two_subjects_give_one_each() -> None:
    faces = some_faces(5 * [""], ["a", "a", "a", "a", "b"])
    kept, held = held_out(faces, np.arange(5), 0.2, seed=0)
    assert sorted(map(len, (kept, held))) == [1, 4]


def test_bad_input() -> None:
    lab, wild = crowd(0, 3), some_faces(["fear"] * 9, splits=["train"] * 8 + ["test"])
    with pytest.raises(ValueError, match="the protocols of these faces are paper, subjects, got 'official'"):
        split(lab, "official")
    with pytest.raises(ValueError, match="the protocols of these faces are official, paper, got 'subjects'"):
        split(wild, "subjects")
    with pytest.raises(ValueError, match="the protocols of these faces are paper, got 'random'"):
        split(some_faces(["a"] * 4), "random")
    with pytest.raises(ValueError, match="protocol subjects has folds 0 to 2, got 3"):
        split(lab, "subjects", fold=3)
    with pytest.raises(ValueError, match="protocol paper has folds 0 to 0, got 1"):
        split(lab, "paper", fold=1)
    for split_name in ("valid", "train", ""):
        with pytest.raises(
            ValueError, match=f"a training split and one to test on, got split '{split_name}' of test, train"
        ):
            split(wild, "official", split_name)
    with pytest.raises(ValueError, match="needs a training split and one to test on, got split 'test' of test"):
        split(wild.take(wild.splits == "test"), "official", "test")
    some_unknown = replace(lab, subjects=np.where(np.arange(len(lab)) < 2, "", lab.subjects))
    with pytest.raises(ValueError, match="protocol subjects needs the subject of every face, got 2 faces without one"):
        split(some_unknown, "subjects")
    with pytest.raises(ValueError, match="protocol subjects needs at least 3 subjects, got SN000, SN001"):
        split(lab.take(lab.subjects < "SN002"), "subjects")
    with pytest.raises(ValueError, match="a group needs at least 2 faces to be divided, got 1 of fear"):
        split(some_faces(["anger"] * 3 + ["fear"]), "paper")
    with pytest.raises(ValueError, match="a protocol needs at least one face, got none"):
        split(some_faces([]), "paper")
    with pytest.raises(ValueError, match="need 0 < share < 1, got 1"):
        held_out(lab, np.arange(len(lab)), 1)
    with pytest.raises(ValueError, match="holding subjects out needs at least 2 subjects, got SN000"):
        held_out(lab, np.flatnonzero(lab.subjects == "SN000"), 0.1)
    with pytest.raises(ValueError, match="holding subjects out needs the subject of every face"):
        held_out(some_unknown, np.arange(len(lab)), 0.1)
