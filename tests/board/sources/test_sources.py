# SPDX-License-Identifier: Apache-2.0
"""Every kind of input gives all of its frames in order, and says what is wrong with those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources.open_source import open_source, open_sources
from board.sources.pictures import PictureSource
from board.sources.video import VideoSource


def pictures(count: int, height: int = 64, width: int = 80) -> np.ndarray:
    """Plain pictures, each of another brightness, (count, height, width, 3)."""
    levels = (np.arange(count) * 5 % 250).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Thirty frames of rising brightness at 20 per second."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (80, 64))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no video")
    for picture in pictures(30):
        writer.write(picture)
    writer.release()
    return path


def test_a_video_gives_every_frame_with_its_time(video: Path) -> None:
    source = open_source(str(video))
    assert (source.count, source.fps, source.live, source.moving) == (30, 20.0, False, True)
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.timestamp_s for frame in frames] == [index / 20 for index in range(30)]
    for frame, picture in zip(frames, pictures(30), strict=True):
        assert frame.picture is not None and frame.error == ""
        assert abs(int(frame.picture.mean()) - int(picture[0, 0, 0])) <= 2  # JPEG


def test_a_resumed_video_goes_on_with_the_same_frames(video: Path) -> None:
    whole, rest = list(VideoSource(video).frames()), list(VideoSource(video).frames(start=17))
    assert [frame.index for frame in rest] == list(range(17, 30))
    for one, other in zip(whole[17:], rest, strict=True):
        assert one.picture is not None and other.picture is not None
        np.testing.assert_array_equal(one.picture, other.picture)


def test_a_video_that_was_cut_off_gives_what_it_holds_and_says_so(
    video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = video.read_bytes()
    index = content.index(b"idx1")
    video.write_bytes(content[: index // 2])
    source = VideoSource(video)
    if source.count is None or source.count < 30:
        pytest.skip("this OpenCV counts the frames that are there, not the header's")
    frames = list(source.frames())
    assert 0 < len(frames) < 20 and all(frame.picture is not None for frame in frames)
    told = f"ends at {frames[-1].timestamp_s:.2f} s after {len(frames)} frames, its header announces 30: copy it again"
    assert caplog.messages == [f"video.avi {told}"]


@pytest.mark.parametrize(("lost", "is_told"), [(2, False), (3, True), (10, True)])
def test_a_video_may_lack_a_fiftieth_of_what_its_header_announces(
    lost: int, is_told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Some headers count one or two more than there are; a tenth less is a film that was cut off."""
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (80, 64))
    for _ in range(100 - lost):
        writer.write(np.zeros((64, 80, 3), np.uint8))
    writer.release()
    source = VideoSource(tmp_path / "film.avi")
    monkeypatch.setattr(source, "_announced", 100)
    assert len(list(source.frames())) == 100 - lost
    assert any("its header announces 100: copy it again" in said for said in caplog.messages) == is_told


def test_colours_come_as_rgb(tmp_path: Path) -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 2] = 255  # OpenCV's order
    cv2.imwrite(str(tmp_path / "red.png"), red)
    (frame,) = open_source(str(tmp_path / "red.png")).frames()
    assert frame.picture is not None
    assert frame.picture[0, 0].tolist() == [255, 0, 0]
    writer = cv2.VideoWriter(str(tmp_path / "red.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 64))
    for _ in range(3):
        writer.write(red)
    writer.release()
    for frame in open_source(str(tmp_path / "red.avi")).frames():
        assert frame.picture is not None
        assert frame.picture[0, 0, 0] > 240 and frame.picture[0, 0, 2] < 20


def test_a_folder_gives_its_pictures_by_name_and_the_broken_one_with_its_reason(tmp_path: Path) -> None:
    for name, picture in zip("ac", pictures(2), strict=True):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").touch()
    source = open_source(str(tmp_path))
    assert (source.count, source.moving, source.live) == (3, False, False)
    frames = list(source.frames())
    assert [frame.source for frame in frames] == ["a.png", "b.jpg", "c.png"]
    assert frames[1].picture is None and "must be a file OpenCV reads" in frames[1].error
    assert [(frame.index, frame.source) for frame in source.frames(start=2)] == [(2, "c.png")]


@pytest.mark.parametrize("shape", [(3, 64, 80), (3, 64, 80, 3)])
def test_an_array_gives_its_pictures(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", anything=array)
    frames = [frame for name in ("x.npy", "x.npz") for frame in open_source(str(tmp_path / name)).frames()]
    for frame, picture in zip(frames, [*array, *array], strict=True):
        assert frame.picture is not None and frame.picture.shape == (64, 80, 3)
        np.testing.assert_array_equal(frame.picture[..., 1], picture if picture.ndim == 2 else picture[..., 1])


def refusals(folder: Path) -> dict[str, str]:
    """Inputs that cannot be, and what is said of them."""
    (folder / "empty").mkdir()
    (folder / "nothing.mp4").touch()
    (folder / "text.mp4").write_text("no video " * 99)
    (folder / "text.png").write_text("no picture")
    (folder / "text.npy").write_text("no array")
    (folder / "text.docx").write_text("no idea")
    return {
        "missing.mp4": "got .*missing.mp4, which is missing",
        "empty": "a folder of pictures must hold some",
        "nothing.mp4": "must hold data, got the empty file",
        "text.mp4": "a video must be a file that OpenCV decodes",
        "text.png": "a picture must be a file OpenCV reads",
        "text.npy": "a numpy file must be a plain array",
        "text.docx": "the input must be a picture, a folder of pictures, a video",
    }


@pytest.mark.parametrize(
    "name", ["missing.mp4", "empty", "nothing.mp4", "text.mp4", "text.png", "text.npy", "text.docx"]
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    message = refusals(tmp_path)[name]
    with pytest.raises(ValueError, match=message):
        open_source(str(tmp_path / name))


def test_an_empty_name_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), pictures(1)[0])
    monkeypatch.chdir(tmp_path)
    for opened in (open_source, lambda spec: open_sources([spec])):
        with pytest.raises(ValueError, match=r"the input must be a picture, .*, got an empty name"):
            opened("")


def test_a_single_picture_is_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), pictures(1)[0])
    source = open_source(str(tmp_path / "x.png"))
    assert isinstance(source, PictureSource) and source.count == 1
