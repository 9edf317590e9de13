# SPDX-License-Identifier: Apache-2.0
"""Muon: what counts as a matrix, orthogonal steps, AdamW's for the rest, and a state that resumes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import PRESETS
from qnn.network.quantized import QuantCbamCnn
from qnn.training.module import OUTPUT, optimiser_of
from qnn.training.muon import Muon, is_matrix, orthogonalised
from qnn.training.recipes import Recipe

RECIPE = Recipe(epochs=1, batch=4, learning_rate=1e-3, matrix_rate=0.02, optimiser="muon")


def network() -> CbamCnn:
    torch.manual_seed(0)
    return CbamCnn(Architecture(divisor=8))


def step(model: nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed)
    optimiser.zero_grad()
    model(torch.rand(4, 3, 48, 48) * 255).square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("shape", [(32, 27), (7, 7), (16, 3, 3, 3), (200, 40)])
def test_singular_values_come_near_one(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape).flatten(1)
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.min() > 0.3 and values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    agreement = (orthogonalised(matrix) * (left @ right)).sum() / len(values)
    assert agreement > 0.7  # the same directions: the polar factor, not just any orthogonal matrix


def test_biases_scales_and_single_outputs_are_no_matrices() -> None:
    network = QuantCbamCnn(Architecture(divisor=8), PRESETS["w4a4"])
    matrices = {name for name, p in network.named_parameters() if is_matrix(p)}
    layers = {f"conv{n}" for n in range(1, 6)} | {"fc1", "fc2", "fc3"}
    layers |= {f"attention{block}.fc{n}" for block in (1, 2) for n in (1, 2)}
    assert matrices == {f"{layer}.weight" for layer in layers}


def test_the_output_layer_moves_as_adamw_moves_it() -> None:
    model = network()
    muon = optimiser_of(model, RECIPE)
    hidden, others = muon.param_groups
    output = dict(model.named_parameters())[OUTPUT]
    assert any(p is output for p in others["params"])
    assert all(is_matrix(p) for p in hidden["params"])
    assert (hidden["lr"], others["lr"], others["weight_decay"]) == (0.02, 1e-3, 0)
    other = copy.deepcopy(model)
    wanted = torch.optim.AdamW([dict(other.named_parameters())[OUTPUT]], 1e-3, weight_decay=0)
    for seed in range(3):
        hidden["lr"] = 0.0  # so that both networks hand the output layer the same gradients
        others["params"][:] = [output]
        step(model, muon, seed)
        step(other, wanted, seed)
    torch.testing.assert_close(output, dict(other.named_parameters())[OUTPUT], rtol=1e-5, atol=1e-7)


def test_a_step_changes_every_direction_alike() -> None:
    model = network()
    before = model.fc2.weight.detach().clone()
    muon = Muon([model.fc2.weight], [], matrix_rate=0.1, rate=0.0, weight_decay=0.0)
    step(model, muon, 0)
    moved = torch.linalg.svdvals(model.fc2.weight.detach() - before) / 0.1
    assert (moved[:4] > 0.3).all() and moved.max() < 1.3  # four faces give a gradient of rank four


def test_weights_decay_and_biases_do_not() -> None:
    model = network()
    muon = Muon([model.fc1.weight], [model.fc1.bias], matrix_rate=0.1, rate=0.1, weight_decay=0.5)
    model.fc1.weight.grad, model.fc1.bias.grad = torch.zeros_like(model.fc1.weight), torch.zeros_like(model.fc1.bias)
    weight, bias = model.fc1.weight.detach().clone(), model.fc1.bias.detach().clone()
    muon.step()
    torch.testing.assert_close(model.fc1.weight.detach(), weight * (1 - 0.1 * 0.5))
    assert torch.equal(model.fc1.bias.detach(), bias)


def test_a_saved_state_goes_on_with_the_same_bits() -> None:
    model = network()
    muon = optimiser_of(model, RECIPE)
    step(model, muon, 0)
    other = copy.deepcopy(model)
    resumed = optimiser_of(other, RECIPE)
    resumed.load_state_dict(copy.deepcopy(muon.state_dict()))
    step(model, muon, 1)
    step(other, resumed, 1)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_state_of_an_older_version_goes_on() -> None:
    """It counted the steps of each parameter that AdamW moves."""
    model = network()
    muon = optimiser_of(model, RECIPE)
    step(model, muon, 0)
    state = copy.deepcopy(muon.state_dict())
    for group in state["param_groups"]:
        for index in group["params"]:
            if not group["orthogonal"]:
                state["state"][index]["steps"] = torch.tensor(float(group["steps"]))
        del group["steps"]
    other = copy.deepcopy(model)
    resumed = optimiser_of(other, RECIPE)
    resumed.load_state_dict(state)
    step(model, muon, 1)
    step(other, resumed, 1)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
