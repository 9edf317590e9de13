# SPDX-License-Identifier: Apache-2.0
"""The quantized network computes integers times powers of two, in every preset."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from quantized_networks import calibrated_network, varied_faces

from board.executors.executor import planes
from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import PRESETS
from qnn.network.quantized import Affine, QuantCbamCnn, _plain

TINY = Architecture(divisor=8)


@pytest.fixture(scope="module", params=PRESETS)
def network(request: pytest.FixtureRequest) -> QuantCbamCnn:
    """A frozen network of every preset."""
    return calibrated_network(TINY, request.param).freeze()


def bits(network: QuantCbamCnn, name: str) -> int:
    """Width of a layer's weights or of a quantizer's codes."""
    module = network.get_submodule(name)
    if isinstance(module, QuantIdentity):
        return int(module.act_quant.bit_width())
    assert isinstance(module, QuantConv2d | QuantLinear)
    return int(module.weight_quant.bit_width())


def scale(network: QuantCbamCnn, quantizer: str) -> torch.Tensor:
    """Scale of a quantizer's codes."""
    module = network.get_submodule(quantizer)
    assert isinstance(module, QuantIdentity)
    return module.act_quant.scale()


def is_power_of_two(scale: torch.Tensor) -> bool:
    return bool((torch.frexp(scale)[0] == 0.5).all())


def test_every_scale_is_a_power_of_two(network: QuantCbamCnn) -> None:
    for module in network.modules():
        if isinstance(module, QuantIdentity):
            assert is_power_of_two(module.act_quant.scale())
        if isinstance(module, QuantConv2d | QuantLinear):
            assert is_power_of_two(module.quant_weight().scale)
    assert is_power_of_two(network.output_scale())


def test_widths_are_the_presets(network: QuantCbamCnn) -> None:
    preset = network.preset
    expected = {
        "conv1": preset.first_bits, "conv2": preset.weight_bits, "conv5": preset.weight_bits,
        "attention1.fc1": preset.attention_bits, "attention2.spatial": preset.attention_bits,
        "fc1": preset.head_bits, "fc2": preset.head_bits, "fc3": preset.output_bits,
    }  # fmt: skip
    assert {name: bits(network, name) for name in expected} == expected
    codes = {"pixels_q": 8, "conv1_q": preset.activation_bits, "attention1.channel_descriptors_q": 8,
             "attention1.channel_gate_q": 4, "attention2.channel_q": preset.attention_bits,
             "attention2.spatial_q": preset.activation_bits, "fc2_q": preset.activation_bits}  # fmt: skip
    assert {name: bits(network, name) for name in codes} == codes


def test_weights_are_narrow(network: QuantCbamCnn) -> None:
    """Two bits are ternary, as the RTL's multipliers need."""
    for module in network.modules():
        if isinstance(module, QuantConv2d | QuantLinear):
            weight = module.quant_weight()
            assert int(weight.int().abs().max()) <= (1 << (int(weight.bit_width) - 1)) - 1


def test_every_accumulator_is_an_integer(network: QuantCbamCnn) -> None:
    """What each convolution and dense layer gives is a whole number of its scale, bias included."""
    sums: dict[str, torch.Tensor] = {}

    def hook(name: str) -> None:
        def keep(module: QuantConv2d | QuantLinear, inputs: tuple, result: torch.Tensor) -> None:
            weight = module.quant_weight().scale.flatten()
            shape = (-1, 1, 1) if isinstance(module, QuantConv2d) else (-1,)
            sums[name] = result / (weight * scale(network, source[name])).reshape(shape)

        network.get_submodule(name).register_forward_hook(keep)

    source = {"conv1": "pixels_q", "conv2": "conv1_q", "conv3": "conv2_q", "conv4": "attention1.spatial_q",
              "conv5": "conv4_q", "attention1.fc1": "attention1.channel_descriptors_q",
              "attention1.fc2": "attention1.fc1_q", "attention1.spatial": "attention1.spatial_descriptors_q",
              "fc1": "attention2.spatial_q", "fc2": "fc1_q", "fc3": "fc2_q"}  # fmt: skip
    for name in source:
        hook(name)
    network(torch.from_numpy(planes(varied_faces(6))))
    assert set(sums) == set(source)
    for name, accumulators in sums.items():
        assert torch.equal(accumulators, accumulators.round()), name
        assert float(accumulators.abs().max()) < 2**24, name


def test_logits_are_one_affine_of_the_accumulators(network: QuantCbamCnn) -> None:
    pixels = torch.from_numpy(planes(varied_faces(6)))
    accumulators = network.accumulators(pixels)
    assert accumulators.dtype == torch.int32
    assert torch.equal(accumulators * network.output_scale() + network.fc3_bias, network(pixels))


def test_faces_matter(network: QuantCbamCnn) -> None:
    accumulators = network.accumulators(torch.from_numpy(planes(varied_faces(12)))).numpy()
    assert len(np.unique(accumulators, axis=0)) > 6


def test_float_weights_load_by_name() -> None:
    model = CbamCnn(TINY)
    network = QuantCbamCnn(TINY, PRESETS["w4a4"])
    network.load_float(model.state_dict())
    state = network.state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(state["fc3_bias" if name == "fc3.bias" else name], value), name


def test_a_float_weight_without_a_place_is_refused() -> None:
    network = QuantCbamCnn(Architecture(attention=False, divisor=8), PRESETS["w4a4"])
    with pytest.raises(ValueError, match=r"without a place.*attention1\.fc1\.weight"):
        network.load_float(CbamCnn(TINY).state_dict())


def test_a_quantized_network_of_other_bits_gives_its_weights_and_no_scales() -> None:
    first = calibrated_network(TINY, "w4a4")
    network = QuantCbamCnn(TINY, PRESETS["w2a2"])
    before = set(network.state_dict())
    network.load_quantized(first)
    state = first.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert before == set(network.state_dict()) < set(state)


def test_an_output_without_weights_takes_a_scale_of_its_layer() -> None:
    network = calibrated_network(TINY, "w3a3")
    logarithms = network.fc1.weight_quant.tensor_quant.scaling_impl.value.data
    network.fc1.weight.data[3], network.fc1.bias.data[3] = 0, -0.1
    logarithms[3] = -33.2
    logits = network(torch.from_numpy(planes(varied_faces(6))))
    network.snap_weights()
    assert logarithms[3] == logarithms[torch.arange(len(logarithms)) != 3].min() > -20
    assert torch.equal(network(torch.from_numpy(planes(varied_faces(6)))), logits)


def test_training_finds_the_codes_that_hardware_finds(network: QuantCbamCnn) -> None:
    pixels = torch.from_numpy(planes(varied_faces(8)))
    expected = network.accumulators(pixels)
    network.training = True  # of the network alone: batch norm and quantizers stay as they are
    try:
        assert (network.accumulators(pixels) == expected).all()
    finally:
        network.training = False


def test_training_moves_the_greatest_of_equal_codes() -> None:
    network = calibrated_network(TINY, "w2a2")
    x = torch.tensor([[[[0.9, 1.1], [1.0, 0.8]]]]) * scale(network, "conv4_q").detach()
    x.requires_grad_()
    for training, moved in ((True, [False, True, False, False]), (False, [True, False, False, False])):
        network.train(training)
        x.grad = None
        found = network._maxima(x, network.conv4_q)
        _plain(found).sum().backward()
        assert x.grad is not None and (x.grad != 0).flatten().tolist() == moved


def test_freezing_keeps_the_function() -> None:
    """Batch norm as gain and offset differs from torch's by rounding only: codes move by at most one."""
    network = calibrated_network(TINY, "w4a4")
    x = torch.randn(4, 16, 5, 5, generator=torch.Generator().manual_seed(0))
    before = network.bn(x)
    network.freeze()
    assert isinstance(network.bn, Affine)
    torch.testing.assert_close(network.bn(x), before, rtol=1e-5, atol=1e-5)
