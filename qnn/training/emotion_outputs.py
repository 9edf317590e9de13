# SPDX-License-Identifier: Apache-2.0
"""Training of networks whose emotions have outputs of their own: AUs by their labels, emotions by votes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from board.core.facs import AUS, EMOTIONS
from qnn.data.mixing import Part
from qnn.network.pixels import channels_first, network_input
from qnn.training.batches import ResidentFaces
from qnn.training.losses import LOSSES, au_loss, difference_loss, emotion_probabilities, vote_loss
from qnn.training.module import AuTraining, full_precision
from qnn.training.recipes import Recipe

ASKED_AT_ONCE = 64
"""Faces that teachers answer for at once."""
SHOWN = 0.5
"""Labels of this strength or more show an AU, labels of 0 do not; what lies between measures nothing."""


class EmotionOutputsTraining(AuTraining):
    """Logits are those of the AUs, then those of the emotions.

    Teachers answer once, for every face as it is: a corrupted face is to look like the clean one. Their answers are
    further columns of targets (N, 2 * AUs) and votes (N, 14), so that they are blended as labels are. Of several
    teachers, each answer is the mean of those who know it.
    """

    score = "score"

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        train_set: ResidentFaces,
        validation_set: ResidentFaces,
        teachers: Sequence[nn.Module],
        validation_parts: Sequence[Part] = (),
    ) -> None:
        super().__init__(model, recipe, train_set, validation_set, teachers)
        self.aus = train_set.labels.shape[1]
        self.validation_parts = validation_parts or (Part("validation", len(validation_set), 1.0),)
        self.answers: list[Tensor] = []

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.teachers and self.train_set.targets.shape[1] == self.aus:
            answers = [self._answers(teacher) for teacher in self.teachers]
            aus, emotions = (torch.stack(of_all).nanmean(0) for of_all in zip(*answers, strict=True))
            self.train_set.targets = torch.cat([self.train_set.targets, aus], 1)
            self.train_set.votes = torch.cat([self.train_set.votes, emotions.nan_to_num(0.0)], 1)

    def _answers(self, teacher: nn.Module) -> tuple[Tensor, Tensor]:
        """Probabilities of AUs (N, AUs) and emotions (N, 7) that a teacher gives training faces, NaN where unknown.

        One without emotion outputs knows its emotions by Table 2, which says no more of AUs: these are unknown, and so
        are emotions of faces without votes, which it never learned from.
        """
        pixels, voted = self.train_set.pixels, self.train_set.votes.sum(1) > 0
        if ask(teacher, pixels[:1]).shape[1] > self.aus:
            logits = ask(teacher, pixels)
            return torch.sigmoid(logits[:, : self.aus]), torch.softmax(logits[:, self.aus :], 1)
        emotions = torch.full_like(self.train_set.votes[:, : len(EMOTIONS)], torch.nan)
        emotions[voted] = emotion_probabilities(ask(teacher, pixels[voted]))
        return torch.full_like(self.train_set.labels, torch.nan), emotions

    def loss(self, logits: Tensor, targets: Tensor, votes: Tensor, faces: Tensor) -> Tensor:
        """The recipe's weighted sum of losses, with the teachers' answers, where there are any, beside the labels."""
        total = self._loss_against(logits, targets[:, : self.aus], votes[:, : len(EMOTIONS)])
        if targets.shape[1] > self.aus:
            taught = self._loss_against(logits, targets[:, self.aus :], votes[:, len(EMOTIONS) :])
            total = total + self.recipe.distillation_weight * taught
        return total

    def _loss_against(self, logits: Tensor, labels: Tensor, votes: Tensor) -> Tensor:
        """Losses of AUs and emotions against what labels and votes, or a teacher, say."""
        aus, recipe = logits[:, : self.aus], self.recipe
        total = au_loss(LOSSES[recipe.loss], aus, labels, self.au_weights)
        total = total + recipe.difference_weight * difference_loss(aus, labels, AUS)
        return total + recipe.emotion_weight * vote_loss(logits[:, self.aus :], votes)

    def on_validation_epoch_start(self) -> None:
        self.answers = []

    def validation_step(self, rows: Tensor, index: int) -> None:
        known = self.validation_set
        with full_precision(self.device):
            logits = self.model(network_input(channels_first(known.pixels[rows])))
            loss = self._loss_against(logits, known.targets[rows], known.votes[rows])
        self.log("valid_loss", loss, on_epoch=True, batch_size=len(rows), sync_dist=True)
        self.answers.append(logits)

    def on_validation_epoch_end(self) -> None:
        known = self.validation_set
        found = measured(
            torch.cat(self.answers).cpu().numpy(),
            known.labels.cpu().numpy(),
            known.votes.cpu().numpy(),
            self.validation_parts,
        )
        for name, value in found.items():
            self.log(name, value, prog_bar=name == self.score)


@torch.no_grad()
def ask(teacher: nn.Module, pixels: Tensor) -> Tensor:
    """Logits (N, outputs) that a teacher gives faces."""
    batches = (teacher(network_input(channels_first(batch))) for batch in pixels.split(ASKED_AT_ONCE))
    return torch.cat([batch.float() for batch in batches])


def measured(
    logits: npt.NDArray[np.float32],
    labels: npt.NDArray[np.float32],
    votes: npt.NDArray[np.float32],
    parts: Sequence[Part],
) -> dict[str, float]:
    """What chooses the epoch: `score`, the mean of mean AUC and emotion accuracy, and what it is made of.

    Args:
        logits: Of AUs and emotions, (N, AUs + 7).
        labels: Strengths (N, AUs), NaN where unknown.
        votes: Shares (N, 7), rows of 0 where no emotion applies.
        parts: The rows of each dataset: the mean AUC is that of their means.
    """
    aus = labels.shape[1]
    found, row = {}, 0
    for part in parts:
        rows = slice(row, row := row + part.faces)
        areas = [area_under_curve(logits[rows, au], labels[rows, au]) for au in range(aus)]
        if not np.isnan(areas).all():
            found[f"auc_{part.name}"] = float(np.nanmean(areas))
    score = [float(np.mean(list(found.values())))] if found else []
    if (clear := votes.max(1) > 0.5).any():
        right = logits[clear, aus:].argmax(1) == votes[clear].argmax(1)
        found["emotion_accuracy"] = float(right.mean())
        score.append(found["emotion_accuracy"])
    found["score"] = float(np.mean(score)) if score else 0.0
    return found


def area_under_curve(answers: npt.NDArray[np.float32], labels: npt.NDArray[np.float32]) -> float:
    """AUC of answers (N,): faces that show an AU against faces without it; NaN where there are none of a kind."""
    shown, without = answers[labels >= SHOWN], np.sort(answers[labels == 0])
    if not len(shown) or not len(without):
        return float("nan")
    below = np.searchsorted(without, shown, "left") + np.searchsorted(without, shown, "right")
    return float(below.mean() / 2 / len(without))
