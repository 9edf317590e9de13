# SPDX-License-Identifier: Apache-2.0
"""Losses against the paper's equations, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from board.core.decoding import BY_EMOTION, probabilities
from board.core.facs import EMOTIONS, PROTOTYPES
from qnn.training.losses import LOSSES, au_loss, decoded, distillation_loss, emotion_loss, euclidean, positive_weights

LOGITS = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
LABELS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
WEIGHTS = torch.tensor([3.0, 5.0])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_weighted_cross_entropy_is_equation_3() -> None:
    found = LOSSES["weighted"](LOGITS, LABELS, WEIGHTS)
    expected = [
        [-3 * math.log(sigmoid(2)), -math.log(1 - sigmoid(-1))],
        [-math.log(1 - sigmoid(0.5)), -5 * math.log(sigmoid(0))],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_focal_loss_counts_easy_faces_little() -> None:
    found = LOSSES["focal"](LOGITS, LABELS, WEIGHTS)
    expected = -((1 - sigmoid(2)) ** 2) * math.log(sigmoid(2))
    assert float(found[0, 0]) == pytest.approx(expected, rel=1e-6)
    plain = LOSSES["plain"](LOGITS, LABELS, WEIGHTS)
    assert float(found[0, 0] / plain[0, 0]) < float(found[1, 1] / plain[1, 1])


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_labels_have_no_gradient(name: str) -> None:
    logits = LOGITS.clone().requires_grad_()
    labels = LABELS.clone()
    labels[0, 1] = torch.nan
    total = au_loss(LOSSES[name], logits, labels, WEIGHTS)
    total.backward()
    assert torch.isfinite(total) and logits.grad is not None
    assert logits.grad[0, 1] == 0
    assert (logits.grad != 0).sum() == 3


def test_halves_of_a_batch_weigh_the_same() -> None:
    """What two processes compute of their halves has the whole batch's loss as its mean, whatever is unknown."""
    labels = LABELS.clone()
    labels[0] = torch.nan
    whole = au_loss(LOSSES["plain"], LOGITS, labels, WEIGHTS)
    halves = [au_loss(LOSSES["plain"], LOGITS[i : i + 1], labels[i : i + 1], WEIGHTS) for i in range(2)]
    assert float(whole) == pytest.approx(float(sum(halves)) / 2)


def test_emotion_loss_is_least_where_the_votes_prototype_fits() -> None:
    votes = torch.eye(len(EMOTIONS))
    logits = torch.from_numpy(PROTOTYPES) * 20 - 10
    fitting = emotion_loss(logits, votes)
    assert fitting < 1e-3
    assert emotion_loss(logits, votes.roll(1, 0)) > 5
    assert emotion_loss(logits, torch.zeros_like(votes)) == 0


def test_distillation_is_least_at_the_teacher() -> None:
    at_teacher = LOGITS.clone().requires_grad_()
    distillation_loss(at_teacher, LOGITS).backward()
    assert at_teacher.grad is not None and at_teacher.grad.abs().max() < 1e-7
    away = (LOGITS + 1).requires_grad_()
    distillation_loss(away, LOGITS).backward()
    assert away.grad is not None and (away.grad > 1e-3).all()


def test_euclidean_distance_is_equation_5() -> None:
    labels = LABELS.clone()
    labels[1, 1] = torch.nan
    expected = [math.hypot(sigmoid(2) - 1, sigmoid(-1)), sigmoid(0.5)]
    np.testing.assert_allclose(euclidean(LOGITS, labels), expected, rtol=1e-6)


def test_rare_aus_count_more() -> None:
    nan = torch.nan
    labels = torch.tensor([[1.0, 1, 0, nan], [1, 0, 0, nan], [1, 0, 0, 1], [0, 0, 0, 0]])
    weights = positive_weights(labels)
    np.testing.assert_allclose(weights, [(1 / 3) ** 0.5, 3**0.5, 2.0, 1.0], rtol=1e-6)


def test_training_decodes_as_the_host(rng: np.random.Generator) -> None:
    logits = rng.normal(0, 3, (50, 13))
    np.testing.assert_allclose(decoded(torch.from_numpy(logits)), probabilities(logits, BY_EMOTION), rtol=1e-12)
