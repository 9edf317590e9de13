# SPDX-License-Identifier: Apache-2.0
"""`auflow eval` and `auflow tune` take the faces, the network and the thresholds that they say, on a small FERPlus."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from commands import Ran, refused, run_cli
from emotion_faces import EMOTIONS_IN_TURN, write_split
from quantized_networks import save_network

from board.core.contract import Contract, InputRule, StreamPacking
from board.core.decoding import DECODINGS
from board.core.facs import AUS, EMOTIONS
from board.executors.onnx_executor import OnnxExecutor
from board.faces.crop import to_input
from qnn.data.example import example_faces
from qnn.data.faces import Faces
from qnn.data.loading import load
from qnn.data.protocols import held_out
from qnn.data.splits import Division
from qnn.evaluation import evaluate
from qnn.evaluation.decision_thresholds import tune, tune_for_emotions
from qnn.evaluation.measuring import load_network, predicted, select
from qnn.export.export import export
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.inference import predict
from qnn.network.model import Architecture, CbamCnn

TINY = Architecture(divisor=8)
TRAIN, VALID, COPIES = 60, 30, 4


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Prepared faces of these tests stay among their files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces of seven emotions in turn; the last ones of the split valid are copies of training faces."""
    folder = tmp_path_factory.mktemp("ferplus")
    train = example_faces(TRAIN, seed=4)[..., 0]
    valid = np.concatenate([example_faces(VALID - COPIES + 1, seed=2)[1:, ..., 0], train[1 : 1 + COPIES]])
    write_split(folder, "Train", train)
    write_split(folder, "Valid", valid)
    return folder


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized checkpoint, only to be read."""
    return save_network(tmp_path_factory.mktemp("quantized"), Architecture(attention=False, divisor=8), "w2a2")


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A float checkpoint with random weights."""
    torch.manual_seed(1)
    path = tmp_path / "float.safetensors"
    checkpoint.save(path, CbamCnn(TINY), Card("float", TINY, metrics={"micro_f1": 0.5}))
    return path


def words(command: str, path: Path, root: Path, *options: object, data: str = "ferplus") -> tuple[object, ...]:
    return command, "--checkpoint", path, "--data", data, "--root", root, *options


def run(command: str, path: Path, root: Path, *options: object) -> Ran:
    """A command that must do what it is told."""
    ran = run_cli(*words(command, path, root, *options))
    assert ran.status == 0, ran.stderr
    return ran


def measured(path: Path, root: Path, out: Path, *options: object) -> dict[str, Any]:
    """What `auflow eval --json` writes."""
    run("eval", path, root, *options, "--json", out)
    return json.loads(out.read_text())


def test_eval_measures_the_valid_part_without_copies(flat: Path, root: Path, tmp_path: Path) -> None:
    content = measured(flat, root, tmp_path / "e.json")
    assert (content["n"], content["duplicates_left_out"], content["split"]) == (VALID - COPIES, COPIES, "valid")
    assert content["checkpoint_sha256"] == hashlib.sha256(flat.read_bytes()).hexdigest()
    assert content["thresholds"] == [0.5] * 13
    train, valid = (load("ferplus", root, splits=(part,)) for part in ("train", "valid"))
    faces = valid.without_copies_of(train)
    model, card = checkpoint.load(flat)
    found = predict(model, faces).probabilities(card)
    expected = evaluate(found, faces.labels, faces.emotions, (0.5,) * 13, AUS).to_json()
    assert {key: content[key] for key in expected} == json.loads(json.dumps(expected))


def test_copies_can_be_kept(flat: Path, root: Path, tmp_path: Path) -> None:
    content = measured(flat, root, tmp_path / "e.json", "--keep-duplicates")
    assert (content["n"], content["duplicates_left_out"]) == (VALID, 0)
    assert "too good" in run("eval", flat, root, "--keep-duplicates").stdout


def test_a_part_alone_is_measured_and_said_to_be_unchecked(flat: Path, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "FER2013Valid", tmp_path / "alone" / "FER2013Test")
    ran = run("eval", flat, tmp_path / "alone", "--split", "test", "--json", tmp_path / "e.json")
    content = json.loads((tmp_path / "e.json").read_text())
    assert (content["n"], content["duplicates_left_out"], content["split"]) == (VALID, None, "test")
    assert "copies of training faces are not left out, since those cannot be read" in ran.stdout


def test_the_training_part_and_other_protocols(flat: Path, root: Path, tmp_path: Path) -> None:
    content = measured(flat, root, tmp_path / "e.json", "--split", "train")
    assert (content["n"], content["duplicates_left_out"]) == (TRAIN, 0)
    content = measured(flat, root, tmp_path / "e.json", "--protocol", "paper", "--seed", 3)
    assert content["n"] + content["duplicates_left_out"] == pytest.approx(
        0.2 * (TRAIN + VALID), abs=EMOTIONS_IN_TURN / 2
    )
    assert content["protocol"] == "paper"


def test_one_threshold_for_all(flat: Path, root: Path, tmp_path: Path) -> None:
    card = replace(checkpoint.read_card(flat), thresholds=(0.3,) * 13)
    checkpoint.write_card(flat, card)
    assert measured(flat, root, tmp_path / "e.json")["thresholds"] == [0.3] * 13
    assert measured(flat, root, tmp_path / "e.json", "--thresholds", "0.5")["thresholds"] == [0.5] * 13


def test_eval_prints_draws_and_writes(flat: Path, root: Path, tmp_path: Path) -> None:
    options = ("--table", "--markdown", tmp_path / "t.md", "--csv", tmp_path / "e.csv", "--plots", tmp_path / "plots")
    ran = run("eval", flat, root, *options)
    for text in (
        "4 copies of training faces left out",
        "float on ferplus valid, 26 faces",
        "Table 10",
        "92.15",
        "macro",
    ):
        assert text in ran.stdout
    for name in ("t.md", "e.csv", "plots/per_au.png", "plots/confusion.png"):
        assert f"written: {tmp_path / name}\n" in ran.stdout
    rows = list(csv.DictReader((tmp_path / "e.csv").open()))
    assert [int(row["au"]) for row in rows] == list(AUS)
    assert float(rows[0]["f1_low"]) <= float(rows[0]["f1"]) <= float(rows[0]["f1_high"])
    assert "| AUFlow float, best prototype |" in (tmp_path / "t.md").read_text()
    for name in ("per_au.png", "confusion.png"):
        picture = cv2.imread(str(tmp_path / "plots" / name))
        assert picture is not None and picture.shape[1] > 600 and picture.std() > 10


@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_quantized_network_decides_as_its_accelerator(
    decoding: str, quantized: Path, root: Path, tmp_path: Path
) -> None:
    """To the last bit, also where a threshold is a probability that occurs."""
    copied = copy_checkpoint(quantized, tmp_path)
    faces = select(Division("ferplus", root)).faces
    network, card = load_network(copied)
    predictions = predicted(network, card, faces, "testing")
    card = replace(card, decoding=decoding)
    found = predictions.probabilities(card)
    checkpoint.write_card(copied, replace(card, thresholds=tuple(found[5].tolist())))
    report = export(copied, tmp_path / "out")
    contract = Contract(
        report.model_sha256, None, InputRule((48, 48, 3), "uint8", report.colour, 0.0), report.action_units, "INT32",
        StreamPacking.of_frame(48 * 48 * 3, 3, 8, False), StreamPacking.of_frame(13, 1, 32, True),
        100.0, "part", "board", {}, (), report.decoding,
    )  # fmt: skip
    outputs = contract.outputs(OnnxExecutor(tmp_path / "out" / "standard.onnx").accumulators(faces.rgb))
    np.testing.assert_array_equal(found, np.stack([face.probabilities for face in outputs]))
    decided = np.stack([face.occurrence for face in outputs])
    assert decided[5].all() and not decided.all()
    content = measured(copied, root, tmp_path / "e.json")
    occurrence = decided.astype(np.float64)
    expected = evaluate(occurrence, faces.labels, faces.emotions, (0.5,) * 13, AUS, resamples=0)
    assert [au["f1"] for au in content["per_au"].values()] == [au.f1 for au in expected.per_au.values()]
    nearest = predictions.emotions(card)
    assert nearest is not None
    right = nearest == faces.emotions
    assert content["fer_accuracy_prototype"] == right[faces.emotions >= 0].mean()


def test_colours_are_the_cards(flat: Path) -> None:
    """A network of grey faces sees colour pictures in grey, as on the board."""
    model, card = checkpoint.load(flat)
    pixels = example_faces(3, colour="rgb")
    faces = faces_of(pixels)
    grey = faces_of(np.stack([to_input(face, "grey") for face in pixels]))
    assert not np.array_equal(pixels, grey.pixels)
    expected = predict(model, grey).logits
    np.testing.assert_array_equal(predicted(model, card, faces, "testing").logits, expected)
    in_colour = predicted(model, replace(card, colour="rgb"), faces, "testing").logits
    assert not np.array_equal(in_colour, expected)


def faces_of(pixels: np.ndarray) -> Faces:
    """Faces of which nothing else is known."""
    count, text = len(pixels), np.full(len(pixels), "")
    labels, votes = np.zeros((count, 13), np.float32), np.zeros((count, len(EMOTIONS)), np.float32)
    return Faces(pixels, AUS, labels, np.full(count, -1), votes, text, text, text)


def copy_checkpoint(path: Path, folder: Path) -> Path:
    """A checkpoint whose card may be changed."""
    for source in (path, checkpoint.card_path(path)):
        shutil.copy(source, folder / source.name)
    return folder / path.name


@pytest.mark.parametrize(("kind", "decoding"), [("quantized", "emotions"), ("float", "independent")])
def test_tune_writes_thresholds_of_training_faces(
    kind: str, decoding: str, quantized: Path, flat: Path, root: Path, tmp_path: Path
) -> None:
    path = copy_checkpoint(quantized, tmp_path) if kind == "quantized" else flat
    before, weights = checkpoint.read_card(path), path.read_bytes()
    run("tune", path, root, "--share", 0.4, "--seed", 2, "--decoding", decoding)
    after = checkpoint.read_card(path)
    faces = load("ferplus", root, splits=("train",))
    faces = faces.take(held_out(faces, np.arange(len(faces)), 0.4, 2)[1])
    network, _ = load_network(path)
    assert after.thresholds == tuple(tune(predict(network, faces).probabilities(after), faces.labels).tolist())
    assert len(set(after.thresholds)) > 1
    assert path.read_bytes() == weights
    assert after.training["thresholds"]["faces"] == len(faces)
    known = replace(before, decoding=decoding, training={}, metrics={})
    assert replace(after, thresholds=(), training={}, metrics={}) == known
    if before.metrics:  # they were measured with other thresholds, and say so
        assert after.metrics == {**before.metrics, "thresholds": [0.5] * 13, "decoding": "independent"}
    content = measured(path, root, tmp_path / "e.json")
    assert content["thresholds"] == list(after.thresholds)


def test_tune_takes_the_faces_that_training_held_out(flat: Path, root: Path) -> None:
    """With another share it would tune on faces that the network learned by heart."""
    card = checkpoint.read_card(flat)
    checkpoint.write_card(flat, replace(card, training={**card.training, "recipe": {"held_out": 0.3}}))
    run("tune", flat, root, "--decoding", "independent")
    told = checkpoint.read_card(flat).training["thresholds"]
    faces = load("ferplus", root, splits=("train",))
    assert (told["share"], told["faces"]) == (0.3, len(held_out(faces, np.arange(len(faces)), 0.3, 0)[1]))


def test_tune_for_a_coverage_of_emotions(quantized: Path, root: Path, tmp_path: Path) -> None:
    path = copy_checkpoint(quantized, tmp_path)
    ran = run("tune", path, root, "--decoding", "emotions", "--coverage", 0.1)
    card = checkpoint.read_card(path)
    faces = load("ferplus", root, splits=("train",))
    faces = faces.take(held_out(faces, np.arange(len(faces)), 0.1, 0)[1])
    probabilities = predict(load_network(path)[0], faces).probabilities(card)
    assert card.thresholds == tuple(tune_for_emotions(probabilities, faces.labels, 0.1).tolist())
    assert card.thresholds != tuple(tune(probabilities, faces.labels).tolist())
    assert card.training["thresholds"]["coverage"] == 0.1
    assert "of the faces get one" in " ".join(ran.stdout.split())


def test_a_coverage_needs_aus_decoded_together(flat: Path, root: Path) -> None:
    said = refused(*words("tune", flat, root, "--coverage", 0.9))
    assert said == "--coverage needs AUs that are decoded together (emotions), got independent"
    assert checkpoint.read_card(flat).thresholds == ()


def test_tuning_twice_changes_nothing(flat: Path, root: Path) -> None:
    cards = []
    for _ in range(2):
        run("tune", flat, root)
        cards.append(checkpoint.read_card(flat))
    assert cards[0] == cards[1]


def test_tuning_never_reads_faces_to_be_measured(flat: Path, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "FER2013Train", tmp_path / "train" / "FER2013Train")
    run("tune", flat, tmp_path / "train")
    alone = checkpoint.read_card(flat).thresholds
    run("tune", flat, root)
    assert checkpoint.read_card(flat).thresholds == alone


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--split", "dev"), "a split must be one of train, valid, test, got 'dev'"),
        (("--split", "test"), "FERPlus needs"),
        (("--protocol", "subjects"), "the protocols of these faces are"),
        (("--thresholds", "high"), "thresholds must be `card` or a probability between 0 and 1, got 'high'"),
        (("--thresholds", "1.5"), "thresholds must be `card` or a probability between 0 and 1, got '1.5'"),
        (("--labels", "usual"), "the labels of FERPlus must be one of paper"),
    ],
)
def test_bad_options_are_one_sentence(flat: Path, root: Path, options: Sequence[str], said: str) -> None:
    assert said in refused(*words("eval", flat, root, *options))


def test_nothing_but_copies_is_one_sentence(flat: Path, root: Path, tmp_path: Path) -> None:
    for part in ("Train", "Valid"):
        shutil.copytree(root / "FER2013Train", tmp_path / "same" / f"FER2013{part}")
    assert f"all {TRAIN} are copies: use --keep-duplicates" in refused(*words("eval", flat, tmp_path / "same"))


def test_other_data_is_one_sentence(flat: Path, root: Path, tmp_path: Path) -> None:
    assert "a dataset must be one of" in refused(*words("eval", flat, root, data="fer"))
    assert "looks like FERPlus, not DISFA" in refused(*words("eval", flat, root, data="disfa"))
    assert "no checkpoint at" in refused(*words("eval", tmp_path / "none.safetensors", root))


@pytest.mark.parametrize("command", ["eval", "tune"])
def test_a_checkpoint_of_other_aus_is_refused(command: str, root: Path, tmp_path: Path) -> None:
    architecture = Architecture(2, False, 8)
    path = tmp_path / "two.safetensors"
    checkpoint.save(path, CbamCnn(architecture), Card("float", architecture, (6, 12)))
    said = refused(*words(command, path, root))
    assert "the AUs of checkpoint and dataset must be the same, got 6, 12 in" in said


@pytest.mark.parametrize("command", ["eval", "tune"])
def test_broken_weights_are_one_sentence(command: str, root: Path, tmp_path: Path, quantized: Path) -> None:
    model, card = checkpoint.load(quantized)
    with torch.no_grad():
        model.fc3_bias.fill_(torch.nan)  # type: ignore[operator] # a parameter
    checkpoint.save(tmp_path / "broken.safetensors", model, card)
    assert "weights must be finite, got nan in fc3_bias" in refused(
        *words(command, tmp_path / "broken.safetensors", root)
    )
