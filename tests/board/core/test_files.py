# SPDX-License-Identifier: Apache-2.0
"""Files are whole or not there, errors name path and reason, and the cache has one meaning."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest

from board.core import files


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="in the middle"), files.whole(path) as partial:
        partial.write_text("half")
        raise ValueError("in the middle")
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_content_is_on_the_disk_before_it_has_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    path, fsync, synced = tmp_path / "out", os.fsync, []

    def watched(opened: int) -> None:
        assert not path.exists()
        synced.append(os.pread(opened, 99, 0))
        fsync(opened)

    monkeypatch.setattr(os, "fsync", watched)
    with files.whole(path) as partial:
        if what == "folder":
            partial.mkdir()
        (partial / "a" if what == "folder" else partial).write_bytes(b"content")
    assert synced == [b"content"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    with pytest.raises(RuntimeError, match=f"cannot write {path}: No space left on device"), files.whole(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(path.parent.iterdir()) == []


def test_a_parent_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match=r"cannot write .*file/x: \w"):
        files.write_text(tmp_path / "file" / "x", "")


def test_a_folder_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deploy"
    for content in ("first", "second"):
        with files.whole(path) as partial:
            partial.mkdir()
            (partial / content).write_text(content)
    with pytest.raises(KeyboardInterrupt), files.whole(path) as partial:
        partial.mkdir()
        raise KeyboardInterrupt
    assert [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*")] == ["deploy", "deploy/second"]


def test_the_partial_name_keeps_the_suffix_that_libraries_go_by() -> None:
    assert files.partial_name(Path("x/clip.mp4")).suffix == ".mp4"


def test_a_digest_is_sha256_of_files_and_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8193  # more than one read
    (tmp_path / "x").write_bytes(content)
    assert files.sha256(tmp_path / "x") == files.sha256(content) == hashlib.sha256(content).hexdigest()


def test_rows_come_back(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "x.csv", [["name", "n"], ("a, b", 1), {"c\nd": 0, "": 1}.keys()])
    with (tmp_path / "x.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["name", "n"], ["a, b", "1"], [r"c\nd", ""]]


def test_arrays_come_back(tmp_path: Path) -> None:
    files.write_npz(tmp_path / "x.npz", {"a": np.arange(3)})
    with np.load(tmp_path / "x.npz") as archive:
        assert archive.files == ["a"]  # numpy 1 took the option allow_pickle for an array
        np.testing.assert_array_equal(archive["a"], np.arange(3))
    with pytest.raises(ValueError, match="must hold numbers or text, got objects in 'b'"):
        files.write_npz(tmp_path / "y.npz", {"b": np.array([{}])})
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("AUFLOW_CACHE", "~/kept")
    assert files.cache_folder("models") == Path("/home/someone/kept/models")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("AUFLOW_CACHE", "")
    assert files.cache_folder("models") == Path("/home/someone/.cache/auflow/models")


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null"])
def test_without_a_home_the_cache_is_temporary_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
) -> None:
    monkeypatch.delenv(files.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files._writable.cache_clear()
    found = [files.writable_cache(name) for name in ("deployments", "finn")]
    instead = tmp_path / f"auflow-{os.getuid()}"
    assert found == [instead / "deployments", instead / "finn"] and all(folder.is_dir() for folder in found)
    assert stat.S_IMODE(instead.stat().st_mode) == 0o700
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"auflow: cannot write {home}/.cache/auflow: ") and f"{instead} serves instead" in said
    files._writable.cache_clear()


def test_a_temporary_cache_that_others_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.CACHE_VARIABLE, "/proc/none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"auflow-{os.getuid()}").mkdir()
    (tmp_path / f"auflow-{os.getuid()}").chmod(0o777)
    files._writable.cache_clear()
    with pytest.raises(RuntimeError, match=f"this user alone can write to: set {files.CACHE_VARIABLE}"):
        files.writable_cache("models")
    files._writable.cache_clear()


def test_a_cache_that_can_be_written_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "new"))
    assert files.writable_cache("models") == files.cache_folder("models") == tmp_path / "new/models"
    assert (tmp_path / "new/models").is_dir() and list((tmp_path / "new/models").iterdir()) == []


def test_a_plain_folder_has_a_path_that_every_tool_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for usual in (tmp_path / "a b", tmp_path / 'quo"te', tmp_path / "é"):
        usual.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(usual))
        with files.plain_folder() as folder:
            assert files.PLAIN.fullmatch(str(folder)) and folder.is_dir()
        assert not folder.exists()
        monkeypatch.setattr(files, "PLAIN_PLACES", (str(tmp_path / "none"),))
        with pytest.raises(RuntimeError, match=r"no blanks, quotes or accents, got .*: set TMPDIR to one"):
            files.plain_folder().__enter__()
        monkeypatch.undo()


def test_text_in_a_table_is_harmless_and_numbers_stay(tmp_path: Path) -> None:
    """A layer's, a file's or a variant's name may come from a stranger."""
    files.write_csv(tmp_path / "x.csv", [["=1+1", "+x", "@x", "-x", "\x1b[2J"], ["-0.5", "+1e3", -2, 0.25, None]])
    with (tmp_path / "x.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["'=1+1", "'+x", "'@x", "'-x", r"\x1b[2J"],
            ["-0.5", "+1e3", "-2", "0.25", ""],
        ]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "; make room there, or name another place"),
        (errno.EROFS, "; name a place that you may write to"),
        (errno.ENOTDIR, "; name another place"),
    ],
)
def test_what_cannot_be_written_is_told_with_a_remedy(number: int, remedy: str) -> None:
    said = str(files.unwritable(Path("a/b"), OSError(number, os.strerror(number))))
    assert said == f"cannot write a/b: {os.strerror(number)}{remedy}"
