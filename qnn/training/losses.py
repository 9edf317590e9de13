# SPDX-License-Identifier: Apache-2.0
"""Losses on AU logits; unknown labels (NaN) count nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from board.core.facs import PROTOTYPES

FOCUS = 2.0
"""Exponent of the focal loss (Lin et al. 2017)."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of logits, labels and AU weights, the first two (B, AUs), to one number per element."""


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The paper's equation 3: an active AU counts `weights` times."""
    return nn.functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weights, reduction="none")


def plain_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Every AU and face counts the same; probabilities come out calibrated."""
    return nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def focal(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Focal loss, the paper's alternative: what is already right counts little."""
    cross_entropy = plain_cross_entropy(logits, labels, weights)
    return (labels - torch.sigmoid(logits)).abs() ** FOCUS * cross_entropy


LOSSES: Mapping[str, Loss] = {"weighted": weighted_cross_entropy, "plain": plain_cross_entropy, "focal": focal}


def positive_weights(labels: Tensor) -> Tensor:
    """Weight of each active AU from labels (N, AUs): the root of inactive over active, unknown ones left out.

    The root keeps an AU that one face in a hundred shows from drowning the others.
    """
    active = (labels == 1).sum(0).clamp(min=1)
    return ((labels == 0).sum(0).clamp(min=1) / active).sqrt()


def au_loss(loss: Loss, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean over all elements (B, AUs); unknown ones are 0, so that every process's share of a batch weighs the same."""
    known = ~labels.isnan()
    return (loss(logits, labels.nan_to_num(), weights) * known).mean()


CONFUSED = ((1, 2), (2, 26), (6, 12), (5, 4), (7, 5), (4, 23), (12, 20), (12, 23), (6, 26))
"""AUs that come together so often that a network takes one for the other."""


def difference_loss(logits: Tensor, labels: Tensor, aus: Sequence[int]) -> Tensor:
    """Squared error of the differences between the probabilities of CONFUSED pairs, summed over pairs, per face's mean.

    Cross-entropy hardly minds two AUs that move as one where faces mostly show both or none; their difference does.
    Pairs of which a face's label or the network lacks one count 0.
    """
    pairs = [(aus.index(one), aus.index(other)) for one, other in CONFUSED if one in aus and other in aus]
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    errors = torch.sigmoid(logits) - labels
    differences = (errors[:, first] - errors[:, second]).nan_to_num()
    return differences.square().sum(1).mean()


def vote_loss(logits: Tensor, votes: Tensor) -> Tensor:
    """Cross-entropy of the votes (B, 7) with emotion outputs of their own; rows without votes count 0."""
    return -(votes * torch.log_softmax(logits, 1)).sum(1).mean()


def emotion_loss(logits: Tensor, votes: Tensor) -> Tensor:
    """Cross-entropy of the votes (B, 7) with the prototypes' likelihoods; rows without votes count 0.

    With AUs taken as independent, a prototype's log-likelihood is its dot product with the logits, up to a constant
    (board.core.facs.nearest_emotions): the loss makes the AUs of one emotion rise and fall together.
    """
    scores = logits @ _prototypes(logits.device, logits.dtype).T  # (B, 7)
    return -(votes * torch.log_softmax(scores, 1)).sum(1).mean()


def emotion_probabilities(logits: Tensor) -> Tensor:
    """Probabilities (B, 7) of the emotions, as board.core.decoding gives them, in torch."""
    return torch.softmax(logits @ _prototypes(logits.device, logits.dtype).T, 1)


def decoded(logits: Tensor) -> Tensor:
    """Probabilities (B, 13) of AUs that follow from emotions: board.core.decoding's BY_EMOTION, in torch."""
    return emotion_probabilities(logits) @ _prototypes(logits.device, logits.dtype)


@functools.cache
def _prototypes(device: torch.device, dtype: torch.dtype) -> Tensor:
    """PROTOTYPES (7, 13) where the logits are."""
    with torch.inference_mode(False):  # who asks first may not learn, who asks next may
        return torch.from_numpy(PROTOTYPES).to(device, dtype)


def distillation_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy with the teacher's probabilities, both (B, AUs)."""
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.sigmoid(teacher))


def euclidean(logits: Tensor, labels: Tensor) -> Tensor:
    """The paper's equation 5, per face: root of the summed squared errors over the known AUs, (B,)."""
    errors = (torch.sigmoid(logits) - labels).nan_to_num()
    return errors.square().sum(1).sqrt()
