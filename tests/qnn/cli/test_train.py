# SPDX-License-Identifier: Apache-2.0
"""`auflow train` and `auflow study` from a folder in FERPlus's layout to checkpoints and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bands import band_faces
from commands import refused, run_cli

from qnn.data.loading import load
from qnn.data.soft_labels import SoftLabels, digests
from qnn.network import checkpoint

COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
QUICK = ["--divisor", "8", "--set", "epochs=1", "--set", "batch=16"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """FER2013Train and FER2013Valid of bright bands."""
    folder = tmp_path_factory.mktemp("ferplus")
    for number, (name, count) in enumerate({"FER2013Train": 80, "FER2013Valid": 16}.items()):
        faces = band_faces(count, seed=number)
        (folder / name).mkdir()
        lines = []
        for index, (pixels, emotion) in enumerate(zip(faces.pixels, faces.groups, strict=True)):
            cv2.imwrite(str(folder / name / f"fer{index:07}.png"), pixels)
            votes = [9 if column == emotion else 0 for column in COLUMNS] + [0, 1, 0]
            lines.append(f'fer{index:07}.png,"(0, 0, 48, 48)",{",".join(map(str, votes))}\n')
        (folder / name / "label.csv").write_text("".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUFLOW_CACHE", str(folder / "cache"))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield folder
        torch.set_num_threads(threads)


def test_train_goes_from_float_to_a_preset(root: Path, tmp_path: Path) -> None:
    ran = run_cli("train", "--root", root, "--run", tmp_path, "--preset", "w4a4", *QUICK)
    assert ran.status == 0, ran.stderr
    for preset in ("float", "w4a4"):
        _, card = checkpoint.load(tmp_path / f"{preset}.safetensors", preset)
        assert card.training["data"] and card.training["terms"]
        assert card.training["faces"] == {"train": 72, "validation": 8, "test": 16}
        assert card.colour == "grey" and card.metrics["n"] == 16
    assert "w4a4.safetensors" in "".join(ran.stdout.split())


def test_recipe_aus_gives_emotions_outputs_of_their_own(root: Path, tmp_path: Path) -> None:
    labels, start = tmp_path / "labels.npz", tmp_path / "start"
    faces = load("ferplus", root)
    shades = (faces.pixels.mean((1, 2)) / 255).astype(np.float16)
    blendshapes = np.repeat(shades[:, np.newaxis], 52, 1)
    brows = np.zeros((len(faces), 2), np.float32)
    seen = np.ones(len(faces), dtype=bool)
    neutral = faces.emotions == 0
    SoftLabels(digests(faces.pixels), seen, blendshapes, brows, neutral, faces.splits, "Bands", "0" * 64).save(labels)
    assert run_cli("train", "--root", root, "--run", start, *QUICK).status == 0
    options = ["--recipe", "aus", "--soft-labels", labels, "--start", start / "float.safetensors"]
    ran = run_cli(
        "train", "--root", root, "--run", tmp_path / "aus", "--preset", "float", "--preset", "w4a4", *options, *QUICK
    )
    assert ran.status == 0, ran.stderr
    for preset in ("float", "w4a4"):
        _, card = checkpoint.load(tmp_path / "aus" / f"{preset}.safetensors", preset)
        assert card.architecture.emotions == 7 and card.outputs == 20
        assert card.decoding == "independent" and card.thresholds == ()
        assert card.metrics.keys() == {"n", "auc_ferplus", "emotion_accuracy", "score"}
        assert card.training["soft_labels"] and card.training["start"]


def test_study_writes_tables_and_pictures(root: Path, tmp_path: Path) -> None:
    ran = run_cli("study", "--root", root, "--out", tmp_path, "--only", "attention", "--seeds", 1, *QUICK)
    assert ran.status == 0, ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "seed0", "study.csv", "study.json", "study.md", "attention.png"
    }  # fmt: skip
    assert "without attention minus with attention" in (tmp_path / "study.md").read_text()


def test_the_recipe_can_be_read_before_it_is_used() -> None:
    shown = json.loads(run_cli("train", "--show-recipe", "--seed", 3, "--set", "float.epochs=7").stdout)
    assert (shown["float"]["epochs"], shown["float"]["seed"], shown["quantized"]["seed"]) == (7, 3, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "ferminus"], "ferminus"),
        (["--recipe", "magic"], "a recipe must be one of modern, paper, aus, got 'magic'"),
        (["--preset", "tiny", "--preset", "w4a4"], "presets of one run must share their widths, got tiny, w4a4"),
        (["--also", "rafdb=DIR"], "--also and --soft-labels are for recipe aus, got modern"),
        (["--recipe", "aus", "--also", "rafdb"], "--also must be NAME=DIR or NAME:SHARE=DIR, got 'rafdb'"),
        (["--recipe", "aus", "--also", "rafdb:much=DIR"], "a share in --also must be a number, such as 0.375"),
        (["--recipe", "aus"], "ferplus tells emotions, not AUs: give --soft-labels, or --also a dataset with AUs"),
        (["--preset", "w5a5"], "unknown preset 'w5a5'"),
        (["--protocol", "subjects"], "subjects"),
        (["--start", "w4a4-paper"], "w4a4-paper.safetensors"),
        (["--set", "batch=128"], "need at least one batch of 128 training faces, got 72: use --set batch=N"),
    ],
)
def test_a_wrong_option_is_one_sentence(root: Path, tmp_path: Path, options: list[str], message: str) -> None:
    assert message in refused("train", "--root", root, "--run", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()
