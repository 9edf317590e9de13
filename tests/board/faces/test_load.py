# SPDX-License-Identifier: Apache-2.0
"""Faces come out of every kind of file, and every bad file gives one sentence."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from finders import yunet
from scenes import astronaut

from board.faces.crop import cut_face, to_grey
from board.faces.find import Face
from board.faces.load import load_faces


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)


def never(picture: np.ndarray) -> list[Face]:
    """Finds nothing."""
    return []


def write(path: Path, picture: np.ndarray) -> Path:
    """Write an RGB or grey picture."""
    bgr = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(path), bgr)
    return path


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_large_picture(tmp_path: Path, colour: str) -> None:
    picture = astronaut()
    (face,) = yunet().search_still(picture)
    assert face.roll_deg
    expected = cut_face(picture, face.box, 0.1, colour, face.roll_deg)[np.newaxis]
    path = write(tmp_path / "astronaut.png", picture)
    search = yunet().search_still
    np.testing.assert_array_equal(load_faces(path, search, colour=colour, margin=0.1), expected)
    frontal = cut_face(picture, face.box, 0.1, colour)[np.newaxis]
    np.testing.assert_array_equal(load_faces(path, search, colour=colour, margin=0.1, upright=False), frontal)


def test_grey_picture(tmp_path: Path) -> None:
    grey = to_grey(astronaut())
    got = load_faces(write(tmp_path / "grey.png", grey), yunet().search_still)
    (face,) = yunet().search_still(np.repeat(grey[..., np.newaxis], 3, axis=2))  # as pictures are read
    np.testing.assert_array_equal(got, cut_face(grey, face.box, roll_deg=face.roll_deg)[np.newaxis])


def test_face_sized_picture_is_taken_as_it_is(tmp_path: Path, faces: np.ndarray) -> None:
    path = write(tmp_path / "face.png", faces[1])
    np.testing.assert_array_equal(load_faces(path, never, colour="rgb"), faces[1:2])


def test_folder_in_the_order_of_names(tmp_path: Path, faces: np.ndarray) -> None:
    for name, picture in zip(("c.png", "a.bmp", "b.PNG"), faces, strict=True):
        write(tmp_path / name, picture)
    (tmp_path / "label.csv").write_text("not a picture")
    np.testing.assert_array_equal(load_faces(tmp_path, never, colour="rgb"), faces[[1, 2, 0]])
    np.testing.assert_array_equal(load_faces(tmp_path, never, 2, colour="rgb"), faces[[1, 2]])


def test_arrays(tmp_path: Path, faces: np.ndarray) -> None:
    np.save(tmp_path / "rgb.npy", faces)
    np.savez(tmp_path / "rgb.npz", anything=faces)
    np.save(tmp_path / "grey.npy", faces[..., 0])
    for name in ("rgb.npy", "rgb.npz"):
        np.testing.assert_array_equal(load_faces(tmp_path / name, never, colour="rgb"), faces)
    grey = load_faces(tmp_path / "grey.npy", never, 2)
    np.testing.assert_array_equal(grey, np.repeat(faces[:2, ..., :1], 3, axis=3))


def corrupt(path: Path) -> Path:
    path = path / "corrupt.jpg"
    path.write_bytes(cv2.imencode(".jpg", astronaut())[1].tobytes()[:400])
    return path


def empty(path: Path) -> Path:
    path = path / "empty.png"
    path.touch()
    return path


def text(path: Path) -> Path:
    path = path / "text.png"
    path.write_text("this is no picture")
    return path


def array(content: np.ndarray) -> Callable[[Path], Path]:
    def save(path: Path) -> Path:
        np.save(path / "faces.npy", content)
        return path / "faces.npy"

    return save


def two_arrays(path: Path) -> Path:
    np.savez(path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    return path / "two.npz"


def broken_array(name: str, content: bytes) -> Callable[[Path], Path]:
    def save(path: Path) -> Path:
        (path / name).write_bytes(content)
        return path / name

    return save


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (corrupt, "a picture must be a file OpenCV reads, got .*corrupt.jpg: copy it again, or save it as PNG or JPEG"),
        (text, "a picture must be a file OpenCV reads, got .*text.png"),
        (empty, "a picture must hold data, got the empty file .*empty.png"),
        (lambda path: write(path / "wall.png", np.full((300, 300), 9, np.uint8)), "found none in .*wall.png"),
        (lambda path: write(path / "tiny.png", np.zeros((47, 90), np.uint8)), "48x48 pixels, got 90x47 in"),
        (lambda path: path / "missing.png", "got .*missing.png, which is missing"),
        (lambda path: path, "a folder of pictures must hold some"),
        (array(np.zeros((2, 32, 32), np.uint8)), r"got uint8 \(2, 32, 32\) in .*faces.npy"),
        (array(np.zeros((48, 48), np.uint8)), r"got uint8 \(48, 48\)"),
        (array(np.zeros((2, 48, 48, 1), np.uint8)), r"got uint8 \(2, 48, 48, 1\)"),
        (array(np.zeros((2, 48, 48))), r"got float64 \(2, 48, 48\)"),
        (array(np.array(3, np.uint8)), r"got uint8 \(\)"),
        (array(np.zeros((0, 48, 48), np.uint8)), "faces must be at least one, got none"),
        (array(np.array([{}])), "must be a plain array, got Python objects in .*faces.npy"),
        (two_arrays, r"must hold one array, got 2 \(a, b\)"),
        (broken_array("cut.npz", b"PK\x03\x04"), "must be an .npz of plain arrays, got .*cut.npz"),
        (broken_array("none.npy", b""), "must be a plain array, got .*none.npy"),
    ],
)
def test_bad_files(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load_faces(make(tmp_path), never)
    assert "\n" not in str(caught.value)


def test_too_few(tmp_path: Path, faces: np.ndarray) -> None:
    np.save(tmp_path / "faces.npy", faces)
    with pytest.raises(ValueError, match=r"need 4 faces, got 3 from .*faces\.npy: ask for fewer"):
        load_faces(tmp_path / "faces.npy", never, 4)
    with pytest.raises(ValueError, match="need a count of at least 1, got 0"):
        load_faces(tmp_path / "faces.npy", never, 0)
