# SPDX-License-Identifier: Apache-2.0
"""Training on a folder in FERPlus's layout: it learns, starts from float, and a killed run loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from qnn import checkpoint
from qnn.checkpoint import Card
from qnn.ferplus import VOTE_COLUMNS
from qnn.model import Architecture
from qnn.training import Recipe, ShuffledBatches, augment, positive_weight, train

ROOT = Path(__file__).parents[2]
TINY = Architecture(divisor=8)
SHOWN = ("neutral", "happiness", "surprise", "anger")
FACES = {"FER2013Train": 480, "FER2013Valid": 64}
FLOAT = Recipe(epochs=4, batch=16, learning_rate=1e-2)
QUANTISED = Recipe(epochs=2, batch=8)  # 120 steps: a state is kept after 50, in mid-epoch and in mid-statistics

TRAIN = """
import sys, torch
from pathlib import Path
from qnn.checkpoint import Card
from qnn.model import Architecture
from qnn.training import Recipe, train
data, run, start = map(Path, sys.argv[1:4])
torch.set_num_threads(1)
train(Card("tiny", Architecture(divisor=8)), data, run, Recipe(**eval(sys.argv[4])), start)
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums come in the same order in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """FER2013Train and FER2013Valid, where each emotion is a bright band at another height and neutral is none."""
    root = tmp_path_factory.mktemp("ferplus")
    rng = np.random.default_rng(5)
    for folder, count in FACES.items():
        (root / folder).mkdir()
        lines = []
        for index in range(count):
            shown = index % len(SHOWN)
            picture = rng.normal(60, 20, (48, 48))
            if shown:
                picture[16 * shown - 16 : 16 * shown] += 150
            cv2.imwrite(str(root / folder / f"fer{index:07}.png"), picture.clip(0, 255).astype(np.uint8))
            votes = [9 if name == SHOWN[shown] else 0 for name in VOTE_COLUMNS[:-2]] + [1, 0]
            lines.append(f'fer{index:07}.png,"(0, 0, 48, 48)",{",".join(map(str, votes))}\n')
        (root / folder / "label.csv").write_text("".join(lines))
    before = os.environ.get("AUFLOW_CACHE")
    os.environ["AUFLOW_CACHE"] = str(root / "cache")
    yield root
    if before is None:
        del os.environ["AUFLOW_CACHE"]
    else:
        os.environ["AUFLOW_CACHE"] = before


@pytest.fixture(scope="module")
def float_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained float network."""
    run = tmp_path_factory.mktemp("float")
    train(Card("float", TINY), data, run, FLOAT)
    return run


@pytest.fixture(scope="module")
def quantised_run(data: Path, float_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its twin, trained without an interruption."""
    run = tmp_path_factory.mktemp("quantised")
    train(Card("tiny", TINY), data, run, QUANTISED, float_run / "last.safetensors")
    return run


def test_the_float_network_learns(float_run: Path) -> None:
    _, card = checkpoint.load(float_run / "last.safetensors", "float")
    assert card.metrics["micro_f1"] > 0.9
    assert card.metrics["n"] == FACES["FER2013Valid"]
    assert card.training["recipe"] == asdict(FLOAT)
    assert "research" in card.training["data"]


def test_the_twin_starts_from_the_float_network(quantised_run: Path) -> None:
    _, card = checkpoint.load(quantised_run / "last.safetensors", "tiny")
    assert card.training["start"]["metrics"]["micro_f1"] > 0.9
    assert card.metrics["micro_f1"] > 0.9


def test_a_killed_run_ends_with_the_same_bits(data: Path, float_run: Path, quantised_run: Path, tmp_path: Path) -> None:
    start = float_run / "last.safetensors"
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, data, tmp_path, start, repr(asdict(QUANTISED))],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 400
    while not (tmp_path / "last.ckpt").exists():
        assert process.poll() is None, "the run ended before it kept a state"
        assert time.monotonic() < deadline, "waited 400 s for the run to keep a state"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    assert not (tmp_path / "last.safetensors").exists(), "the run ended before it was killed"
    train(Card("tiny", TINY), data, tmp_path, QUANTISED, start)
    whole = (quantised_run / "last.safetensors").read_bytes()
    assert (tmp_path / "last.safetensors").read_bytes() == whole
    assert checkpoint.read_card(tmp_path / "last.safetensors") == checkpoint.read_card(
        quantised_run / "last.safetensors"
    )


def test_a_twin_without_a_float_start_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="preset tiny trains from a float checkpoint: give one"):
        train(Card("tiny", TINY), data, tmp_path, QUANTISED)


def test_a_start_of_other_widths_is_refused(data: Path, float_run: Path, tmp_path: Path) -> None:
    wide = Card("w4a4", Architecture(divisor=4))
    with pytest.raises(ValueError, match=r"divisor=8.*need .*divisor=4"):
        train(wide, data, tmp_path, QUANTISED, float_run / "last.safetensors")


def test_a_quantised_start_is_refused(data: Path, quantised_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is of preset tiny, need float"):
        train(Card("tiny", TINY), data, tmp_path, QUANTISED, quantised_run / "last.safetensors")


def test_a_batch_beyond_the_faces_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="need at least one batch of 1000 faces, got 480"):
        train(Card("float", TINY), data, tmp_path, Recipe(epochs=1, batch=1000))


def test_batches_go_on_where_the_steps_stand() -> None:
    taken = 0
    batches = ShuffledBatches(faces=23, batch=5, seed=1, step=lambda: taken)
    first = list(batches)
    assert len(first) == len(batches) == 4
    assert len({face for batch in first for face in batch}) == 20
    taken = 3
    assert list(batches) == first[3:]
    taken = 4
    second = list(batches)
    assert second != first
    assert list(ShuffledBatches(23, 5, 1, lambda: 4)) == second
    assert list(ShuffledBatches(23, 5, 2, lambda: 0)) != first


def test_augmentation_mirrors_and_shifts() -> None:
    torch.manual_seed(0)
    face = torch.arange(48.0).expand(48, 48) + 100 * torch.arange(48.0)[:, None]
    faces = face.expand(64, 3, 48, 48)
    changed = augment(faces, max_shift=2)
    assert changed.shape == faces.shape
    centres = changed[:, 0, 20:28, 20:28]
    steps = (centres[:, 0, 1] - centres[:, 0, 0]).tolist()
    assert set(steps) == {1.0, -1.0}  # some mirrored, some not
    rows = {round(float(c[0, 0]) / 100) for c in centres}
    assert rows == {18, 19, 20, 21, 22}


def test_rare_aus_count_more() -> None:
    labels = torch.tensor([[1.0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]])
    weight = positive_weight(labels)
    assert weight[0] < weight[1]
    assert torch.isfinite(weight).all()
