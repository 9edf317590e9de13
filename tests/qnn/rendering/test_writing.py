# SPDX-License-Identifier: Apache-2.0
"""Sets on disk: resumed, the same by whatever path, of different people; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import refused

from board.core.lock import lock_in, locked
from qnn.data.datasets import find
from qnn.data.indexing import index
from qnn.rendering import needs, writing
from qnn.rendering.actions import AUS
from qnn.rendering.writing import PEOPLE_A_PART, Settings, render

SETTINGS = Settings(faces=50, valid_faces=7, seed=3, per_person=4)


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """A stand-in for the renderer, and what it was asked for."""
    asked: list[tuple[str, int]] = []

    def person(painter: object, settings: Settings, split: str, number: int) -> writing.Columns:
        asked.append((split, number))
        rng = np.random.default_rng([settings.seed, split == "valid", number])
        count = settings.per_person
        return {
            "pixels": rng.integers(0, 256, (count, 48, 48), dtype=np.uint8),
            "weights": rng.random((count, len(AUS)), dtype=np.float32),
            "identity": np.full(count, number + writing.APART * (split == "valid"), np.int32),
            "kind": np.repeat("single", count),
        }

    monkeypatch.setattr(writing, "render_person", person)
    monkeypatch.setattr(writing, "_painter", lambda: None)
    monkeypatch.setattr(writing, "check_installed", lambda: None)
    monkeypatch.setattr(writing, "version", lambda name: "1")
    return asked


def columns(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as packed:
        return dict(packed)


def test_the_folder_is_the_dataset(tmp_path: Path) -> None:
    assert render(tmp_path, SETTINGS, 1, progress=False)
    found = index(find("rendered"), tmp_path)
    assert found.splits.tolist() == 50 * ["train"] + 7 * ["valid"]
    assert not set(found.subjects[:50]) & set(found.subjects[50:]), "other people validate"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rendered.json", "train.npz", "valid.npz"]
    described = json.loads((tmp_path / "rendered.json").read_text())
    assert described["faces"] == 50 and described["people"] == {"train": 13, "valid": 2}
    assert described["aus"] == list(AUS) and "CC0" in described["licence"] and "anny" in described["versions"]


def test_a_stopped_run_goes_on_and_ends_alike(
    tmp_path: Path, people: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    render(tmp_path / "whole", SETTINGS, 1, progress=False)
    real: Callable[..., writing.Columns] = writing.render_person

    def stops(painter: object, settings: Settings, split: str, number: int) -> writing.Columns:
        if number == PEOPLE_A_PART + 1:
            raise KeyboardInterrupt
        return real(painter, settings, split, number)

    monkeypatch.setattr(writing, "render_person", stops)
    with pytest.raises(KeyboardInterrupt):
        render(tmp_path / "stopped", SETTINGS, 1, progress=False)
    assert not (tmp_path / "stopped" / "train.npz").exists()
    people.clear()
    monkeypatch.setattr(writing, "render_person", real)
    assert render(tmp_path / "stopped", SETTINGS, 1, progress=False)
    assert ("train", 0) not in people, "the first part was kept"
    for split in ("train", "valid"):
        one, other = (columns(tmp_path / name / f"{split}.npz") for name in ("whole", "stopped"))
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_a_finished_folder_is_left_alone_and_another_is_refused(tmp_path: Path, people: list[tuple[str, int]]) -> None:
    render(tmp_path, SETTINGS, 1, progress=False)
    people.clear()
    assert not render(tmp_path, SETTINGS, 1, progress=False) and people == []
    with pytest.raises(ValueError, match=f"must hold one set of rendered faces, {tmp_path} holds others"):
        render(tmp_path, Settings(50, 7, seed=4, per_person=4), 1, progress=False)
    (tmp_path / "rendered.json").write_text("[]")
    with pytest.raises(ValueError, match="holds others"):
        render(tmp_path, SETTINGS, 1, progress=False)


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    """The first to end once deleted the parts that the second was still to read."""
    with locked(lock_in(tmp_path), "the folder"), pytest.raises(RuntimeError, match=f"faces {tmp_path} is in use by"):
        render(tmp_path, SETTINGS, 1, progress=False)
    assert render(tmp_path, SETTINGS, 1, progress=False)


def test_counts_and_seeds_out_of_range() -> None:
    for wrong in ({"faces": 0}, {"valid_faces": 0}, {"seed": -1}, {"per_person": 0}):
        with pytest.raises(ValueError, match="need at least one face"):
            Settings(**{"faces": 1, "valid_faces": 1, **wrong})


def test_the_command_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("render") == "render needs --out DIR or --sheet F.png, got neither"
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "anny" else object())
    said = refused("render", "--out", tmp_path / "faces")
    assert "anny not installed" in said and "requirements/render-nodeps.txt" in said
    assert not (tmp_path / "faces").exists()


def test_a_sheet_that_cannot_be_written_is_told_before_the_work() -> None:
    assert refused("render", "--sheet", "/proc/sheet.png").startswith("cannot write /proc/sheet.png: ")
