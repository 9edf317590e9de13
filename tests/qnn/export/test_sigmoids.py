# SPDX-License-Identifier: Apache-2.0
"""Sigmoids are quantized alike by every runtime, on every value that can reach them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brevitas.nn import QuantIdentity
from quantized_networks import calibrated_network, varied_faces

from board.core.quantizer import Quantizer
from board.executors.executor import planes
from qnn.export import sigmoids
from qnn.export.sigmoids import (
    channel_values,
    correct_sigmoids,
    exact_sigmoid,
    gate_codes,
    onnx_sigmoid,
    settle,
    spatial_values,
    torch_sigmoids,
)
from qnn.network.model import Architecture
from qnn.network.quantized import QuantCbam, QuantCbamCnn

LAYERS = (
    "attention1.channel_sigmoid", "attention1.spatial_sigmoid",
    "attention2.channel_sigmoid", "attention2.spatial_sigmoid",
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> QuantCbamCnn:
    """A frozen network with its sigmoids settled."""
    network = calibrated_network(Architecture(divisor=8), "w4a4").freeze()
    correct_sigmoids(network)
    return network


def boundary(code: int) -> np.float32:
    """The float32 whose sigmoid is nearest to the boundary between a code and the next."""
    fraction = (code + 0.5) / 16
    return np.float32(np.log(fraction / (1 - fraction)))


@pytest.mark.parametrize("code", range(15))
def test_a_value_on_a_boundary_is_moved_off_it(code: int) -> None:
    values = np.array([*(np.arange(-400, 401) / 64), boundary(code)], np.float32)
    check = settle("sigmoid", values)
    assert 0 < abs(check.correction) < 1e-3
    assert check.margin == sigmoids.MARGINS[0]
    moved = values + np.float32(check.correction)
    codes = gate_codes(exact_sigmoid(moved))
    for sigmoid in (*torch_sigmoids(moved), onnx_sigmoid(moved)):
        np.testing.assert_array_equal(gate_codes(sigmoid), codes)
    assert (np.diff(codes[np.argsort(moved)]) >= 0).all()


def test_disagreements_are_counted_for_every_channel() -> None:
    """Around a boundary runtimes do differ, which is why all this is needed."""
    near = boundary(0) + np.arange(-40, 41, dtype=np.float32) * np.spacing(boundary(0))
    undecided = near[sigmoids._disagree(near)]
    assert len(undecided) > 0
    check = settle("sigmoid", np.concatenate([undecided[:1]] * 5))
    assert (check.values, check.disagreements) == (5, 5)
    assert check.correction != 0


def test_the_smallest_correction_is_taken() -> None:
    values = np.array([boundary(7)], np.float32)
    check = settle("sigmoid", values)
    smaller = values + np.float32(check.correction / 2)
    assert sigmoids._too_near(smaller, check.margin).all()


def test_harmless_values_are_left_alone() -> None:
    check = settle("sigmoid", np.arange(-1000, 1001, dtype=np.float32) / 32)
    assert (check.correction, check.disagreements, check.values) == (0.0, 0, 2001)


def test_a_grid_too_fine_for_float32_is_refused() -> None:
    around = boundary(0) + np.arange(-5000, 5000, dtype=np.float32) * np.spacing(boundary(0))
    with pytest.raises(ValueError, match=r"quantize attention1\.x alike: its accumulator's steps of .* too fine"):
        settle("attention1.x", around)


def test_what_reaches_the_sigmoids_was_evaluated(network: QuantCbamCnn) -> None:
    met: dict[str, np.ndarray] = {}
    handles = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, inputs, _result, name=name: met.update({name: inputs[0].numpy()})
        )
        for name in LAYERS
    ]
    network(torch.from_numpy(planes(varied_faces(12))))
    for handle in handles:
        handle.remove()
    for name, values in met.items():
        block = network.get_submodule(name.partition(".")[0])
        assert isinstance(block, QuantCbam)
        reachable = channel_values(block) if "channel" in name else spatial_values(block)
        assert np.isin(values, reachable).all(), name
        assert len(np.unique(values)) > 3, name


def test_each_channel_contributes_its_whole_range(network: QuantCbamCnn) -> None:
    block = network.attention1
    assert isinstance(block, QuantCbam)
    weights = block.fc2.quant_weight().int().numpy().astype(int)
    count = sum(2 * 15 * int(np.abs(row).sum()) + 1 for row in weights)
    assert len(channel_values(block)) == count


def test_nothing_to_correct_without_attention() -> None:
    network = calibrated_network(Architecture(attention=False, divisor=8), "w4a4").freeze()
    assert correct_sigmoids(network) == ()


def test_reachable_values_begin_and_end_where_the_sums_do(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, none = Quantizer(np.array([0.5]), 2, signed=False), QuantIdentity()  # 0 to 3
    monkeypatch.setattr(sigmoids, "quantizer_of", lambda source: inputs)
    weights, scale, bias = np.array([[1, -1], [2, 0]]), np.array([0.125, 0.125]), np.array([3, -5]) / 16
    found = sigmoids._reachable(weights, scale, none, 1, bias)
    np.testing.assert_array_equal(16 * found, [*range(0, 7), *range(-5, 2)])
    doubled = sigmoids._reachable(weights[:1], scale[:1], none, 2, None)
    np.testing.assert_array_equal(16 * doubled, range(-6, 7))
