# SPDX-License-Identifier: Apache-2.0
"""A checkpoint comes back as it was saved, or is refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from packages import largest_file
from quantized_networks import calibrated_network, save_network, varied_faces
from safetensors.torch import load_file, save_file

from board.core.files import sha256
from board.executors.executor import planes
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture, CbamCnn

TINY = Architecture(divisor=8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized checkpoint, only to be read."""
    return save_network(tmp_path_factory.mktemp("checkpoint"), TINY, "w4a4")


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    """A quantized checkpoint to damage."""
    for path in (saved, checkpoint.card_path(saved)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / saved.name


def test_a_quantized_network_comes_back(saved: Path) -> None:
    network, card = checkpoint.load(saved, "w4a4")
    assert card == Card("w4a4", TINY)
    pixels = torch.from_numpy(planes(varied_faces(4)))
    assert torch.equal(network(pixels), calibrated_network(TINY, "w4a4")(pixels))


def test_a_float_network_comes_back_with_its_card(tmp_path: Path) -> None:
    model = CbamCnn(Architecture(5, False, 8)).eval()
    card = Card("float", model.architecture, (6, 10, 12, 14, 17), {"seed": 3}, {"micro_f1": 0.5})
    card = replace(card, colour="rgb", thresholds=(0.2, 0.3, 0.5, 0.7, 0.95))
    checkpoint.save(tmp_path / "deep" / "m.safetensors", model, card)
    loaded, read = checkpoint.load(tmp_path / "deep" / "m.safetensors", "float")
    assert read == card
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_a_card_of_emotions_calibration_and_validity_comes_back(tmp_path: Path) -> None:
    model = CbamCnn(Architecture(divisor=8, emotions=7)).eval()
    calibration = tuple((0.5 + index / 8, -index / 4) for index in range(20))
    card = Card("float", model.architecture, calibration=calibration, validity=("coded",) * 12 + ("",))
    checkpoint.save(tmp_path / "m.safetensors", model, card)
    assert checkpoint.load(tmp_path / "m.safetensors")[1] == card


@pytest.mark.parametrize("value", [1 + 2.0**-18, 1e-9, 0.5])
def test_weights_near_to_half_precision_come_back_exactly(tmp_path: Path, value: float) -> None:
    """Only what half precision holds exactly is stored in it, as 0.5 is; the others are within any usual tolerance."""
    model = CbamCnn(TINY).eval()
    weights = next(model.parameters())
    with torch.no_grad():
        weights.fill_(value)
    checkpoint.save(tmp_path / "m.safetensors", model, Card("float", TINY))
    loaded, _ = checkpoint.load(tmp_path / "m.safetensors")
    assert torch.equal(next(loaded.parameters()), weights)


def test_nothing_else_is_left_behind(copied: Path) -> None:
    assert sorted(path.name for path in copied.parent.iterdir()) == ["w4a4.json", "w4a4.safetensors"]


def test_another_preset_is_refused(saved: Path) -> None:
    with pytest.raises(ValueError, match="is of preset w4a4, need w2a2"):
        checkpoint.load(saved, "w2a2")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown preset 'w1a1': use one of float, w4a4"):
        checkpoint.build_model(Card("w1a1", TINY))


def test_a_truncated_checkpoint_is_refused(copied: Path) -> None:
    copied.write_bytes(copied.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="truncated or was changed"):
        checkpoint.load(copied)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("weight", float("nan"), r"weights must be finite, got nan in \S+ of checkpoint .*: train again"),
        ("weight", float("-inf"), r"weights must be finite, got -inf in \S+ of checkpoint .*: train again"),
        ("running_var", -0.5, r"a variance must not be negative, got -0\.5 in \S+ of checkpoint .*: train again"),
    ],
)
def test_weights_that_training_blew_up_are_refused(copied: Path, name: str, value: float, said: str) -> None:
    """They once passed load, export and lowering, and showed as a comparison with -9223372036854775808."""
    state = load_file(copied)
    first = next(one for one in state if one.endswith(name))
    state[first].view(-1)[0] = value
    save_file(state, copied)
    card = checkpoint.card_path(copied)
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": sha256(copied)}))
    with pytest.raises(ValueError, match=said):
        checkpoint.load(copied)


def test_a_changed_checkpoint_is_refused(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[-1] ^= 1
    copied.write_bytes(content)
    with pytest.raises(ValueError, match="truncated or was changed"):
        checkpoint.load(copied)


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint at .*give a \.safetensors file"):
        checkpoint.load(tmp_path / "none.safetensors")


def test_a_missing_card_is_refused(copied: Path) -> None:
    checkpoint.card_path(copied).unlink()
    with pytest.raises(
        ValueError, match=r"the card of w4a4\.safetensors must be a file, got none at .*w4a4\.json: copy both files"
    ):
        checkpoint.load(copied)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, r"must have format auflow-checkpoint-1, got 'other' in .*: copy both files"),
        ({"surprise": 1}, "of the form that this version knows"),
        ({"architecture": {"width": 3}}, "of the form that this version knows"),
        ({"colour": "sepia"}, r"colour must be one of grey, rgb, got 'sepia' in .*\.json: copy both files"),
        ({"thresholds": [0.5]}, "need one threshold for each of 13 AUs, got 1"),
        ({"thresholds": [0.5] * 12 + [1.0]}, r"must be a probability between 0 and 1, got 1\.0"),
        ({"thresholds": [0.5] * 12 + ["half"]}, "must be a probability between 0 and 1, got 'half'"),
        ({"calibration": [[1.0, 0.0]]}, "need one calibration for each of 13 outputs, got 1"),
        ({"calibration": [[0.0, 0.0]] * 13}, r"a slope above 0 and an offset, got \(0\.0, 0\.0\)"),
        ({"calibration": [[1.0]] * 13}, r"a slope above 0 and an offset, got \(1\.0,\)"),
        ({"calibration": [1.0] * 13}, "of the form that this version knows"),
        ({"validity": ["coded"]}, "need one validity for each of 13 AUs, got 1"),
        ({"validity": ["sure"] * 13}, "a validity must be one of coded, real and rendered, .* or empty, got 'sure'"),
        ({"decoding": "emotions", "architecture": {"divisor": 8, "emotions": 7}}, "without outputs for emotions"),
        ({"architecture": {"aus": 13, "attention": False, "divisor": 8}}, "must fit its card, got .* copy both files"),
        ({"architecture": {"aus": 13, "attention": True, "divisor": 4}}, "must fit its card, got .* copy both files"),
    ],
)
def test_a_wrong_card_is_refused(copied: Path, change: dict, message: str) -> None:
    card = checkpoint.card_path(copied)
    card.write_text(json.dumps({**json.loads(card.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        checkpoint.load(copied)


def test_a_card_that_is_no_json_is_refused(copied: Path) -> None:
    checkpoint.card_path(copied).write_bytes(b"\xff{")
    with pytest.raises(ValueError, match="must be JSON"):
        checkpoint.load(copied)


def test_a_full_disk_is_one_sentence_and_leaves_the_old_checkpoint(copied: Path) -> None:
    before = copied.read_bytes()
    with largest_file(1000), pytest.raises(RuntimeError, match=f"cannot write {copied}: File too large"):
        checkpoint.save(copied, CbamCnn(TINY), Card("float", TINY))
    assert copied.read_bytes() == before
    test_nothing_else_is_left_behind(copied)
    checkpoint.load(copied, "w4a4")


def test_a_card_can_be_rewritten_alone(copied: Path) -> None:
    weights, thresholds = copied.read_bytes(), (0.25,) * 13
    checkpoint.write_card(copied, replace(checkpoint.read_card(copied), thresholds=thresholds))
    assert checkpoint.read_card(copied).decision_thresholds == thresholds
    assert copied.read_bytes() == weights
    test_nothing_else_is_left_behind(copied)


def test_a_card_of_before_thresholds_decides_at_a_half(copied: Path) -> None:
    card = checkpoint.card_path(copied)
    content = json.loads(card.read_text())
    del content["thresholds"], content["colour"]
    card.write_text(json.dumps(content))
    assert checkpoint.read_card(copied).decision_thresholds == (0.5,) * 13
