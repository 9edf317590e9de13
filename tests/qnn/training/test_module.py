# SPDX-License-Identifier: Apache-2.0
"""The pieces of a training stage: order, targets, draws that several processes share."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from bands import band_faces
from torch import Tensor, nn

from board.core.facs import PROTOTYPES
from qnn.data.mixing import Part, follow_from_emotion
from qnn.network.model import Architecture, CbamCnn
from qnn.network.pixels import channels_first, network_input
from qnn.network.presets import PRESETS
from qnn.network.quantized import QuantCbamCnn
from qnn.training import distributed
from qnn.training.augmentation import Augmentation
from qnn.training.batches import ResidentFaces, ShuffledRows
from qnn.training.distributed import SharedBatchNorm2d, SharedDropout, share, shared_rand
from qnn.training.emotion_outputs import EmotionOutputsTraining
from qnn.training.module import FEATURES, AuTraining, optimiser_of
from qnn.training.recipes import Recipe

RECIPE = Recipe(epochs=1, batch=4, learning_rate=1e-3)


def as_process(patch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    """Let this process take itself for one of several."""
    patch.setattr(distributed, "rank_and_world", lambda: (rank, world))
    patch.setattr("qnn.training.batches.rank_and_world", lambda: (rank, world))


def rows_of(order: ShuffledRows) -> list[list[int]]:
    return [batch.tolist() for batch in order]


def test_batches_go_on_where_the_steps_stand() -> None:
    taken = 0
    batches = ShuffledRows(faces=23, batch=5, seed=1, step=lambda: taken)
    first = rows_of(batches)
    assert len(first) == len(batches) == 4
    assert len({face for batch in first for face in batch}) == 20
    taken = 3
    assert rows_of(batches) == first[3:]
    taken = 4
    second = rows_of(batches)
    assert second != first
    assert rows_of(ShuffledRows(23, 5, 1, lambda: 4)) == second
    assert rows_of(ShuffledRows(23, 5, 2, lambda: 0)) != first


def test_processes_share_every_batch_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows_of(ShuffledRows(24, 6, 1, lambda: 0))
    parts = []
    for rank in range(2):
        as_process(monkeypatch, rank, 2)
        parts.append(rows_of(ShuffledRows(24, 6, 1, lambda: 0)))
    assert [a + b for a, b in zip(*parts, strict=True)] == whole
    as_process(monkeypatch, 0, 4)
    with pytest.raises(ValueError, match="must divide the batch of 6 faces, got 4 processes"):
        rows_of(ShuffledRows(24, 6, 1, lambda: 0))


PARTS = (Part("first", 20, 0.5), Part("second", 7, 0.3), Part("third", 9, 0.2))


def test_every_batch_mixes_the_datasets_by_their_shares() -> None:
    taken = 0
    batches = ShuffledRows(36, 10, 1, lambda: taken, PARTS)
    first = rows_of(batches)
    assert len(first) == len(batches) == 4  # an epoch is one of the first dataset
    assert sorted(row for batch in first for row in batch[:5]) == list(range(20))
    others = [row for batch in first for row in batch[5:8]]
    assert sorted(others[:7]) == list(range(20, 27)) and len(set(others[7:])) == 5  # begun anew
    assert all(27 <= row < 36 for batch in first for row in batch[8:])
    taken = 2
    assert rows_of(batches) == first[2:]
    taken = 4
    second = rows_of(batches)
    assert [row for batch in first + second for row in batch[5:8]][7:14] != others[:7]
    assert sorted([row for batch in first + second for row in batch[5:8]][7:14]) == list(range(20, 27))
    with pytest.raises(ValueError, match="a batch of 1 faces has no room for first: lower the others' shares"):
        ShuffledRows(36, 1, 1, lambda: 0, PARTS)


def test_processes_draw_what_one_would(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.ones(6, 3, 4, 4)
    dropout = SharedDropout(0.5)

    def draw(rows: Tensor) -> list[Tensor]:
        torch.manual_seed(7)
        return [shared_rand(rows, 2), dropout(rows), RECIPE.augmentation.warp(rows * torch.arange(16.0).view(4, 4))]

    whole = draw(x)
    shares = []
    for rank in range(3):
        as_process(monkeypatch, rank, 3)
        shares.append(draw(x[2 * rank : 2 * rank + 2]))
    for one, several in zip(whole, zip(*shares, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(several), one, rtol=0, atol=0)


def test_dropout_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x = torch.ones(200, 50)
    dropped = SharedDropout(0.2)(x)
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)
    assert torch.equal(SharedDropout(0.2).eval()(x), x)


def test_shared_batch_norm_of_one_process_is_batch_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "_Sum", type("Alone", (), {"apply": staticmethod(lambda x: x)}))
    torch.manual_seed(0)
    usual, shared = nn.BatchNorm2d(3), SharedBatchNorm2d(3)
    x = torch.randn(8, 3, 5, 5) * 4 + 2
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [norm(rows) for norm, rows in zip((usual, shared), inputs, strict=True)]
    for output in outputs:
        output.square().sum().backward()
        output.sin().sum()
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    torch.testing.assert_close(usual.running_mean, shared.running_mean)
    torch.testing.assert_close(usual.running_var, shared.running_var)


def test_sharing_keeps_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model = CbamCnn(Architecture(divisor=8))
    before = copy.deepcopy(model.state_dict())
    as_process(monkeypatch, 0, 2)
    share(model)
    assert isinstance(model.bn, SharedBatchNorm2d) and isinstance(model.dropout, SharedDropout)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_votes_become_targets_where_aus_follow_from_the_emotion() -> None:
    faces = band_faces(8)
    assert follow_from_emotion(faces)
    by_votes = ResidentFaces(faces, RECIPE)
    np.testing.assert_allclose(by_votes.targets, faces.votes @ PROTOTYPES)
    by_labels = ResidentFaces(faces, replace(RECIPE, targets="labels"))
    np.testing.assert_array_equal(by_labels.targets, faces.labels)
    assert by_labels.votes.max(1).values.tolist() == [1.0] * 8


def test_aus_that_a_coder_saw_are_the_targets() -> None:
    faces = band_faces(8)
    labels = faces.labels.copy()
    labels[0, 0] = np.nan
    coded = replace(faces, labels=labels)
    assert not follow_from_emotion(coded)
    np.testing.assert_array_equal(ResidentFaces(coded, RECIPE).targets, labels)


def test_early_layers_learn_more_slowly() -> None:
    model = CbamCnn(Architecture(divisor=8))
    recipe = replace(RECIPE, optimiser="adamw", early_rate=0.25)
    groups = optimiser_of(model, recipe).param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    found = {name: rates[id(p)] for name, p in model.named_parameters()}
    assert found["conv1.weight"] == found["bn.bias"] == found["attention1.fc1.weight"] == 0.25e-3
    assert found["conv4.weight"] == found["fc3.bias"] == found["attention2.fc1.weight"] == 1e-3
    assert len(rates) == len(list(model.parameters()))
    still = replace(recipe, early_rate=0.0)
    faces = ResidentFaces(band_faces(4), still)
    held = AuTraining(model, still, faces, faces, []).model
    moving = {id(p) for group in optimiser_of(held, still).param_groups for p in group["params"]}
    for name, p in held.named_parameters():
        assert p.requires_grad == (id(p) in moving) == (found[name] == 1e-3), name
    with pytest.raises(ValueError, match=r"early_rate needs optimiser adamw, got 0\.25 with muon"):
        replace(RECIPE, early_rate=0.25)


class Says(nn.Module):
    """A network that answers the same logits to whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, faces: Tensor) -> Tensor:
        return self.logits


def test_the_teachers_mean_stands_in_for_the_labels() -> None:
    recipe = replace(RECIPE, distillation_weight=1.0, emotion_weight=0.5)
    faces = ResidentFaces(band_faces(4), recipe)
    logits, one, other = torch.randn(3, 4, 13, generator=torch.Generator().manual_seed(0))
    training = AuTraining(Says(logits), recipe, faces, faces, [Says(one), Says(other)])
    mean, patterns = (one + other) / 2, torch.from_numpy(PROTOTYPES).T
    aus = nn.functional.binary_cross_entropy(torch.sigmoid(logits), torch.sigmoid(mean))
    emotions = nn.functional.cross_entropy(logits @ patterns, torch.softmax(mean @ patterns, 1))
    assert float(training.distillation(logits, faces.pixels)) == pytest.approx(float(aus + 0.5 * emotions), rel=1e-5)


def test_no_state_of_a_broken_loss_is_saved() -> None:
    faces = ResidentFaces(band_faces(8), RECIPE)
    training = AuTraining(CbamCnn(Architecture(divisor=8)), RECIPE, faces, faces, [])
    training.on_save_checkpoint({})
    training.last_loss = torch.tensor(1.0)
    training.on_save_checkpoint({})
    training.last_loss = torch.tensor(float("nan"))
    with pytest.raises(ValueError, match="the loss must stay finite, got nan"):
        training.on_save_checkpoint({})


TINY = Architecture(divisor=8, emotions=7)
VIEWS = replace(
    RECIPE, optimiser="adamw", early_rate=0.0, views=2, emotion_outputs=True, targets="labels", decoding="independent"
)


def network(preset: str) -> CbamCnn | QuantCbamCnn:
    torch.manual_seed(0)
    model = CbamCnn(TINY) if preset == "float" else QuantCbamCnn(TINY, PRESETS[preset])
    model.dropout.p = 0.0
    faces = network_input(channels_first(torch.from_numpy(band_faces(8).pixels)))
    model.train()
    with torch.no_grad():
        for _ in range(45):  # activation scales and statistics
            model(faces)
    return model


def features_of(module: EmotionOutputsTraining) -> Tensor:
    assert module.train_set.features is not None
    return module.train_set.features


def viewing(preset: str, recipe: Recipe = VIEWS) -> EmotionOutputsTraining:
    faces = ResidentFaces(band_faces(20), recipe)
    module = EmotionOutputsTraining(network(preset), recipe, faces, faces, [])
    module.on_fit_start()
    return module


@pytest.mark.parametrize("preset", ["float", "w4a4"])
def test_features_are_what_the_rest_of_the_network_takes(preset: str) -> None:
    module = viewing(preset, replace(VIEWS, views=1, augmentation=Augmentation(0, 0, 0, 0, mirror=False)))
    rows = torch.arange(20)
    features, targets, _ = module.augmented(rows)
    assert features.shape == (20, 16, 6, 6) and torch.equal(targets, module.train_set.targets)
    model = module.model.eval()
    assert isinstance(model, CbamCnn | QuantCbamCnn)
    with torch.no_grad():
        found = model.from_features(features)
        whole = model(network_input(channels_first(module.train_set.pixels)))
    if preset == "float":
        torch.testing.assert_close(found, whole, rtol=0, atol=0.02)  # features have eight bits of their own
    else:
        assert torch.equal(found, whole)
    assert whole.std(0).min() > 0.0


@pytest.mark.parametrize("preset", ["float", "w4a4"])
def test_views_are_drawn_once_from_the_seed(preset: str) -> None:
    module, again = viewing(preset), viewing(preset)
    views = features_of(module)
    assert views.shape == (2, 20, 16, 6, 6)
    assert torch.equal(views, features_of(again)) and not torch.equal(views[0], views[1])
    other = features_of(viewing(preset, replace(VIEWS, seed=1)))
    assert not torch.equal(views, other)
    torch.manual_seed(0)
    rows = torch.arange(20)
    drawn = module.augmented(rows)[0]
    chosen = [(drawn == view.float()).flatten(1).all(1) for view in views]
    assert torch.all(chosen[0] | chosen[1]) and chosen[0].any() and chosen[1].any()


@pytest.mark.parametrize("preset", ["float", "w4a4"])
def test_layers_whose_features_are_kept_do_not_learn(preset: str) -> None:
    module = viewing(preset)
    before = copy.deepcopy(module.model.state_dict())
    batch = module.augmented(torch.arange(20))
    optimiser = optimiser_of(module.model, module.recipe)
    module.model.train()
    loss, _ = module._loss_and_logits(*batch)
    loss.backward()
    optimiser.step()
    after = module.model.state_dict()
    learned = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"conv5.weight", "fc1.weight", "fc3.weight"} <= learned
    assert not [name for name in learned if name.startswith(FEATURES)]


def test_views_need_layers_that_rest() -> None:
    for wrong in ({"early_rate": 0.5}, {"emotion_outputs": False}, {"augmentation": Augmentation(mix_up=0.2)}):
        with pytest.raises(ValueError, match="views need early_rate 0"):
            replace(VIEWS, **wrong)
    with pytest.raises(ValueError, match="need views >= 0, got -1"):
        replace(VIEWS, views=-1)
