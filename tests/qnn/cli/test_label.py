# SPDX-License-Identifier: Apache-2.0
"""`auflow label` writes what the teacher saw in a dataset or a folder of pictures, and says what it found."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import trees
from commands import refused, run_cli
from teachers import soft_labels, stand_in

from qnn.cli.label import by_emotion
from qnn.data.datasets import find
from qnn.data.loading import load
from qnn.data.soft_labels import digests, read


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the model's place, and caches of this test alone."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(b"model")
    return path


@pytest.mark.parametrize(("name", "words", "count"), [("ferplus", ("--labels", "all"), 12), ("pictures", (), 3)])
def test_it_writes_labels_of_every_face(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: tuple[str, ...], count: int
) -> None:
    stand_in(monkeypatch)
    root = trees.tree(name, tmp_path / "set")
    out = tmp_path / "new" / "labels.npz"
    ran = run_cli(
        "label", "--data", name, "--root", root, *words, "--model", model, "--out", out, "--workers", 1
    )  # fmt: skip
    assert ran.status == 0, ran.stderr
    assert f"{find(name).title}: {count} faces, landmarks in {count} (100.0%)" in ran.stdout
    assert f"labels are in {out}" in ran.stdout and "target" not in ran.stdout
    faces = load(name, root, words[-1] if words else "paper", progress=False)
    np.testing.assert_array_equal(read(out).digests, digests(faces.pixels))


def test_targets_are_told_by_emotion() -> None:
    table = by_emotion(soft_labels(), np.where(np.arange(200) % 2 == 0, "neutral", "happiness"))
    assert table is not None
    first, *others = [[str(cell) for cell in column.cells] for column in table.columns]
    assert first == ["all faces", "neutral", "happiness"] and len(others) == 11
    for _, neutral, happiness in others:
        assert float(neutral) < 0.2 < float(happiness)


def test_what_is_missing_is_one_sentence(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = trees.tree("pictures", tmp_path / "set")
    command = ("label", "--data", "pictures", "--root", root, "--model")
    assert "got none at" in refused(*command, tmp_path / "none.task", "--out", tmp_path / "x.npz")
    assert "must be written to a file .npz, got" in refused(*command, model, "--out", tmp_path / "x.csv")
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr("qnn.data.teacher.log.warning", lambda *words: None)
    assert "labels need MediaPipe" in refused(*command, model, "--out", tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()
