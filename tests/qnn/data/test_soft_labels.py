# SPDX-License-Identifier: Apache-2.0
"""Soft labels: a target says how much more of an AU a face shows than neutral training faces do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from teachers import column, faces, soft_labels, unlabelled

from board.core.facs import AUS
from board.core.files import write_npz
from board.core.reading import read_arrays
from qnn.data.soft_labels import FORMAT, TEACHES, apply, digests, read, targets


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    labels = soft_labels()
    labels.save(tmp_path / "labels.npz")
    again = read(tmp_path / "labels.npz")
    for name in labels.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(labels, name))
    assert (again.data, again.teacher_sha256) == ("Test", "0" * 64)


def test_one_in_twenty_neutral_training_faces_reaches_a_half() -> None:
    labels = soft_labels(2000)
    made = targets(labels)
    neutral = made[labels.training & labels.neutral]
    for au in TEACHES:
        own = neutral[:, AUS.index(au)]
        assert abs((own > 0.5).mean() - 0.05) < 0.002, "of so many faces a quantile is one face off at most"
        assert abs((own == 0).mean() - 0.5) < 0.002
        assert abs((made[labels.training, AUS.index(au)] == 1).mean() - 0.01) < 0.002


def test_more_is_never_less() -> None:
    labels = soft_labels(500)
    made = targets(labels)
    for au in (au for au in TEACHES if au > 2):  # brows decide in AU1 and AU2 too
        order = np.argsort(labels.blendshapes[1:, column(au)].astype(float).mean(1))
        assert (np.diff(made[1:, AUS.index(au)][order]) >= 0).all()


def test_what_the_teacher_does_not_see_is_unknown() -> None:
    made = targets(soft_labels())
    assert np.isnan(made[0]).all(), "it found nothing there"
    unknown = {au for au, own in zip(AUS, made[1:].T, strict=True) if np.isnan(own).all()}
    assert unknown == {6, 9}
    assert not np.isnan(np.delete(made[1:], [AUS.index(6), AUS.index(9)], axis=1)).any()


def test_a_higher_inner_brow_tells_au1_from_au2() -> None:
    labels = soft_labels()
    blendshapes, brows = labels.blendshapes.copy(), labels.brows.copy()
    blendshapes[1:4] = 0.35
    brows[1:4] = (0.3, 0.1), (0.1, 0.3), (0.2, 0.2)
    one, two = targets(replace(labels, blendshapes=blendshapes, brows=brows))[1:4, [AUS.index(1), AUS.index(2)]].T
    assert one[0] > one[2] > one[1] and two[1] > two[2] > two[0]


def test_validation_faces_do_not_set_the_scale() -> None:
    labels = soft_labels()
    blendshapes = labels.blendshapes.copy()
    valid = labels.splits == "valid"
    blendshapes[valid] = 1
    changed = targets(replace(labels, blendshapes=blendshapes))
    np.testing.assert_array_equal(changed[~valid], targets(labels)[~valid])
    assert (changed[valid][:, AUS.index(12)] == 1).all()


def test_without_a_training_split_all_faces_set_the_scale() -> None:
    labels = replace(soft_labels(), splits=np.full(200, ""))
    made = targets(labels)
    assert abs((made[labels.found & labels.neutral, AUS.index(12)] > 0.5).mean() - 0.05) < 0.01


def test_another_datasets_scale() -> None:
    labels = replace(soft_labels(50, seed=1), neutral=np.zeros(50, bool), data="Pictures")
    with pytest.raises(
        ValueError, match="at least 20 neutral training faces with landmarks, got 0 of 50 faces of Pict"
    ):
        targets(labels)
    known = soft_labels()
    both = replace(
        known,
        digests=np.concatenate([known.digests, labels.digests]),
        found=np.concatenate([known.found, labels.found]),
        blendshapes=np.concatenate([known.blendshapes, labels.blendshapes]),
        brows=np.concatenate([known.brows, labels.brows]),
        neutral=np.concatenate([known.neutral, labels.neutral]),
        splits=np.concatenate([known.splits, np.full(50, "valid")]),
    )
    np.testing.assert_array_equal(targets(labels, known), targets(both)[200:])


def test_faces_are_found_by_their_pixels() -> None:
    labels, pixels = soft_labels(), faces(200)
    order = np.random.default_rng(3).permutation(200)[:50]
    made = apply(unlabelled(pixels[order]), labels)
    np.testing.assert_array_equal(made.labels, targets(labels)[order])
    strangers = np.concatenate([pixels[5:6], pixels[6:7] ^ 1])
    found = apply(unlabelled(strangers), labels).labels
    np.testing.assert_array_equal(found[0], targets(labels)[5])
    assert np.isnan(found[1]).all()


def test_colours_count() -> None:
    rgb = np.repeat(faces(1)[..., np.newaxis], 3, axis=3)
    assert (digests(rgb) != digests(faces(1))).any()


def test_other_faces_and_other_aus_are_refused() -> None:
    with pytest.raises(ValueError, match="got 200 of Test that match 0 of 3 faces: label these with `auflow label`"):
        apply(unlabelled(faces(3) ^ np.uint8(1)), soft_labels())
    with pytest.raises(ValueError, match=r"soft labels are of AUs 1, 2, 4, .* got faces with \(12,\)"):
        apply(unlabelled(faces(3), (12,)), soft_labels())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": np.array("auflow-labels-9")}, f"format of a label file must be {FORMAT}, got 'auflow-labels-9'"),
        ({"found": np.zeros(7, bool)}, r"need found of bool_? \(200,\), got bool \(7,\)"),
        ({"blendshapes": np.zeros((200, 52))}, r"need blendshapes of float16 \(200, 52\), got float64"),
        ({"brows": np.full((200, 2), np.nan, np.float32)}, "need finite brows of every face that was found"),
        ({"digests": None}, "of the form that this version knows, got no 'digests'"),
    ],
)
def test_another_file_is_one_sentence(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = tmp_path / "labels.npz"
    soft_labels().save(file)
    arrays = {**read_arrays(file, "", ""), **change}
    write_npz(file, {name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=rf"{said}.* in {file}: write it anew with `auflow label`"):
        read(file)
