# SPDX-License-Identifier: Apache-2.0
"""Probabilities from logits: both decodings against what they mean."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from packages import small_contract

from board.core.decoding import BY_EMOTION, DECODINGS, INDEPENDENT, decode, emotion_probabilities, probabilities
from board.core.facs import AUS, EMOTIONS, PROTOTYPES, nearest_emotions


def test_independent_aus_know_nothing_of_each_other() -> None:
    logits = np.array([[0.0, 2.0, -3.0]])
    expected = [0.5, 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(3))]
    np.testing.assert_allclose(probabilities(logits, "independent"), [expected], rtol=1e-14)


def test_aus_by_emotion_are_the_shares_of_the_faces_that_the_logits_describe(rng: np.random.Generator) -> None:
    """Of all faces whose AUs were drawn one by one, those that show an emotion's AUs exactly: how many show each AU."""
    logits = rng.normal(0, 2, 13)
    alone = 1 / (1 + np.exp(-logits))
    likelihood = {emotion: 1.0 for emotion in EMOTIONS}
    for (emotion, prototype), (column, chance) in product(
        zip(EMOTIONS, PROTOTYPES, strict=True), enumerate(alone.tolist())
    ):
        likelihood[emotion] *= chance if prototype[column] else 1 - chance
    total = sum(likelihood.values())
    shares = [
        sum(likelihood[e] for e, prototype in zip(EMOTIONS, PROTOTYPES, strict=True) if prototype[column]) / total
        for column in range(13)
    ]
    np.testing.assert_allclose(probabilities(logits[np.newaxis], BY_EMOTION), [shares], rtol=1e-12)
    emotions = [likelihood[e] / total for e in EMOTIONS]
    np.testing.assert_allclose(emotion_probabilities(logits[np.newaxis]), [emotions], rtol=1e-12)


def test_one_weak_au_is_carried_by_the_others_of_its_emotion() -> None:
    logits = np.where(PROTOTYPES[EMOTIONS.index("happiness")] == 1, 3.0, -3.0)
    (lips,) = (column for column, au in enumerate(AUS) if au == 12)
    logits[lips] = -0.5
    alone, together = (probabilities(logits[np.newaxis], decoding)[0, lips] for decoding in DECODINGS)
    assert alone < 0.5 < together


@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_face_has_the_same_probabilities_whatever_comes_with_it(decoding: str, rng: np.random.Generator) -> None:
    logits = rng.normal(0, 20, (200, 13))
    found = probabilities(logits, decoding)
    assert found.min() >= 0 and found.max() <= 1
    for count in (1, 2, 3, 64):
        parts = [probabilities(logits[at : at + count], decoding) for at in range(0, 200, count)]
        np.testing.assert_array_equal(np.concatenate(parts), found)


def test_the_likeliest_emotion_is_the_nearest(rng: np.random.Generator) -> None:
    logits = rng.normal(0, 3, (500, 13))
    np.testing.assert_array_equal(emotion_probabilities(logits).argmax(1), nearest_emotions(logits))


def test_emotions_of_their_own_know_nothing_of_the_aus(rng: np.random.Generator) -> None:
    logits, other = rng.normal(0, 3, (2, 40, 20))
    other[:, 13:] = logits[:, 13:]
    plain = np.repeat([[1.0], [0.0]], 20, axis=1)
    one, two = (decode(rows, 13, INDEPENDENT, plain, of_table=True) for rows in (logits, other))
    np.testing.assert_array_equal(one.emotion_probabilities, two.emotion_probabilities)
    np.testing.assert_array_equal(one.emotions, logits[:, 13:].argmax(1))
    assert not np.array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.probabilities, probabilities(logits[:, :13], INDEPENDENT))


def test_a_temperature_spreads_emotions_and_keeps_the_likeliest(rng: np.random.Generator) -> None:
    logits = rng.normal(0, 3, (40, 20))
    sharp, flat = (np.repeat([[slope], [0.0]], 20, axis=1) for slope in (1.0, 0.25))
    one, two = (decode(logits, 13, INDEPENDENT, calibration, of_table=True) for calibration in (sharp, flat))
    assert one.emotion_probabilities is not None and two.emotion_probabilities is not None
    np.testing.assert_array_equal(one.emotions, two.emotions)
    assert (two.emotion_probabilities.max(1) < one.emotion_probabilities.max(1)).all()
    expected = np.exp(logits[:, 13:] / 4) / np.exp(logits[:, 13:] / 4).sum(1, keepdims=True)
    np.testing.assert_allclose(two.emotion_probabilities, expected, rtol=1e-12)


def test_decoded_faces_are_the_same_whatever_comes_with_them(rng: np.random.Generator) -> None:
    logits, calibration = rng.normal(0, 20, (200, 20)), rng.uniform(0.1, 2, (2, 20))
    whole = decode(logits, 13, INDEPENDENT, calibration, of_table=True)
    for at, row in enumerate(logits):
        alone = decode(row[np.newaxis], 13, INDEPENDENT, calibration, of_table=True)
        np.testing.assert_array_equal(alone.probabilities[0], whole.probabilities[at])
        assert alone.emotion_probabilities is not None and whole.emotion_probabilities is not None
        np.testing.assert_array_equal(alone.emotion_probabilities[0], whole.emotion_probabilities[at])


def test_far_logits_stay_probabilities() -> None:
    found = probabilities(np.array([[1e4] * 13, [-1e4] * 13]), BY_EMOTION)
    assert np.isfinite(found).all() and found[1].max() == 0


def test_what_cannot_be_decoded_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="a decoding must be one of independent, emotions, got 'paper'"):
        probabilities(np.zeros((1, 13)), "paper")
    with pytest.raises(ValueError, match=r"need logits of shape \(N, 13\), got \(1, 12\)"):
        probabilities(np.zeros((1, 12)), BY_EMOTION)
    contract = small_contract()
    with pytest.raises(ValueError, match="decoding must be one of independent, emotions, got 'paper'"):
        replace(contract, decoding="paper")
    units = contract.action_units
    with pytest.raises(ValueError, match="decoding 'emotions' needs the AUs of Table 2 in their order"):
        replace(contract, decoding=BY_EMOTION, action_units=units[1:] + units[:1])
