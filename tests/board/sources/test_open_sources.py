# SPDX-License-Identifier: Apache-2.0
"""Several inputs and folders of videos: one source for each, told apart by name and by content."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources.array import ArraySource
from board.sources.open_source import open_source, open_sources
from board.sources.selection import Selection, parse_time


def video(path: Path, frames: int = 5, level: int = 10) -> Path:
    """Plain frames at 20 per second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (80, 64))
    for _ in range(frames):
        writer.write(np.full((64, 80, 3), level, np.uint8))
    writer.release()
    return path


def picture(path: Path, level: int = 10) -> Path:
    """A plain picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((64, 80, 3), level, np.uint8))
    return path


def names(specs: list[Path], **options: bool) -> list[list[str]]:
    """`Frame.source` of every frame, source by source."""
    return [
        [frame.source for frame in source.frames()]
        for source in open_sources([str(spec) for spec in specs], **options)  # type: ignore[arg-type]
    ]


def test_each_video_of_a_folder_is_a_source_after_its_pictures(tmp_path: Path) -> None:
    video(tmp_path / "b.avi", 2)
    video(tmp_path / "a.avi", 3)
    picture(tmp_path / "z.png")
    picture(tmp_path / "y.png")
    np.save(tmp_path / "c.npy", np.zeros((2, 64, 80), np.uint8))
    (tmp_path / "notes.txt").touch()
    sources = open_sources([str(tmp_path)])
    assert [source.moving for source in sources] == [False, True, True, False]
    assert names([tmp_path]) == [["y.png", "z.png"], ["a.avi"] * 3, ["b.avi"] * 2, ["c.npy"] * 2]
    assert [frame.index for frame in sources[2].frames()] == [0, 1]  # counts within its source
    assert [source.left_out for source in sources] == [[f"left out of {tmp_path}: 1 .txt"], [], [], []]


def test_files_of_one_name_are_called_by_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for session in ("session1", "session2"):
        video(tmp_path / session / "cam.avi", 2)
    video(tmp_path / "session1" / "other.avi", 1)
    monkeypatch.chdir(tmp_path)
    seen = [["session1/cam.avi"] * 2, ["other.avi"], ["session2/cam.avi"] * 2]
    assert names([Path("session1"), Path("session2")]) == seen
    assert names([Path(".")], recursive=True) == seen
    assert open_sources(["session1/cam.avi"])[0].name_of(0) == "cam.avi"
    picture(Path("a/x.png"))
    picture(Path("b/x.png"))
    assert names([Path("a"), Path("b")]) == [["a/x.png"], ["b/x.png"]]


def test_pictures_that_are_named_one_by_one_are_one_source(tmp_path: Path) -> None:
    files = [picture(tmp_path / f"{name}.png") for name in "abc"]
    clip = video(tmp_path / "v.avi", 1)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert names([*files, tmp_path / "bad.png"]) == [["a.png", "b.png", "c.png", "bad.png"]]
    assert names([files[0], clip, files[1]]) == [["a.png"], ["v.avi"], ["b.png"]]
    with pytest.raises(ValueError, match="a picture must be a file OpenCV reads"):
        open_sources([str(tmp_path / "bad.png")])


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    clip = video(tmp_path / "v.avi", 1)
    (tmp_path / "link.avi").symlink_to(clip)
    assert names([clip, tmp_path, clip, tmp_path / "link.avi"]) == [["v.avi"]]
    still = picture(tmp_path / "a.png")
    assert names([still, tmp_path]) == [["a.png"], ["link.avi"]]


def test_a_video_that_does_not_open_is_left_out_of_its_folder(tmp_path: Path) -> None:
    video(tmp_path / "b.avi", 1)
    (tmp_path / "a.mp4").write_bytes(b"no video" * 99)
    (source,) = open_sources([str(tmp_path)])
    (told,) = source.left_out
    assert told.startswith(
        f"left out of {tmp_path}: a video must be a file that OpenCV decodes, got {tmp_path / 'a.mp4'}"
    )
    (tmp_path / "b.avi").unlink()
    with pytest.raises(ValueError, match="a video must be a file that OpenCV decodes"):
        open_sources([str(tmp_path)])


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must hold some"):
        open_sources([str(tmp_path)])
    with pytest.raises(ValueError, match="got none"):
        open_sources([])


def test_fingerprints_tell_content_and_options_apart(tmp_path: Path) -> None:
    one = video(tmp_path / "1" / "cam.avi", 5)
    same = tmp_path / "2" / "cam.avi"
    same.parent.mkdir()
    same.write_bytes(one.read_bytes())
    longer, darker = video(tmp_path / "3" / "cam.avi", 6), video(tmp_path / "4" / "cam.avi", 5, 9)
    assert open_source(str(one)).fingerprint == open_source(str(same)).fingerprint
    found = {open_source(str(path)).fingerprint for path in (one, longer, darker)}
    found |= {open_source(str(one), colour=False).fingerprint, open_source(str(one), every=2).fingerprint}
    found |= {open_source(str(one), start_s=0.1).fingerprint, open_source(str(one), end_s=0.1).fingerprint}
    for folder in ("p", "q"):
        picture(tmp_path / folder / "a.png")
        picture(tmp_path / folder / "b.png")
    assert len({open_source(str(tmp_path / folder)).fingerprint for folder in ("p", "q")}) == 1
    found.add(open_source(str(tmp_path / "p")).fingerprint)
    (tmp_path / "q" / "b.png").rename(tmp_path / "q" / "c.png")
    found.add(open_source(str(tmp_path / "q")).fingerprint)
    for array in (np.zeros((9, 8, 8), np.uint8), np.ones((9, 8, 8), np.uint8), np.zeros((9, 4, 16), np.uint8)):
        found.add(ArraySource(array, "x").fingerprint)
        np.save(tmp_path / "x.npy", array)
        found.add(open_source(str(tmp_path / "x.npy")).fingerprint)
    assert len(found) == 7 + 2 + 6
    assert all(len(fingerprint) == 64 for fingerprint in found)


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"start_s": 0.15}, [3, 4, 5, 6, 7, 8, 9]),
        ({"end_s": 0.15}, [0, 1, 2]),
        ({"start_s": 0.1, "end_s": 0.3}, [2, 3, 4, 5]),
        ({"every": 3}, [0, 3, 6, 9]),
        ({"start_s": 0.1, "end_s": 0.45, "every": 4}, [4, 8]),
        ({"start_s": 9.0}, []),
    ],
)
def test_a_part_of_a_video_keeps_indices_and_times(
    tmp_path: Path, options: dict[str, float], indices: list[int]
) -> None:
    source = open_source(str(video(tmp_path / "v.avi", 10)), **options)  # type: ignore[arg-type]
    assert [(frame.index, frame.timestamp_s) for frame in source.frames()] == [(one, one / 20) for one in indices]
    assert [frame.index for frame in source.frames(start=5)] == [one for one in indices if one >= 5]
    assert source.count == len(indices)


def test_pictures_have_no_time_to_select_by(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8), np.uint8))
    for spec in (tmp_path, tmp_path / "a.png", tmp_path / "x.npy"):
        with pytest.raises(ValueError, match="a span of time is for videos and cameras"):
            open_source(str(spec), start_s=1.0)
    assert [frame.index for frame in open_source(str(tmp_path / "x.npy"), every=2).frames()] == [0, 2]
    assert [frame.source for frame in open_source(str(tmp_path), every=2).frames()] == ["a.png"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("12.5", 12.5), ("90", 90.0), ("1:30", 90.0), ("01:02:03.25", 3723.25), ("5.", 5.0)],
)
def test_times_are_seconds_or_hours_minutes_and_seconds(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "nan", "1:2:3:4", "1:", ":1", "one", "1,5", "inf"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a time must be seconds or hh:mm:ss"):
        parse_time(text)


@pytest.mark.parametrize("values", [(None, None, 0), (-1.0, None, 1), (2.0, 2.0, 1), (None, 0.0, 1), (3.0, 1.0, 1)])
def test_a_selection_of_nothing_is_refused(values: tuple[float | None, float | None, int]) -> None:
    with pytest.raises(ValueError, match="need"):
        Selection(*values)
