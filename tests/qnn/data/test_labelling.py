# SPDX-License-Identifier: Apache-2.0
"""Labelling: every face is seen once, by runs that were killed too, and the file is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from teachers import DARK, Standin, landmarks, stand_in

from board.core.facs import AUS, EMOTIONS
from qnn.data import labelling
from qnn.data.faces import Faces
from qnn.data.labelling import FACES_PER_LOT, label
from qnn.data.soft_labels import SoftLabels, digests
from qnn.data.teacher import brow_heights, enlarged

COUNT = 2 * FACES_PER_LOT + 9


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> type[Standin]:
    """In MediaPipe's place."""
    return stand_in(monkeypatch)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the model's place, and a cache of the test alone."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(b"model")
    return path


def shaded(colour: bool = False) -> Faces:
    """Faces each of one shade, from black on, every third neutral."""
    shades = np.linspace(0, 250, COUNT).astype(np.uint8)[:, np.newaxis, np.newaxis]
    pixels = np.broadcast_to(shades, (COUNT, 48, 48)).copy()
    pixels[:, 0, 0] = np.arange(COUNT)  # no two alike
    emotions = np.where(np.arange(COUNT) % 3 == 0, EMOTIONS.index("neutral"), EMOTIONS.index("anger"))
    votes = np.eye(len(EMOTIONS), dtype=np.float32)[emotions]
    labels = np.full((COUNT, len(AUS)), np.nan, np.float32)
    none, splits = np.full(COUNT, ""), np.where(np.arange(COUNT) < 90, "train", "valid")
    if colour:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=3)
    return Faces(pixels, AUS, labels, emotions, votes, none, none, splits)


def run(model: Path, faces: Faces | None = None) -> SoftLabels:
    """Label in this process."""
    return label(shaded() if faces is None else faces, "Test", model, 1, False)


@pytest.mark.parametrize("colour", [False, True])
def test_each_face_has_what_was_seen_in_it(standin: type[Standin], model: Path, colour: bool) -> None:
    faces = shaded(colour)
    labels = run(model, faces)
    assert standin.looks == COUNT and standin.shape == (360, 360, 3)
    means = np.array([enlarged(face).mean() for face in faces.pixels])
    np.testing.assert_array_equal(labels.found, means >= DARK)
    assert 0 < labels.found.sum() < COUNT
    np.testing.assert_array_equal(labels.blendshapes[labels.found, 7], (means[labels.found] / 255).astype(np.float16))
    np.testing.assert_array_equal(labels.brows[labels.found][3], brow_heights(landmarks(0.2, 0.3)))
    assert np.isnan(labels.blendshapes[~labels.found]).all() and np.isnan(labels.brows[~labels.found]).all()
    np.testing.assert_array_equal(labels.digests, digests(faces.pixels))
    np.testing.assert_array_equal(labels.neutral, np.arange(COUNT) % 3 == 0)
    np.testing.assert_array_equal(labels.splits, faces.splits)


def test_a_killed_run_goes_on_and_writes_the_same_file(
    standin: type[Standin], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(model).save(tmp_path / "whole.npz")
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "another"))
    standin.looks, standin.most = 0, FACES_PER_LOT + 5
    with pytest.raises(KeyboardInterrupt):
        run(model)
    standin.looks, standin.most = 0, 1 << 30
    run(model).save(tmp_path / "killed.npz")
    assert standin.looks == COUNT - FACES_PER_LOT, "the first lot was done"
    assert (tmp_path / "killed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_second_run_looks_at_nothing(standin: type[Standin], model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(model)
    monkeypatch.setattr(labelling.teacher, "MediaPipe", lambda model: pytest.fail("opened it again"))
    run(model)


def test_another_model_sees_anew(standin: type[Standin], model: Path) -> None:
    run(model)
    model.write_bytes(b"another")
    run(model)
    assert standin.looks == 2 * COUNT


@pytest.mark.parametrize("damage", [b"", b"PK\3\4"])
def test_what_was_cut_short_is_seen_anew(standin: type[Standin], model: Path, tmp_path: Path, damage: bytes) -> None:
    first = run(model)
    next((tmp_path / "cache/labels").glob("*/seen.npz")).write_bytes(damage)
    again = run(model)
    assert COUNT < standin.looks <= COUNT + FACES_PER_LOT
    np.testing.assert_array_equal(again.blendshapes, first.blendshapes)
