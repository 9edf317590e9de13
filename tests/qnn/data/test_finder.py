# SPDX-License-Identifier: Apache-2.0
"""The face finder comes out of its package unchanged, is converted once, and a damaged copy is made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from board.core.files import sha256
from qnn.data import finder
from qnn.data.finder import LICENCE, MODEL, PARAM, SOURCE_SHA256, WEIGHTS, finder_files


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_is_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    files = finder_files()
    assert files.keys() == {MODEL, LICENCE, PARAM, WEIGHTS}
    assert sha256(files[MODEL]) == SOURCE_SHA256
    assert "MIT License" in files[LICENCE].read_text()
    assert files[PARAM].read_text().count(" 1=-1\n") == 12  # pictures of any size
    monkeypatch.setattr(finder, "_convert", lambda *_: pytest.fail("it was converted again"))
    assert finder_files() == files


@pytest.mark.parametrize("name", [MODEL, PARAM, WEIGHTS, LICENCE])
def test_a_damaged_copy_is_made_anew(name: str) -> None:
    path = finder_files()[name]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert finder_files()[name].read_bytes() == whole
    path.unlink()
    assert finder_files()[name].read_bytes() == whole


def test_without_pnnx_there_is_the_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "_converter", lambda: None)
    assert finder_files().keys() == {MODEL, LICENCE}


def test_a_package_that_is_missing_or_another_is_named(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(finder, "PACKAGE", "no_such_package")
    with pytest.raises(RuntimeError, match="comes with the package no_such_package, which is not installed"):
        finder_files()
    monkeypatch.setattr(finder, "PACKAGE", "qnn")
    with pytest.raises(RuntimeError, match="the face finder must have sha256 8f2383e4dd3c"):
        finder_files()
    assert not cache.exists()


def test_a_converter_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(finder, "_converter", lambda: Path("/bin/false"))
    with pytest.raises(RuntimeError, match="pnnx could not convert the face finder"):
        finder_files()
    assert not [path for path in cache.rglob("*") if path.is_file()]
