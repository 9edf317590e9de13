# SPDX-License-Identifier: Apache-2.0
"""What `auflow bench` holds in memory does not grow with its video."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
from packages import write_package
from scenes import astronaut

from board.bench import SwayingVideo, measure
from board.detector import AUDetector


def test_a_bench_holds_a_few_pictures_however_long_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: set[int] = set()
    most: list[int] = []
    made = SwayingVideo.picture

    def counted(self: SwayingVideo, index: int) -> np.ndarray:
        picture = made(self, index)
        alive.add(id(picture))
        weakref.finalize(picture, alive.discard, id(picture))
        most.append(len(alive))
        return picture

    monkeypatch.setattr(SwayingVideo, "picture", counted)
    monkeypatch.setattr("board.bench._example", lambda deployment: astronaut())
    with AUDetector(write_package(tmp_path / "deploy"), "numpy") as detector:
        found = measure(detector, 60)
    assert found.pipeline.frames == 60 and len(most) == 60 * 4
    assert max(most) <= 24  # three queues of four frames, one in work in each stage, and one of each measurement


def test_a_swaying_video_is_the_same_each_time() -> None:
    one, other = (list(SwayingVideo(astronaut(), 5).frames(start=2)) for _ in range(2))
    assert [frame.index for frame in one] == [2, 3, 4]
    for first, second in zip(one, other, strict=True):
        assert first.picture is not None and second.picture is not None and first.picture.shape == (480, 640, 3)
        np.testing.assert_array_equal(first.picture, second.picture)
