# SPDX-License-Identifier: Apache-2.0
"""What a network says of faces is what the host computes from the same logits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from packages import small_contract

from board.core.decoding import BY_EMOTION, INDEPENDENT
from board.core.facs import AUS, EMOTIONS
from board.core.outputs import ActionUnit, Emotion
from qnn.network.checkpoint import Card
from qnn.network.inference import Prediction
from qnn.network.model import Architecture


@pytest.mark.parametrize(("emotions", "decoding"), [(0, INDEPENDENT), (0, BY_EMOTION), (7, INDEPENDENT)])
def test_a_prediction_is_the_contract_s_to_the_last_bit(emotions: int, decoding: str, rng: np.random.Generator) -> None:
    contract = replace(small_contract(emotions=bool(emotions)), decoding=decoding)
    outputs: tuple[ActionUnit | Emotion, ...] = (*contract.action_units, *contract.emotions)
    frames = rng.integers(-40_000, 40_000, (300, len(outputs)))
    scale, offset = np.array([(each.scale, each.offset) for each in outputs], dtype=np.float64).T
    logits: npt.NDArray[np.float64] = frames * scale + offset
    calibration = tuple((each.slope, each.shift) for each in outputs)
    card = Card("w4a4", Architecture(emotions=emotions), decoding=decoding, calibration=calibration)
    found = Prediction.of(logits, AUS).decoded(card)
    faces = contract.outputs(frames)
    np.testing.assert_array_equal(found.probabilities, np.stack([face.probabilities for face in faces]))
    shares = [face.emotion_probabilities for face in faces if face.emotion_probabilities is not None]
    np.testing.assert_array_equal(found.emotion_probabilities, np.stack(shares))
    assert found.emotions is not None
    assert [EMOTIONS[index] for index in found.emotions] == [face.emotion for face in faces]


def test_logits_of_another_number_of_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="need 13 logits, or 7 more of emotions, got 14"):
        Prediction.of(np.zeros((2, 14)), AUS)
    with pytest.raises(ValueError, match="the card must describe the network's 20 outputs, got 13"):
        Prediction.of(np.zeros((2, 20)), AUS).probabilities(Card("w4a4", Architecture()))
