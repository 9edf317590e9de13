# SPDX-License-Identifier: Apache-2.0
"""Frames come from numpy files as they are, or are refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest

from board.core.frames import load_frames, random_frames

SHAPE = (4, 6, 2)


def test_frames_come_as_they_are(tmp_path: Path) -> None:
    frames = random_frames(3, SHAPE, seed=5)
    np.save(tmp_path / "frames.npy", frames)
    np.testing.assert_array_equal(load_frames(tmp_path / "frames.npy", SHAPE), frames)
    np.testing.assert_array_equal(load_frames(tmp_path / "frames.npy", SHAPE, 2), frames[:2])
    np.save(tmp_path / "grey.npy", frames[..., 0])
    np.testing.assert_array_equal(load_frames(tmp_path / "grey.npy", (4, 6, 1)), frames[..., :1])


def test_noise_is_the_same_for_a_seed() -> None:
    np.testing.assert_array_equal(random_frames(2, SHAPE, 1), random_frames(2, SHAPE, 1))
    assert (random_frames(2, SHAPE, 1) != random_frames(2, SHAPE, 2)).any()


@pytest.mark.parametrize(
    ("frames", "complaint"),
    [
        (np.zeros((2, 4, 6, 2), np.float32), r"must be uint8 of shape \(N, 4, 6, 2\), got float32 \(2, 4, 6, 2\)"),
        (np.zeros((2, 2, 4, 6), np.uint8), r"got uint8 \(2, 2, 4, 6\)"),
        (np.zeros((0, 4, 6, 2), np.uint8), r"got uint8 \(0, 4, 6, 2\)"),
        (np.zeros((4, 6, 2), np.uint8), r"got uint8 \(4, 6, 2\)"),
        (np.zeros((1, 4, 6, 2), np.uint8), "need 2 frames, got 1"),
    ],
)
def test_other_frames_are_refused(frames: np.ndarray, complaint: str, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", frames)
    with pytest.raises(ValueError, match=complaint):
        load_frames(tmp_path / "frames.npy", SHAPE, 2)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"frames come from an .npy file, got .*, which is missing"):
        load_frames(tmp_path / "none.npy", SHAPE)
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"frames come from an .npy file, got .*photo.jpg$"):
        load_frames(tmp_path / "photo.jpg", SHAPE)
