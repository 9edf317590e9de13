# SPDX-License-Identifier: Apache-2.0
"""The float network has the paper's counts and shapes."""

from __future__ import annotations

import pytest
import torch

from qnn.network.model import Architecture, Cbam, CbamCnn, parameter_counts


def test_parameters_are_the_papers() -> None:
    assert parameter_counts(CbamCnn(Architecture(aus=7))) == (1_446_605, 256)


def test_attention_costs_what_its_layers_hold() -> None:
    attention = 2 * (128 * 32 + 64 * 32) + 2 * (2 * 49 + 1)
    without = parameter_counts(CbamCnn(Architecture(aus=7, attention=False)))
    assert without == (1_446_605 - attention, 256)


@pytest.mark.parametrize("aus", [5, 7, 12, 13])
@pytest.mark.parametrize("attention", [True, False])
def test_logits_have_one_column_per_au(aus: int, attention: bool) -> None:
    model = CbamCnn(Architecture(aus, attention, divisor=8)).eval()
    assert model(torch.zeros(2, 3, 48, 48)).shape == (2, aus)


def test_maps_have_the_papers_shapes() -> None:
    model = CbamCnn(Architecture()).eval()
    shapes: dict[str, tuple[int, ...]] = {}
    for name in ("conv1", "conv2", "attention1", "conv4", "conv5", "attention2", "fc1", "fc2"):
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, result, name=name: shapes.update({name: tuple(result.shape[1:])})
        )
    model(torch.zeros(1, 3, 48, 48))
    assert shapes == {
        "conv1": (32, 48, 48), "conv2": (64, 48, 48), "attention1": (128, 24, 24), "conv4": (128, 12, 12),
        "conv5": (64, 6, 6), "attention2": (64, 3, 3), "fc1": (1024,), "fc2": (512,),
    }  # fmt: skip


def test_attention_only_dampens() -> None:
    x = torch.randn(2, 16, 6, 6, generator=torch.Generator().manual_seed(0))
    assert (Cbam(16, 4)(x).abs() <= x.abs()).all()


@pytest.mark.parametrize("divisor", [1, 2, 4, 8])
def test_a_divisor_divides_every_width(divisor: int) -> None:
    architecture = Architecture(divisor=divisor)
    assert [c * divisor for c in architecture.conv_channels] == [32, 64, 128, 128, 64]
    assert architecture.hidden * divisor == 32
    assert architecture.flat * divisor == 576


@pytest.mark.parametrize(("aus", "divisor", "message"), [(0, 1, "at least one AU"), (13, 3, "1, 2, 4, 8, got 3")])
def test_an_impossible_geometry_is_refused(aus: int, divisor: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture(aus=aus, divisor=divisor)


def test_emotions_have_outputs_of_their_own_behind_the_aus() -> None:
    architecture = Architecture(divisor=8, emotions=7)
    assert architecture.outputs == 20
    assert CbamCnn(architecture).eval()(torch.zeros(2, 3, 48, 48)).shape == (2, 20)


def test_other_numbers_of_emotions_are_refused() -> None:
    with pytest.raises(ValueError, match="emotions 0 or 7, got 8"):
        Architecture(emotions=8)
