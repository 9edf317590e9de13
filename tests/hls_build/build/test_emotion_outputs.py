# SPDX-License-Identifier: Apache-2.0
"""A network of thirteen AUs and seven emotions from its checkpoint to rows, the same integers and bits everywhere."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import run_cli
from quantized_networks import save_with_emotions
from rich.console import Console

from board.core.contract import Contract
from board.core.facs import AUS, EMOTIONS
from board.core.outputs import ActionUnit, Emotion
from board.detector import AUDetector
from hls_build.build import flow, package
from hls_build.config.build import BUILDS, load_build
from hls_build.config.folding import Folding
from qnn.data.example import example_faces
from qnn.evaluation.measuring import load_network
from qnn.export.export import read_report
from qnn.network import checkpoint
from qnn.network.inference import Prediction, batch_logits
from qnn.network.pixels import channels_first, network_input

FACES = 12


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint."""
    return save_with_emotions(tmp_path_factory.mktemp("twenty"))


@pytest.fixture(scope="module")
def built(weights: Path) -> Path:
    """Its build, in which all executors were held against each other."""
    text = (BUILDS / "pynq-z2_tiny.toml").read_text().replace('"tiny"', f'"tiny"\ncheckpoint = "{weights.name}"')
    config, out = weights.parent / "twenty.toml", weights.parent / "build"
    config.write_text(text)
    flow.run(config, None, out, 2, None, resume=False, pack_simulation=True, console=Console(quiet=True))
    return out


@pytest.fixture(scope="module")
def software(weights: Path) -> Path:
    """Its deployment without an accelerator."""
    out = weights.parent / "software"
    package.write_software(weights, out)
    return out


def predicted(weights: Path, faces: np.ndarray) -> tuple[Prediction, checkpoint.Card]:
    """What the network in torch says of faces, uint8 (N, 48, 48, 3)."""
    network, card = load_network(weights)
    pixels = network_input(channels_first(torch.from_numpy(faces)))
    return Prediction.of(batch_logits(network, pixels), card.aus), card


@pytest.mark.verilator
def test_twenty_accumulators_leave_the_accelerator_as_they_leave_the_network(built: Path) -> None:
    parity = json.loads((built / "report/parity.json").read_text())
    assert [one["executor"] for one in parity["executors"]] == ["torch", "qonnx", "onnx", "numpy", "dataflow", "rtl"]
    assert all((one["faces"], one["mismatches"]) == (8, 0) for one in parity["executors"])
    contract = Contract.read(built / "accelerator.json")
    assert (contract.accumulators, contract.output_stream.elements) == (20, 20)
    assert contract.output_names[13:] == EMOTIONS
    assert "emotions" in json.loads((built / "deploy/accelerator.json").read_text())
    estimate = json.loads((built / "report/estimate.json").read_text())
    simulation = json.loads((built / "report/simulation.json").read_text())
    assert (
        estimate["slowest_layer"] != "fc3" and simulation["interval_cycles"] < 1.01 * estimate["slowest_layer_cycles"]
    )


@pytest.mark.verilator
def test_every_executor_of_the_deployment_gives_all_twenty(built: Path, weights: Path) -> None:
    faces = example_faces(FACES)
    with AUDetector(built / "deploy", "numpy") as detector:
        expected = detector.accumulators(faces)
    assert expected.shape == (FACES, 20) and len(np.unique(expected[:, 13:], axis=0)) > FACES // 2
    for name, count in (("onnx", FACES), ("rtl", 2)):
        with AUDetector(built / "deploy", name) as detector:
            np.testing.assert_array_equal(detector.accumulators(faces[:count]), expected[:count], name)


def test_the_host_s_probabilities_are_the_network_s_to_the_last_bit(software: Path, weights: Path) -> None:
    faces = example_faces(FACES, seed=4)
    prediction, card = predicted(weights, faces)
    found = prediction.decoded(card)
    with AUDetector(software, "numpy") as detector:
        outputs = detector.outputs(faces)
    np.testing.assert_array_equal(np.stack([face.logits for face in outputs]), prediction.logits)
    np.testing.assert_array_equal(np.stack([face.probabilities for face in outputs]), found.probabilities)
    assert found.emotion_probabilities is not None and found.emotions is not None
    for face, shares, index in zip(outputs, found.emotion_probabilities, found.emotions, strict=True):
        assert face.emotion_probabilities is not None and face.emotion_probabilities.tolist() == shares.tolist()
        assert face.emotion == EMOTIONS[index]
        assert face.occurrence.tolist() == (face.probabilities >= card.thresholds).tolist()


@pytest.mark.verilator
def test_the_export_says_what_the_card_says(built: Path, weights: Path) -> None:
    card, report = checkpoint.read_card(weights), read_report(built)
    assert (report.calibration, report.validity) == (card.calibration, card.validity)
    outputs: tuple[ActionUnit | Emotion, ...] = (*report.action_units, *report.emotions)
    assert [(each.slope, each.shift) for each in outputs] == list(card.calibration)
    assert [unit.validity for unit in report.action_units] == list(card.validity)


def test_rows_tell_aus_and_emotions_apart(software: Path, weights: Path, tmp_path: Path) -> None:
    faces = example_faces(FACES, seed=5)
    np.save(tmp_path / "faces.npy", faces)
    prediction, card = predicted(weights, faces)
    found = prediction.decoded(card)
    assert found.emotions is not None and found.emotion_probabilities is not None
    for name in ("aus.csv", "aus.jsonl"):
        ran = run_cli("detect", tmp_path / "faces.npy", "--deploy", software, "--out", tmp_path / name)
        assert ran.status == 0, ran.stderr
    with open(tmp_path / "aus.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, chances, shares, index in zip(
        rows, found.probabilities, found.emotion_probabilities, found.emotions, strict=True
    ):
        assert [row[f"AU{au:02d}_r"] for au in AUS] == [f"{chance:.4f}" for chance in chances]
        assert [row[name] for name in EMOTIONS] == [f"{share:.4f}" for share in shares]
        assert row["emotion"] == EMOTIONS[index]
    assert len({row["emotion"] for row in rows}) > 1
    for line, sums in zip(
        (tmp_path / "aus.jsonl").read_text().splitlines(), accumulators(software, faces), strict=True
    ):
        content = json.loads(line)
        units = content["action_units"].values()
        assert [unit["accumulator"] for unit in units] == sums[:13]
        assert list(content["emotion_accumulators"].values()) == sums[13:]
        assert [unit["validity"] for unit in units] == list(card.validity)
    ran = run_cli("detect", tmp_path / "faces.npy", "--deploy", software)
    assert ran.stdout.splitlines()[-1] == "* learned from rendered faces alone"
    assert "; emotion " in ran.stdout and "nearest" not in ran.stdout


def accumulators(deployment: Path, faces: np.ndarray) -> list[list[int]]:
    """All integers of faces."""
    with AUDetector(deployment, "numpy") as detector:
        return detector.accumulators(faces).tolist()


def test_the_last_layer_of_every_build_folds_for_both_networks() -> None:
    for path in BUILDS.glob("*.toml"):
        pe = load_build(path).folding.get("fc3", Folding()).pe or 1
        assert 13 % pe == 0 and 20 % pe == 0, path
