# SPDX-License-Identifier: Apache-2.0
"""`auflow eval --aus` and `auflow tune --aus` take the faces that they say, each its half, and write what they say."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from au_faces import PER_HEAD, random_labels, write_rendered
from commands import Ran, refused, run_cli
from emotion_faces import write_split

from board.core.decoding import REAL_AND_RENDERED, RENDERED
from board.core.facs import AUS
from qnn.data import soft_labels
from qnn.data.example import example_faces, example_picture
from qnn.data.loading import load
from qnn.evaluation.aus.sources import Real, Rendered, labelled_faces, rendered_faces
from qnn.evaluation.aus.statistics import auc
from qnn.evaluation.aus.validity import occurrence
from qnn.evaluation.measuring import load_network, predicted
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture, CbamCnn

TINY = Architecture(divisor=8, emotions=7)
HEADS = 4


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Prepared faces of these tests stay among their files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered faces in `rendered`, a small FERPlus in `ferplus`, and its labels."""
    folder = tmp_path_factory.mktemp("faces")
    pixels = example_faces(HEADS * PER_HEAD + 100, seed=7)[..., 0]
    write_rendered(folder / "rendered", pixels[: HEADS * PER_HEAD])
    train, valid = pixels[-100:-50], pixels[-50:]
    write_split(folder / "ferplus", "Train", train)
    write_split(folder / "ferplus", "Valid", valid)
    random_labels(train, valid).save(folder / "labels.npz")
    return folder


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A float checkpoint with random weights and outputs for emotions."""
    torch.manual_seed(1)
    path = tmp_path / "float.safetensors"
    checkpoint.save(path, CbamCnn(TINY), Card("float", TINY, metrics={"n": 1}))
    return path


def words(command: str, path: Path, root: Path, *options: object) -> tuple[object, ...]:
    named = ("--data", "ferplus", "--root", root / "ferplus", "--soft-labels", root / "labels.npz")
    return command, "--aus", "--checkpoint", path, "--rendered", root / "rendered", *named, *options


def run(*words: object) -> Ran:
    """A command that must do what it is told."""
    ran = run_cli(*words)
    assert ran.status == 0, ran.stderr
    return ran


def test_eval_measures_the_odd_heads_and_faces(flat: Path, root: Path, tmp_path: Path) -> None:
    options = ("--json", tmp_path / "a.json", "--csv", tmp_path / "a.csv", "--damaged", 8, "--keep-duplicates")
    pictures = ("--plots", tmp_path / "plots", "--page", tmp_path / "page.png", "--card", tmp_path / "card.md")
    ran = run(*words("eval", flat, root, *options, *pictures))
    content = json.loads((tmp_path / "a.json").read_text())
    arrays = np.load(root / "rendered" / "valid.npz")
    odd = arrays["identity"] % 2 == 1
    valid = content["rendered"]["validity"]
    assert (valid["faces"], valid["neutral_faces"]) == (odd.sum(), HEADS // 2)
    rendered = rendered_faces(root / "rendered")
    np.testing.assert_array_equal(rendered.faces.pixels, arrays["pixels"][odd])
    network, card = load_network(flat)
    logits = predicted(network, card, rendered.faces, "testing").logits
    alone = rendered.shown.alone(12) & (rendered.shown.of(12) >= 0.5)
    once = np.ones((1, len(logits)))
    expected = auc(logits[:, AUS.index(12)], alone, rendered.shown.neutral)(once)[0]
    assert valid["per_au"]["AU12"]["neutral"]["value"] == expected
    assert content["real"]["name"] == "ferplus valid"
    assert 0 < content["real"]["agreement"]["faces"] < 50
    assert content["real"]["agreement"]["per_au"]["AU6"]["top"]["value"] is None
    assert set(content["rendered"]["robustness"]) > {"clean", "16 px", "gain 0.25"}
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    written = {(row["faces"], row["of"], row["figure"]): row["value"] for row in rows}
    assert float(written["rendered", "AU12", "neutral"]) == expected
    assert ("rendered", "16 px", "of_clean") in written and ("ferplus valid", "emotion", "right") in written
    for text in ("Rendered faces, 66", "beside the teacher", "Outputs of rank", "Damaged faces", "AU1-AU2"):
        assert text in ran.stdout
    for name in ("aus", "responses", "reliability", "robustness"):
        picture = cv2.imread(str(tmp_path / "plots" / f"{name}.png"))
        assert picture is not None and picture.shape[1] > 600 and picture.std() > 10
    shown = cv2.imread(str(tmp_path / "page.png"))
    assert shown is not None and shown.shape[1] > 1000
    told = (tmp_path / "card.md").read_text()
    worst = min((one["neutral"]["value"], one["others"]["value"], au) for au, one in valid["per_au"].items())
    assert f"- {worst[2]} (" in told and f") is weak: AUC {min(worst[:2]):.2f} alone, rendered." in told
    assert "Some AU is called on" in told and "**Rendered faces, 66**" in told and "Table 2" not in told


def aligned(path: Path, rendered: Rendered, real: Real) -> Path:
    """Give each output of a random network the sign by which it is higher where its AU is shown."""
    model, card = checkpoint.load(path)
    towards = np.zeros(len(AUS))
    for faces in (rendered.faces, real.faces):
        active, known = occurrence(faces.labels)
        logits = predicted(model, card, faces, "aligning").logits
        for column in np.flatnonzero(active.any(0)):
            judged, shown = logits[known[:, column], column], active[known[:, column], column]
            towards[column] += np.cov(judged, shown)[0, 1]
    with torch.no_grad():
        model.fc3.weight[:13] *= torch.from_numpy(np.sign(towards)).float()[:, None]
    checkpoint.save(path, model, card)
    return path


def test_tune_reads_the_other_half_and_eval_uses_its_card(flat: Path, root: Path, tmp_path: Path) -> None:
    rendered = rendered_faces(root / "rendered", "tuning")
    valid = load("ferplus", root / "ferplus", splits=("valid",))
    real = labelled_faces(valid, soft_labels.read(root / "labels.npz"), "valid", "tuning")
    assert set(rendered.faces.subjects) == {"0", "2"} and 0 < len(real.faces) < len(valid)
    run(*words("tune", aligned(flat, rendered, real), root, "--false-alarms", 0.5))
    tuned = checkpoint.read_card(flat)
    assert len(tuned.calibration) == 20 and len(set(tuned.calibration[13:])) == 1 and tuned.calibration[13][1] == 0
    assert tuned.validity == tuple(RENDERED if au in (6, 9) else REAL_AND_RENDERED for au in AUS)
    origin = tuned.training["thresholds"]
    assert (origin["rendered_faces"], origin["real_faces"]) == (len(rendered.faces), len(real.faces))
    assert tuned.metrics == {"thresholds": [0.5] * 13, "calibration": [[1.0, 0.0]] * 20, "n": 1}
    run(*words("eval", flat, root, "--json", tmp_path / "a.json", "--damaged", 0, "--faces", "tuning"))
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["thresholds"] == list(tuned.thresholds) and content["rendered"]["robustness"] == {}
    of_aus = (*content["rendered"]["validity"]["per_au"].values(), *content["real"]["agreement"]["per_au"].values())
    alarms = [of_au["false_alarms"]["value"] for of_au in of_aus]
    assert max(alarm for alarm in alarms if alarm is not None) <= 0.5
    assert max(any_alarm(content)) > 0.3
    run(*words("tune", flat, root, "--false-alarms", 0.5, "--any-false-alarm", 0.3))
    together = checkpoint.read_card(flat)
    assert together.training["thresholds"]["false_alarms_together"] == 0.3
    assert together.calibration == tuned.calibration
    raised = np.array(together.thresholds) - tuned.thresholds
    assert (raised >= 0).all() and (raised > 0).any()
    run(*words("eval", flat, root, "--json", tmp_path / "a.json", "--damaged", 0, "--faces", "tuning"))
    assert max(any_alarm(json.loads((tmp_path / "a.json").read_text()))) <= 0.3


def any_alarm(content: dict[str, Any]) -> list[float]:
    """Share of calm faces on which any AU is called, rendered and real."""
    validity, agreement = content["rendered"]["validity"], content["real"]["agreement"]
    return [part["means"]["any_false_alarm"]["value"] for part in (validity, agreement)]


def test_portraits_are_found_and_cut(flat: Path, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    picture = example_picture()[..., ::-1]
    for name, light in (("a_neutral", 1.0), ("a_smiling", 0.8), ("b_neutral", 0.7), ("b_smiling", 0.9)):
        cv2.imwrite(str(folder / f"{name}.png"), (picture * light).astype(np.uint8))
    cv2.imwrite(str(folder / "c_smiling.png"), np.zeros((90, 90, 3), np.uint8))
    cv2.imwrite(str(folder / "other.png"), picture)
    ran = run("eval", "--aus", "--checkpoint", flat, "--pairs", folder, "--json", tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())["portraits"]
    assert (found["faces"], found["without_face"]) == (4, 1)
    assert "No face was found in 1 more." in ran.stdout
    (folder / "a_neutral.png").unlink()
    (folder / "b_neutral.png").unlink()
    said = refused("eval", "--aus", "--checkpoint", flat, "--pairs", folder)
    assert "portraits must be pictures *_neutral and *_smiling, got 0 and 3" in said


def bare(command: str, path: Path, *options: object) -> tuple[object, ...]:
    return command, "--aus", "--checkpoint", path, *options


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("eval", (), "--aus needs faces, got none: give --rendered, --data with --soft-labels, or --pairs"),
        ("eval", ("--data", "ferplus", "--root", "."), "--data, --root and --soft-labels need each other"),
        ("eval", ("--page", "x.png", "--pairs", "."), "--page needs the faces that it shows"),
        ("eval", ("--rendered", "nowhere"), "rendered faces must be a file, got none at nowhere/valid.npz"),
        ("tune", (), "tuning --aus needs rendered faces, which alone show every AU: give --rendered"),
    ],
)
def test_bad_options_are_one_sentence(flat: Path, command: str, options: Sequence[object], said: str) -> None:
    assert said in refused(*bare(command, flat, *options))


def test_aus_that_are_emotions_are_measured_but_not_tuned(root: Path, tmp_path: Path) -> None:
    """The paper's weights: so that old and new can be compared."""
    architecture = Architecture(divisor=8)
    path = tmp_path / "paper.safetensors"
    checkpoint.save(path, CbamCnn(architecture), Card("float", architecture, decoding="emotions"))
    run(*bare("eval", path, "--rendered", root / "rendered", "--json", tmp_path / "a.json", "--damaged", 0))
    found = json.loads((tmp_path / "a.json").read_text())["rendered"]
    assert found["redundancy"]["rank"] <= 6
    assert found["redundancy"]["pairs"]["AU6-AU12"]["value"] == pytest.approx(1)
    assert found["validity"]["separation"]["AU6-AU12"]["value"] == 0.5
    said = refused(*bare("tune", path, "--rendered", root / "rendered"))
    assert said == "--aus tunes AUs that are decoded by themselves (independent), got emotions: leave --aus out"


def test_eval_without_aus_needs_a_dataset(flat: Path) -> None:
    for command in ("eval", "tune"):
        assert "--data and --root are needed" in refused(command, "--checkpoint", flat)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"identity": np.zeros(132, np.int32)}, "of even and odd identities, got none to use for measuring"),
        ({"aus": np.arange(16)}, "need the AUs of Table 2 and others of FACS"),
        ({"weights": np.full((132, 16), 2.0, np.float32)}, "a weight must lie between 0 and 1"),
        ({"weights": np.zeros((3, 16), np.float32)}, "need one weight for each of 132 faces and 16 AUs, got (3, 16)"),
        ({"pixels": np.zeros((132, 48, 48), np.float32)}, "need pixels of uint8 and whole identities, got float32"),
    ],
)
def test_rendered_faces_that_are_none_are_refused(
    root: Path, tmp_path: Path, change: dict[str, np.ndarray], said: str
) -> None:
    arrays = dict(np.load(root / "rendered" / "valid.npz"))
    np.savez(tmp_path / "valid.npz", **{**arrays, **change})
    with pytest.raises(ValueError, match=r"render it anew|even and odd") as refusal:
        rendered_faces(tmp_path)
    assert said in str(refusal.value)
