# SPDX-License-Identifier: Apache-2.0
"""The network's costs are the paper's where it gives them, and add up by hand."""

from __future__ import annotations

import pytest
from brevitas.nn import QuantConv2d, QuantLinear

from qnn.network.complexity import measure, weight_bits
from qnn.network.model import Architecture
from qnn.network.presets import PRESETS
from qnn.network.quantized import QuantCbamCnn


def test_the_papers_figures() -> None:
    figures = measure(Architecture(aus=7))
    assert (figures.trainable, figures.non_trainable) == (1_446_605, 256)
    assert round(figures.total_macs / 1e9, 2) == 0.11
    assert round(figures.weight_bytes["float"] / 2**20, 2) == 5.52


def test_macs_by_hand() -> None:
    macs = measure(Architecture(aus=7)).macs
    assert macs["conv2"] == 48 * 48 * 9 * 32 * 64
    assert macs["conv4"] == 12 * 12 * 9 * 128 * 128
    assert macs["attention1.fc1"] == 2 * 128 * 32  # the shared MLP serves two descriptors
    assert macs["attention1.spatial"] == 24 * 24 * 49 * 2
    assert macs["fc1"] == 576 * 1024
    assert macs["fc3"] == 512 * 7


def test_weight_bytes_by_hand() -> None:
    figures = measure(Architecture(aus=7))
    convolutions = 9 * (32 * 64 + 64 * 128 + 128 * 128 + 128 * 64) * 4
    attention = (2 * (128 * 32 + 64 * 32) + 2 * 98) * 4
    ends = 9 * 3 * 32 * 8 + 512 * 7 * 4
    head = (576 * 1024 + 1024 * 512) * 2
    biases = (32 + 64 + 128 + 128 + 64 + 2 + 1024 + 512 + 7 + 2 * 128) * 32
    assert figures.weight_bytes["w4a4"] == (convolutions + attention + ends + head + biases) // 8


@pytest.mark.parametrize("preset", PRESETS)
def test_widths_are_those_of_the_quantized_network(preset: str) -> None:
    network = QuantCbamCnn(Architecture(divisor=8), PRESETS[preset])
    for name, module in network.named_modules():
        if isinstance(module, QuantConv2d | QuantLinear):
            assert weight_bits(name, PRESETS[preset]) == int(module.weight_quant.bit_width()), name


def test_peak_activations_by_hand() -> None:
    peaks = measure(Architecture()).peak_activations
    assert peaks["float"].step == "conv2"
    assert peaks["float"].bytes == (32 + 64) * 48 * 48 * 4
    assert peaks["w4a4"].bytes == (32 + 64) * 48 * 48 // 2
    # two-bit layers leave the four-bit maps round the channel gate as the largest
    assert peaks["w2a2"].step == "attention1.channel"
    assert peaks["w2a2"].bytes == 2 * 128 * 24 * 24 // 2 + 128 // 2


def test_the_papers_activations() -> None:
    """432 KiB: conv1's map and conv2's after its pooling; conv3 reads and writes as much, so nothing may exceed it."""
    peak = measure(Architecture(aus=7)).fused_activations["float"]
    assert peak.bytes == 442_368 == 432 * 1024
    assert peak.step == "conv2+pool1"
    assert peak.buffers == {"conv1": 48 * 48 * 32 * 4, "conv2+pool1": 24 * 24 * 64 * 4}


def test_fused_activations_by_hand() -> None:
    peaks = measure(Architecture()).fused_activations
    assert peaks["w4a4"].bytes == (32 * 48 * 48 + 64 * 24 * 24) // 2
    assert peaks["w3a3"].bytes == (64 * 24 * 24 * 3 + 128 * 24 * 24 * 4) // 8  # conv3 writes four bits
    assert peaks["w3a3"].step == "conv3"
    # no map stands beside its gated self: 0.5 KiB of descriptors are all that attention adds
    assert peaks["w2a2"].bytes == (64 * 24 * 24 * 2 + 128 * 24 * 24 * 4) // 8


def test_without_attention_every_pooling_is_fused() -> None:
    figures = measure(Architecture(attention=False))
    assert figures.fused_activations["float"].bytes == 442_368
    for name, most in figures.peak_activations.items():
        assert figures.fused_activations[name].bytes < most.bytes


def test_presets_of_another_width_are_left_out() -> None:
    assert "tiny" not in measure(Architecture()).weight_bytes
    assert "tiny" in measure(Architecture(divisor=8)).weight_bytes
    assert set(measure(Architecture(attention=False)).peak_activations) >= {"float", "w4a4", "w3a3", "w2a4", "w2a2"}


def test_json_has_the_total() -> None:
    figures = measure(Architecture(divisor=8))
    content = figures.to_json()
    assert content["total_macs"] == sum(content["macs"].values())
    assert content["peak_activations"]["float"]["step"] == "conv2"
