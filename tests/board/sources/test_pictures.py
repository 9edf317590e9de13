# SPDX-License-Identifier: Apache-2.0
"""Pictures of every kind are read as a viewer shows them, and a folder says what it leaves out."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources.folder import list_folder, pictures_in
from board.sources.open_source import open_source, open_sources
from board.sources.pictures import PictureSource, read_picture


def scene(height: int = 48, width: int = 64) -> np.ndarray:
    """A picture whose corners differ, RGB."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.arange(width) * 3
    picture[..., 1] = (np.arange(height) * 4)[:, np.newaxis]
    picture[: height // 2, : width // 2, 2] = 200
    return picture


def write(path: Path, picture: np.ndarray) -> Path:
    """A file of an RGB, RGBA or grey picture."""
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    assert cv2.imwrite(str(path), picture if picture.ndim == 2 else cv2.cvtColor(picture, codes[picture.shape[2]]))
    return path


def turned_jpeg(path: Path, orientation: int) -> None:
    """Write a JPEG whose camera says that it lies on its side."""
    tag = struct.pack(">HHHIHH", 1, 0x0112, 3, 1, orientation, 0) + bytes(4)
    segment = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + tag
    coded = cv2.imencode(".jpg", scene()[..., ::-1])[1].tobytes()
    path.write_bytes(coded[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + coded[2:])


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_colours_and_grey_are_those_of_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    coded = cv2.imencode(suffix, scene()[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else [])[1]
    path.write_bytes(coded.tobytes())
    np.testing.assert_array_equal(read_picture(path), scene())
    np.testing.assert_array_equal(read_picture(path, colour=False), cv2.cvtColor(scene(), cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_give_the_upper_8(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"x{suffix}", scene().astype(np.uint16) * 257)
    write(tmp_path / f"grey{suffix}", scene()[..., 0].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_picture(tmp_path / f"x{suffix}"), scene())
    np.testing.assert_array_equal(read_picture(tmp_path / f"grey{suffix}", colour=False), scene()[..., 0])


def test_one_bit_gives_black_and_white(tmp_path: Path) -> None:
    dots = (np.random.default_rng(0).random((48, 64)) < 0.5).astype(np.uint8)
    (tmp_path / "x.pbm").write_bytes(b"P4\n64 48\n" + np.packbits(1 - dots, axis=1).tobytes())
    np.testing.assert_array_equal(read_picture(tmp_path / "x.pbm", colour=False), 255 * dots)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(dots, axis=1))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 64, 48, 1, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(of)) + name + of + struct.pack(">I", zlib.crc32(name + of)) for name, of in parts)
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    np.testing.assert_array_equal(read_picture(tmp_path / "x.png")[..., 1], 255 * dots)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_what_is_transparent_is_white(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("board.sources.pictures.ROWS", 20)  # of 48
    layers = np.dstack([scene(), np.full((48, 64), 255, np.uint8)])
    layers[:, 32:, 3] = 0
    layers[:24, 16:32, 3] = 51  # a fifth
    path = tmp_path / f"x{suffix}"
    quality = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    path.write_bytes(cv2.imencode(suffix, cv2.cvtColor(layers, cv2.COLOR_RGBA2BGRA), quality)[1].tobytes())
    seen = read_picture(path)
    np.testing.assert_array_equal(seen[:, :16], scene()[:, :16])
    assert (seen[:, 32:] == 255).all()
    expected = 255 + (scene()[:24, 16:32].astype(float) - 255) / 5
    assert np.abs(seen[:24, 16:32] - expected).max() <= 0.51


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (6, 3), (3, 2), (8, 1)])
@pytest.mark.parametrize("colour", [True, False])
def test_a_phones_picture_stands_upright(tmp_path: Path, orientation: int, turns: int, colour: bool) -> None:
    turned_jpeg(tmp_path / "x.jpg", orientation)
    upright = np.rot90(scene(), turns)
    seen = read_picture(tmp_path / "x.jpg", colour)
    assert seen.shape[:2] == upright.shape[:2]
    expected = upright if colour else cv2.cvtColor(np.ascontiguousarray(upright), cv2.COLOR_RGB2GRAY)
    assert np.abs(seen.astype(int) - expected).mean() < 4


def test_every_page_of_a_tiff_is_a_picture(tmp_path: Path) -> None:
    pages = [np.full((48, 64, 3), level, np.uint8) for level in (10, 100, 200)]
    cv2.imwritemulti(str(tmp_path / "scan.tif"), pages)
    write(tmp_path / "single.tif", scene())
    source = open_source(str(tmp_path))
    assert source.count == 4
    frames = list(source.frames())
    assert [frame.source for frame in frames] == ["scan.tif#1", "scan.tif#2", "scan.tif#3", "single.tif"]
    assert [source.name_of(index) for index in range(5)] == [*(frame.source for frame in frames), ""]
    levels = [int(frame.picture[0, 0, 0]) for frame in frames[:3] if frame.picture is not None]
    assert levels == [10, 100, 200]
    (page,) = open_source(str(tmp_path / "scan.tif"), every=2, colour=False).frames(start=1)
    assert page.picture is not None and page.picture.shape == (48, 64) and page.source == "scan.tif#3"


def test_a_folder_reads_all_spellings_and_tells_the_rest(tmp_path: Path) -> None:
    content = write(tmp_path / "a.jpg", scene()).read_bytes()
    for name in ("b.JPG", "c.jfif", "d.Jpeg", "IMG.HEIC", "e.jpg.part", "none"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "._a.jpg").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X        ")
    (tmp_path / ".DS_Store").write_bytes(bytes(9))
    (tmp_path / "lies.png").write_bytes(content)
    (tmp_path / "heic.jpg").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "sub").mkdir()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
    write_video(tmp_path / "v.avi")
    write_video(tmp_path / "w.jpg.avi").rename(tmp_path / "w.jpg")  # its content is a video's
    assert [file.name for file in pictures_in(tmp_path)] == ["a.jpg", "b.JPG", "c.jfif", "d.Jpeg", "lies.png"]
    source = open_source(str(tmp_path))
    assert all(frame.picture is not None for frame in source.frames())
    told = (
        "1 .avi, 1 .heic, 2 .jpg, 1 .part, 1 broken link or no plain file, 1 folder (--recursive reads it too),"
        " 1 without a suffix"
    )
    assert source.left_out == [f"left out of {tmp_path}: {told}"]


def write_video(path: Path, frames: int = 3) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (80, 64))
    for index in range(frames):
        writer.write(np.full((64, 80, 3), 20 * index, np.uint8))
    writer.release()
    return path


def test_folders_in_folders_are_read_once(tmp_path: Path) -> None:
    for name in ("a.png", "sub/b.png", "sub/deep/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, scene())
    (tmp_path / "sub/deep/loop").symlink_to(tmp_path)
    (source,) = open_sources([str(tmp_path)], recursive=True)
    assert [frame.source for frame in source.frames()] == ["a.png", "sub/b.png", "sub/deep/c.png"]
    assert source.left_out == []
    assert len(list_folder(tmp_path).pictures) == 1


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "x.heic").touch()
    with pytest.raises(ValueError, match=r"must hold some .* found none in .*: left out of .*: 1 \.heic"):
        open_source(str(tmp_path))


def test_a_pipe_is_refused_and_stops_no_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.jpg")
    write(tmp_path / "a.png", scene())
    with pytest.raises(ValueError, match="which is no plain file"):
        open_source(str(tmp_path / "p.jpg"))
    assert open_source(str(tmp_path)).count == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_picture_that_may_not_be_read_has_its_row(tmp_path: Path) -> None:
    write(tmp_path / "a.png", scene()).chmod(0)
    (frame,) = open_source(str(tmp_path)).frames()
    assert frame.picture is None and "a.png" in frame.error


def test_a_damaged_tiff_has_its_row(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "scan.tif"), [scene(), scene()])
    content = (tmp_path / "scan.tif").read_bytes()
    (tmp_path / "scan.tif").write_bytes(content[: len(content) // 3])
    (frame,) = PictureSource([tmp_path / "scan.tif"], "scan.tif").frames()
    assert frame.picture is None and "scan.tif" in frame.error


def test_a_picture_that_announces_more_pixels_than_any_has_takes_no_memory(tmp_path: Path) -> None:
    """OpenCV takes memory for all of them before it looks for the first: a damaged PNG of 6 kB took 3 GB."""
    path = write(tmp_path / "x.png", scene())
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 17_000, 17_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"one that OpenCV takes, got .*x\.png, which is too large"):
        read_picture(path)
