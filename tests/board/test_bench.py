# SPDX-License-Identifier: Apache-2.0
"""What `auflow bench` holds in memory does not grow with its video, and its plot reads right."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packages import write_package
from scenes import astronaut

from board.bench import Bench, StageAlone, SwayingVideo, measure, plot
from board.detector import AUDetector
from board.summary import Summary


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
    # three queues of four frames, one in work in each stage and one of each measurement, and of each stage now and then
    # the one before, until it has the next: 28 of 240
    assert max(most) <= 28


def test_a_swaying_video_is_the_same_each_time() -> None:
    one, other = (list(SwayingVideo(astronaut(), 5).frames(start=2)) for _ in range(2))
    assert [frame.index for frame in one] == [2, 3, 4]
    for first, second in zip(one, other, strict=True):
        assert first.picture is not None and second.picture is not None and first.picture.shape == (480, 640, 3)
        np.testing.assert_array_equal(first.picture, second.picture)


@pytest.mark.parametrize(("inference", "latencies_s"), [(0.31, [4.75]), (0.31, [3.1, 6.4]), (4000.0, [0.0031] * 300)])
def test_labels_say_what_is_and_lie_in_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inference: float, latencies_s: list[float]
) -> None:
    """On an emulated board bars were labelled 0, and percentiles stood beside the axes."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    figures: list[Any] = []
    save = Figure.savefig

    def keep(figure: Figure, path: Path, dpi: int) -> None:
        figures.append(figure)
        save(figure, path, dpi=dpi)

    monkeypatch.setattr(Figure, "savefig", keep)
    speeds = {"faces": 600.0, "inference": inference, "inference_batched": inference, "output": 9500.0}
    alone = {name: StageAlone(speed, {}) for name, speed in speeds.items()}
    run = Summary(frames=2, seconds=2 / inference)
    run.latencies_s.extend(latencies_s)
    plot(Bench("fpga", "an emulated board", "haar", "x", 2, (640, 480), alone, run, run, 0.9), tmp_path / "bench.png")
    (figure,) = figures
    figure.draw_without_rendering()  # at the figure's own resolution
    canvas = figure.get_window_extent()
    rates, latencies = figure.axes
    labels = [text.get_text() for text in rates.texts]
    assert labels == ["600", f"{inference:,.10g}", f"{inference:,.10g}", "9,500", f"{inference:,.10g}"]
    assert [bar.get_width() > rates.get_xlim()[0] for bar in rates.patches] == [True] * 5
    for text in [*rates.texts, *latencies.get_legend().get_texts(), *rates.get_yticklabels()]:
        extent = text.get_window_extent()
        assert canvas.x0 <= extent.x0 and extent.x1 <= canvas.x1 and canvas.y0 <= extent.y0 and extent.y1 <= canvas.y1
    for text in rates.texts:
        assert text.get_window_extent().x1 <= rates.get_window_extent().x1
