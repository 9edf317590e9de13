# SPDX-License-Identifier: Apache-2.0
"""The teacher: how a face is shown to it, what is measured on its landmarks, and MediaPipe itself where it is."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from teachers import landmarks, unlabelled

from board.core.files import sha256
from qnn.data.example import example_faces
from qnn.data.labelling import label, see
from qnn.data.teacher import INSTALL, MODEL_SHA256, MediaPipe, brow_heights, enlarged, model_digest


def test_a_face_stands_in_the_middle_of_its_repeated_edge() -> None:
    face = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    shown = enlarged(face)
    assert shown.shape == (360, 360, 3) and shown.dtype == np.uint8
    assert (shown == shown[..., :1]).all(), "grey"
    middle = shown[60:300, 60:300, 0]
    np.testing.assert_array_equal(middle, cv2.resize(face, (240, 240), interpolation=cv2.INTER_CUBIC))
    np.testing.assert_array_equal(shown[:60, 60:300, 0], np.repeat(middle[:1], 60, axis=0))
    np.testing.assert_array_equal(shown[60:300, 300:, 0], np.repeat(middle[:, -1:], 60, axis=1))


def test_colours_stay_in_their_order() -> None:
    shown = enlarged(np.full((48, 48, 3), (10, 20, 30), np.uint8))
    assert (shown == (10, 20, 30)).all()


@pytest.mark.parametrize("turn_deg", [0, 20, -35])
def test_brow_heights_do_not_depend_on_place_size_or_lean(turn_deg: int) -> None:
    points = landmarks(0.22, 0.31)
    turn = np.deg2rad(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (3 * points @ rotation.T + (0.2, -0.1)).astype(np.float32)
    np.testing.assert_allclose(brow_heights(moved), (0.22, 0.31), atol=1e-5)  # float32 coordinates


def test_a_higher_brow_is_more() -> None:
    assert (brow_heights(landmarks(0.3, 0.4)) > brow_heights(landmarks(0.2, 0.3))).all()


def test_an_unknown_model_is_told_with_both_digests(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = tmp_path / "other.task"
    model.write_bytes(b"other")
    with caplog.at_level(logging.WARNING, "auflow"):
        assert model_digest(model) == sha256(b"other")
    assert str(model) in caplog.text and sha256(b"other") in caplog.text and MODEL_SHA256 in caplog.text
    with pytest.raises(ValueError, match=rf"must be a file, got none at {tmp_path}/none.task"):
        model_digest(tmp_path / "none.task")


def test_without_mediapipe_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(
        RuntimeError, match=r"labels need MediaPipe.*: pip install --no-deps mediapipe==[\d.]+ certifi$"
    ):
        MediaPipe(Path("face_landmarker.task"))
    pins = (Path(__file__).parents[3] / "requirements" / "label-nodeps.txt").read_text()
    assert {word.partition("==")[0] for word in INSTALL.split()[3:]} == set(re.findall(r"^(\w+)==", pins, re.MULTILINE))
    assert next(line for line in pins.splitlines() if line.startswith("mediapipe==")) in INSTALL


@pytest.fixture
def real() -> Path:
    """Where MediaPipe's model lies."""
    return Path(os.environ["AUFLOW_LANDMARKER"])


@pytest.mark.mediapipe
def test_mediapipe_sees_the_astronaut_smile(real: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert model_digest(real) == MODEL_SHA256 and not caplog.text
    landmarker = MediaPipe(real)
    try:
        seen = see(landmarker, np.concatenate([example_faces(), np.zeros((1, 48, 48, 3), np.uint8)]))
    finally:
        landmarker.close()
    assert seen["found"].tolist() == [True, False]
    smile, press = seen["blendshapes"][0, [44, 36]]
    assert smile > 0.5 > press
    assert (seen["brows"][0] > 0.1).all() and (seen["brows"][0] < 0.4).all()
    assert np.isnan(seen["blendshapes"][1]).all()


@pytest.mark.mediapipe
def test_another_file_is_no_model(real: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.task"
    cut.write_bytes(real.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=f"must be a face landmarker, got {cut}: "):
        MediaPipe(cut)


@pytest.mark.mediapipe
def test_processes_see_the_same(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces, seen = unlabelled(example_faces(130)[..., 0]), []
    for workers in (1, 2):
        monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / str(workers)))
        seen.append(label(faces, "Test", real, workers, False))
    one, two = seen
    for name in ("found", "blendshapes", "brows"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.found.mean() > 0.9
