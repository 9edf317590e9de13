# SPDX-License-Identifier: Apache-2.0
"""Training with emotion outputs: losses by hand, what teachers say, what chooses the epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from bands import band_faces
from torch import Tensor, nn

from board.core.facs import AUS, PROTOTYPES
from qnn.data.faces import Faces
from qnn.data.mixing import Part
from qnn.training.batches import ResidentFaces
from qnn.training.emotion_outputs import EmotionOutputsTraining, area_under_curve, measured
from qnn.training.losses import difference_loss
from qnn.training.recipes import Recipe

RECIPE = Recipe(
    epochs=1, batch=4, learning_rate=1e-3, targets="labels", emotion_outputs=True, emotion_weight=0.7,
    difference_weight=0.4, decoding="independent", distillation_weight=0.3,
)  # fmt: skip


class Says(nn.Module):
    """A network that answers each face with the same row of logits, by the face's first pixel."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, faces: Tensor) -> Tensor:
        return self.logits[faces[:, 0, 0, 0].long()]


def numbered_faces() -> Faces:
    """Four faces that bear their number; the last one's emotion and AU1 are unknown."""
    faces = band_faces(4)
    pixels, labels, votes = faces.pixels.copy(), faces.labels * 0.6, faces.votes.copy()
    pixels[:, 0, 0] = np.arange(4)
    labels[3, 0], votes[3] = np.nan, 0
    return replace(faces, pixels=pixels, labels=labels, votes=votes)


def training(teachers: list[nn.Module], recipe: Recipe = RECIPE) -> EmotionOutputsTraining:
    faces = ResidentFaces(numbered_faces(), recipe)
    module = EmotionOutputsTraining(Says(torch.zeros(4, 20)), recipe, faces, faces, teachers)
    module.on_fit_start()
    return module


def random_logits(outputs: int, seed: int) -> Tensor:
    return torch.randn(4, outputs, generator=torch.Generator().manual_seed(seed))


def test_aus_learn_from_labels_and_emotions_from_votes() -> None:
    logits, faces = random_logits(20, 0), numbered_faces()
    module = training([])
    found = module.loss(logits, module.train_set.targets, module.train_set.votes, torch.empty(0))
    probabilities = torch.sigmoid(logits[:, :13]).numpy()
    entropy = -faces.labels * np.log(probabilities) - (1 - faces.labels) * np.log(1 - probabilities)
    emotions = -(faces.votes * torch.log_softmax(logits[:, 13:], 1).numpy()).sum(1).mean()
    errors = probabilities - faces.labels
    confused = ((1, 2), (2, 26), (6, 12), (5, 4), (7, 5), (4, 23), (12, 20), (12, 23), (6, 26))
    pairs = [(AUS.index(a), AUS.index(b)) for a, b in confused]
    differences = sum(np.nansum((errors[:, a] - errors[:, b]) ** 2) for a, b in pairs) / 4
    wanted = np.nansum(entropy) / (4 * 13) + 0.4 * differences + 0.7 * emotions
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_two_aus_that_move_as_one_cost_the_difference() -> None:
    """Cross-entropy alone would see the same in both."""
    labels = torch.zeros(2, 13)
    labels[0, 0] = labels[1, 1] = 1.0
    as_one, apart = torch.full((2, 13), -9.0), torch.full((2, 13), -9.0)
    as_one[:, :2] = 0.0
    apart[0, 0] = apart[1, 1] = 9.0
    assert difference_loss(as_one, labels, AUS) > 0.9
    assert difference_loss(apart, labels, AUS) < 1e-3
    assert difference_loss(as_one[:, :1], labels[:, :1], (1,)) == 0


def test_a_teacher_of_table_2_tells_emotions_of_voted_faces_alone() -> None:
    logits = random_logits(13, 1)
    module = training([Says(logits)])
    assert module.train_set.targets[:, 13:].isnan().all()
    wanted = torch.softmax(logits @ torch.from_numpy(PROTOTYPES).T, 1)
    torch.testing.assert_close(module.train_set.votes[:3, 7:], wanted[:3])
    assert module.train_set.votes[3, 7:].sum() == 0
    targets, votes = module.train_set.targets, module.train_set.votes
    assert torch.isfinite(module.loss(random_logits(20, 2), targets, votes, torch.empty(0)))


def test_of_two_teachers_one_of_table_2_takes_nothing_from_the_other() -> None:
    all_known, by_table = random_logits(20, 1), random_logits(13, 2)
    module = training([Says(by_table), Says(all_known)])
    torch.testing.assert_close(module.train_set.targets[:, 13:], torch.sigmoid(all_known[:, :13]))
    emotions = torch.softmax(all_known[:, 13:], 1)
    both = (emotions + torch.softmax(by_table @ torch.from_numpy(PROTOTYPES).T, 1)) / 2
    torch.testing.assert_close(module.train_set.votes[:, 7:], torch.cat([both[:3], emotions[3:]]))


def test_a_teacher_with_emotion_outputs_tells_everything() -> None:
    logits = [random_logits(20, seed) for seed in (1, 2)]
    module = training([Says(each) for each in logits])
    aus = torch.stack([torch.sigmoid(each[:, :13]) for each in logits]).mean(0)
    torch.testing.assert_close(module.train_set.targets[:, 13:], aus)
    student, targets, votes = random_logits(20, 3), module.train_set.targets, module.train_set.votes
    both = module.loss(student, targets, votes, torch.empty(0))
    labels_alone = module.loss(student, targets[:, :13], votes[:, :7], torch.empty(0))
    teacher_alone = module.loss(student, targets[:, 13:], votes[:, 7:], torch.empty(0))
    assert float(both) == pytest.approx(float(labels_alone + 0.3 * teacher_alone), rel=1e-5)
    module.on_fit_start()  # as a resumed stage does
    assert module.train_set.targets.shape == (4, 26)


def test_area_under_the_curve_counts_pairs() -> None:
    answers = np.array([3.0, 1.0, 2.0, 1.0, 0.0, 9.0], np.float32)
    labels = np.array([1.0, 0.5, 0.0, 0.0, 0.0, 0.3], np.float32)
    # 3 beats all three; 1 beats one, draws with one; a label of 0.3 is neither
    assert area_under_curve(answers, labels) == pytest.approx((3 + 1.5) / 6)
    assert np.isnan(area_under_curve(answers[:2], labels[:2]))


def test_the_score_is_the_mean_of_datasets_and_of_emotions() -> None:
    labels = np.full((8, 2), np.nan, np.float32)
    labels[:, 0] = [1, 0, 1, 0, 1, 0, 0, 0]
    logits = np.zeros((8, 9), np.float32)
    logits[:, 0] = [5, 1, 5, 1, 0, 1, 2, 3]  # right in the first dataset, wrong in the second
    votes = np.zeros((8, 7), np.float32)
    votes[:4, 1], logits[:3, 3] = 0.8, 1.0
    votes[4] = 1 / 7  # no majority
    found = measured(logits, labels, votes, (Part("one", 4, 0.5), Part("two", 4, 0.5)))
    assert found == {"auc_one": 1.0, "auc_two": 0.0, "emotion_accuracy": 0.75, "score": pytest.approx(0.625)}


def test_losses_are_at_full_precision_in_a_network_of_less() -> None:
    """Half of a bfloat16 logit's bits would be lost in sums over a batch."""
    module = training([])
    module.model = nn.Linear(6, 20)
    inputs = torch.randn(4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        assert module.model(inputs).dtype == torch.bfloat16
        loss, logits = module._loss_and_logits(inputs, module.train_set.targets, module.train_set.votes)
    assert logits.dtype == loss.dtype == torch.float32
    wanted = module.loss(logits, module.train_set.targets, module.train_set.votes, inputs)
    assert float(loss.detach()) == float(wanted.detach())
