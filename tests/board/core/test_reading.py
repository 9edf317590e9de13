# SPDX-License-Identifier: Apache-2.0
"""Reading: broken files of every kind are refused in one sentence, before memory is taken for what they announce."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from board.core import files, reading


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "a file, got none at"),
        (b"{", "JSON, got Expecting property name"),
        (b"\xff", "JSON, got 'utf-8' codec can't decode"),
        (b"[" * 100_000, "JSON, got one that is nested too deep"),
        (b'{"n": ' + b"9" * 5000 + b"}", "JSON, got Exceeds the limit"),
    ],
    ids=["missing", "cut", "not UTF-8", "deep", "long number"],
)
def test_what_is_no_json_is_told(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^a contract must be {said}.* {path}: build again$"):
        reading.read_json(path, "a contract", "build again")


def test_a_file_larger_than_its_kind_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "x.json", "wb") as file:
        file.truncate(reading.LARGEST_TEXT_BYTES + 1)
    with pytest.raises(ValueError, match="must have at most 64 MiB, got more in"):
        reading.read_json(tmp_path / "x.json", "a contract", "build again")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a file that can be read, got Is a directory for"):
        reading.read_text(tmp_path, "a contract", "build again")


def test_arrays_come_back(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "text": np.array("é"), "none": np.empty((0, 4), np.uint8)}
    files.write_npz(tmp_path / "x.npz", arrays)
    found = reading.read_arrays(tmp_path / "x.npz", "weights", "build again")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    np.save(tmp_path / "x.npy", arrays["a"])
    assert reading.read_array(tmp_path / "x.npy", "weights", "build again").tolist() == arrays["a"].tolist()


def _npy(shape: str, dtype: str = "<u1", content: bytes = b"") -> bytes:
    """An .npy of which the head says what we like."""
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_npy("(3000000000,)"), "announces 3000000000 bytes"),
        (_npy("(99999999999, 99999999999)"), "announces 9999999999800000000001 bytes"),
        (_npy("(-4,)"), "got"),
        (_npy("(2,)", "|O", b"12345678"), "got Python objects"),
        (_npy("(((("), "got"),
        (_npy("(2,)", "<f7", b"12"), "got"),
        (b"\x93NUMPY\x09\x00", "got an array of format 9.0"),
        (b"", "got"),
        (b"PK\x03\x04", "got"),
    ],
)
def test_a_broken_array_is_told_before_memory_is_taken(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^pictures must be a plain array, .*{said}.* in {path}: save it again$"):
        reading.read_array(path, "pictures", "save it again")
    packed = tmp_path / "x.npz"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(
        ValueError, match=rf"^weights must be an \.npz of plain arrays, .*{said}.* in {packed}: build again$"
    ):
        reading.read_arrays(packed, "weights", "build again")


def test_a_zip_that_unpacks_to_more_than_it_may_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGEST_ARRAYS_BYTES", 1 << 20)
    files.write_npz(tmp_path / "x.npz", {"zeros": np.zeros(2 << 20, np.uint8)})
    with pytest.raises(ValueError, match="one that unpacks to 2 MiB, more than 1"):
        reading.read_arrays(tmp_path / "x.npz", "weights", "build again")


def test_every_cut_of_an_npz_is_told(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, a=np.arange(50), b=np.array("text"))
    content = whole.getvalue()
    for end in range(0, len(content), 7):
        (tmp_path / "x.npz").write_bytes(content[:end])
        with pytest.raises(ValueError, match=r"weights must be an \.npz of plain arrays, got .*x\.npz: build again"):
            reading.read_arrays(tmp_path / "x.npz", "weights", "build again")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"x": 1}, "a build must be of the form that this version knows, got no 'steps'"),
        ({"steps": 3}, "got 'int' object"),
    ],
)
def test_what_goes_wrong_in_parsing_is_the_files_fault(tmp_path: Path, content: dict[str, int], said: str) -> None:
    path = tmp_path / "build.json"
    with (
        pytest.raises(ValueError, match=rf"{said}.* in {path}: build again"),
        reading.parsing(path, "a build", "build again"),
    ):
        list(content["steps"])  # type: ignore[call-overload] # as wrong as a file may be


def test_a_walk_that_ends_nowhere_is_the_files_fault(tmp_path: Path) -> None:
    """JSON may be read at a depth at which Python functions that walk it end."""

    def walk(content: object) -> None:
        walk([content])

    path = tmp_path / "settings.json"
    with (
        pytest.raises(ValueError, match=rf"got one that is nested too deep in {path}: train anew"),
        reading.parsing(path, "settings", "train anew"),
    ):
        walk({})


@pytest.mark.parametrize("value", [True, None, "1", float("nan"), float("inf"), -(9**3000), [1]])
def test_what_is_no_number_is_none(value: object) -> None:
    """An integer of 2,863 digits once was an OverflowError."""
    assert not reading.is_number(value)
    assert all(map(reading.is_number, (0, -1, 2**64, 1.5, 1e308)))
