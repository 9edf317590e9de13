# SPDX-License-Identifier: Apache-2.0
"""Where AUs are found in many faces is the mean of each face's own map, of faces that show the AU and have it found."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import refused, run_cli
from emotion_faces import write_split

from board.core.facs import AUS
from board.executors.executor import planes
from board.sources.pictures import read_picture
from qnn.data.example import example_faces
from qnn.data.faces import Faces
from qnn.evaluation.measuring import load_network
from qnn.explain import evidence
from qnn.explain.explanation import METHODS, Explanation, au_maps, explain
from qnn.network.checkpoint import Card
from qnn.network.inference import BATCH
from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import shipped_checkpoint

COUNT = BATCH + 2  # more than one batch
TINY = Architecture(divisor=8)


def some_faces() -> Faces:
    """Grey faces with AUs at random; the first AU is unknown of each."""
    labels = (np.random.default_rng(5).random((COUNT, len(AUS))) < 0.5).astype(np.float32)
    labels[:, 0] = np.nan
    text = np.full(COUNT, "")
    pixels = example_faces(COUNT, seed=4)[..., 0]
    return Faces(pixels, AUS, labels, np.zeros(COUNT, np.int64), np.zeros((COUNT, 7), np.float32), text, text, text)


def by_hand(explained: Sequence[Explanation], faces: Faces, au: int, most: int) -> Sequence[np.ndarray]:
    """The shares of the first faces that count."""
    index = AUS.index(au)
    shares = []
    for found, labels in zip(explained, faces.labels, strict=True):
        heat = found.au_maps[index].astype(np.float64)
        if labels[index] == 1 and found.present[index] and heat.any():
            shares.append(heat / heat.sum())
    return shares[:most]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["float", "quantized"])
def test_evidence_is_the_mean_of_the_first_faces(kind: str, method: str) -> None:
    torch.manual_seed(3)
    flat = CbamCnn(TINY).eval(), Card("float", TINY)
    model, card = load_network(shipped_checkpoint("tiny")) if kind == "quantized" else flat
    card = replace(card, decoding="independent", thresholds=(0.4,) * len(AUS))
    faces, aus, most = some_faces(), (1, 4, 6, 12, 15, 26), 9
    batches: list[int] = []
    found = evidence.gather(model, card, faces, aus, most, method, batches.append)
    assert [one.au for one in found] == list(aus) and sum(batches) == COUNT
    assert found[0].faces == 0 and not found[0].share.any()  # nobody knows of AU1
    assert any(one.faces for one in found[1:])
    explained = [explain(model, card, pixels, method) for pixels in faces.rgb]
    for one in found[1:]:
        shares = by_hand(explained, faces, one.au, most)
        assert one.faces == len(shares) <= most
        if shares:
            np.testing.assert_allclose(one.share, np.mean(shares, 0), rtol=1e-4, atol=1e-6)
            assert sum(one.bands) == pytest.approx(1)


def test_maps_of_many_faces_are_those_of_each() -> None:
    model, card = load_network(shipped_checkpoint("tiny"))
    faces = example_faces(3, seed=8)
    found = au_maps(model, torch.from_numpy(planes(faces)), len(card.aus))
    for face, maps in zip(faces, found, strict=True):
        np.testing.assert_allclose(maps, explain(model, card, face).au_maps, rtol=1e-4, atol=1e-5)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small FERPlus."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    for split, seed in (("Train", 1), ("Valid", 2)):
        write_split(tmp_path / "fer", split, example_faces(12, seed=seed)[1:, ..., 0])
    return tmp_path / "fer"


COMMAND = ("explain", "--checkpoint", shipped_checkpoint("tiny"))


def test_the_command_writes_a_table_and_a_picture(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run_cli(*COMMAND, "--data", "ferplus", "--root", root, "--out", out, "--aus", "12,1", "--json")
    assert ran.status == 0, ran.stderr
    assert "Where tiny finds AUs, ferplus valid" in ran.stdout
    assert {path.name for path in out.iterdir()} == {"evidence.csv", "explanation.json", "figure.png"}
    rows = list(csv.reader((out / "evidence.csv").open()))
    assert rows[0] == ["au", "faces", *evidence.BANDS] and [row[0] for row in rows[1:]] == ["12", "1"]
    content = json.loads((out / "explanation.json").read_text())["aus"]
    for row in rows[1:]:
        shares = np.array(content[f"AU{row[0]}"]["share"])
        assert content[f"AU{row[0]}"]["faces"] == int(row[1])
        assert shares.sum(1).tolist() == [float(value) for value in row[2:]]
    height, width = read_picture(out / "figure.png").shape[:2]
    assert width > 3 * height  # one row


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "explain needs pictures, or --data with --root, got neither"),
        (("--data", "ferplus"), "explain needs pictures, or --data with --root, got --data"),
        (("face.png", "--data", "ferplus", "--root", "here"), "got pictures and --data and --root"),
        (("--data", "ferplus", "--root", "ROOT", "--aus", "99"), "the AUs of this checkpoint are 1, 2, .*, got 99"),
        (("--data", "ferplus", "--root", "ROOT", "--method", "LIME"), "a method must be one of HiResCAM, Grad-CAM"),
        (("--data", "disfa", "--root", "ROOT"), "looks like FERPlus, not DISFA"),
    ],
)
def test_bad_input_is_one_sentence(root: Path, tmp_path: Path, given: tuple[str, ...], said: str) -> None:
    words = (root if part == "ROOT" else part for part in given)
    assert re.search(said, refused(*COMMAND, *words, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
