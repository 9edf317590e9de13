# SPDX-License-Identifier: Apache-2.0
"""Presets: how many bits each part of a quantized network has. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Bits per part of the network.

    Attributes:
        weight_bits: Weights of conv2 to conv5.
        activation_bits: Activations between layers.
        head_bits: Weights of fc1 and fc2, which hold 1.11 M of 1.45 M weights.
        first_bits: Weights of conv1, which meets 8-bit pixels.
        attention_bits: Weights, hidden units and feature maps inside attention.
        descriptor_bits: Pooled descriptors; four bits would flatten the mean.
        output_bits: Weights of fc3.
        divisor: Of every width, where nothing else is said (Architecture.divisor).
    """

    weight_bits: int
    activation_bits: int
    head_bits: int = 2
    first_bits: int = 8
    attention_bits: int = 4
    descriptor_bits: int = 8
    output_bits: int = 4
    divisor: int = 1


PRESETS: Mapping[str, Preset] = {
    "w4a4": Preset(4, 4),
    "w3a3": Preset(3, 3),
    "w2a4": Preset(2, 4),
    "w2a2": Preset(2, 2),
    "w4a4h4": Preset(4, 4, head_bits=4),
    "tiny": Preset(4, 4, divisor=8),
}
