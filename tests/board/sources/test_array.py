# SPDX-License-Identifier: Apache-2.0
"""Arrays of one picture or many, grey or coloured; what is no such array is refused in a sentence."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources.array import ArraySource, read_array
from board.sources.open_source import open_source


@pytest.mark.parametrize(
    ("shape", "count", "seen"),
    [
        ((50, 60, 3), 1, (50, 60, 3)),
        ((48, 48, 3), 1, (48, 48, 3)),
        ((50, 60), 1, (50, 60, 3)),
        ((4, 50, 60), 4, (50, 60, 3)),
        ((3, 50, 60), 3, (50, 60, 3)),  # planes are not guessed
        ((4, 50, 60, 3), 4, (50, 60, 3)),
        ((1, 50, 60, 3), 1, (50, 60, 3)),
    ],
)
def test_an_array_is_one_picture_or_many(
    tmp_path: Path, shape: tuple[int, ...], count: int, seen: tuple[int, ...]
) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "x.npy", array)
    source, grey = open_source(str(tmp_path / "x.npy")), open_source(str(tmp_path / "x.npy"), colour=False)
    assert source.count == grey.count == count
    for coloured, other in zip(source.frames(), grey.frames(), strict=True):
        assert coloured.picture is not None and coloured.picture.shape == seen
        assert other.picture is not None and other.picture.shape == seen[:2]
        np.testing.assert_array_equal(other.picture, cv2.cvtColor(coloured.picture, cv2.COLOR_RGB2GRAY))
    whole = np.stack([frame.picture for frame in source.frames() if frame.picture is not None])
    np.testing.assert_array_equal(
        whole[..., 0].ravel(), array.reshape(-1, 3)[:, 0] if shape[-1] == 3 else array.ravel()
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 9, 9), np.float32), "pictures must be uint8 of shape"),
        (np.zeros((2, 9, 9), np.bool_), "pictures must be uint8 of shape"),
        (np.zeros((2, 3, 9, 9), np.uint8), "pictures must be uint8 of shape"),
        (np.zeros((2, 9, 9, 1), np.uint8), "pictures must be uint8 of shape"),
        (np.zeros((2, 2, 9, 9, 3), np.uint8), "pictures must be uint8 of shape"),
        (np.zeros(9, np.uint8), "pictures must be uint8 of shape"),
        (np.uint8(9), "pictures must be uint8 of shape"),
        (np.zeros((9, 9, 4), np.uint8), "at least 5 pixels wide, got shape (9, 9, 4) in x, whose last axis"),
        (np.zeros((9, 9, 1), np.uint8), "at least 5 pixels wide"),
        (np.zeros((0, 9, 9), np.uint8), "must hold at least one"),
        (np.zeros((9, 0, 3), np.uint8), "must hold at least one"),
    ],
    ids=lambda one: f"{one.dtype}{one.shape}" if hasattr(one, "dtype") else "",
)
def test_another_array_is_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ArraySource(np.asarray(array), "x")


def test_a_file_that_holds_no_plain_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}, None], object), allow_pickle=True)
    np.savez_compressed(tmp_path / "x.npz", a=np.arange(9000, dtype=np.uint8).reshape(9, 100, 10))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    (tmp_path / "cut.npz").write_bytes(content[:-40])
    content[200:300] = bytes(100)
    (tmp_path / "broken.npz").write_bytes(content)
    np.savez(tmp_path / "two.npz", a=np.zeros(3), b=np.zeros(3))
    (tmp_path / "none.npz").write_bytes(b"PK\5\6" + bytes(18))
    (tmp_path / "header.npy").write_bytes(b"\x93NUMPY\1\0\x76\0{'descr': " + bytes(100))
    (tmp_path / "tail.npy").write_bytes((tmp_path / "header.npy").read_bytes() + (tmp_path / "none.npz").read_bytes())
    for name in ("objects.npy", "cut.npz", "broken.npz", "two.npz", "none.npz", "header.npy", "tail.npy"):
        with pytest.raises(ValueError, match=rf"(a numpy file must be|an \.npz of pictures must hold) .*{name}"):
            open_source(str(tmp_path / name))
    with pytest.raises(ValueError, match=r"an \.npz of plain arrays, got File is not a zip file"):  # cut, not an .npy
        read_array(tmp_path / "cut.npz")
    with pytest.raises(ValueError, match="must be a plain array"):  # whatever its end looks like
        read_array(tmp_path / "tail.npy")


@pytest.mark.parametrize(
    "error", [MemoryError(), OverflowError("int too large"), OSError(errno.ENOMEM, "Cannot allocate memory")]
)
def test_an_array_too_large_for_32_bits_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load(*_: object, **__: object) -> np.ndarray:
        raise error

    np.save(tmp_path / "x.npy", np.zeros(3))
    monkeypatch.setattr(np, "load", load)
    with pytest.raises(
        ValueError, match=r"must be a plain array, got one that does not fit into this computer's memory in .*x\.npy"
    ):
        read_array(tmp_path / "x.npy")
