# SPDX-License-Identifier: Apache-2.0
"""Complexity of the network: parameters, multiply-accumulates, weight bytes and peak activation bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from qnn.network.model import IMAGE_SIZE, Architecture, CbamCnn, parameter_counts
from qnn.network.presets import FLOAT, MOST_BITS, PRESETS, Preset
from qnn.network.quantized import GATE_BITS

FLOAT_BITS = 32
PIXEL_BITS = 8


@dataclass(frozen=True)
class Peak:
    """The step at which most activation bytes are alive.

    Attributes:
        bytes: What it reads, writes and must keep for later, together.
        step: Its name.
        buffers: The same by what holds them.
    """

    bytes: int
    step: str
    buffers: Mapping[str, int]


@dataclass(frozen=True)
class Complexity:
    """Costs of one frame.

    Attributes:
        architecture: The network.
        trainable: Trainable parameters, as the paper counts them.
        non_trainable: Running statistics of batch norm.
        macs: Multiply-accumulates of each convolution and dense layer; gates, pools and activations are not counted.
        weight_bytes: By `float` and preset: weights at their bits, biases and batch norm at 32.
        peak_activations: By `float` and preset, every layer a step of its own; see `peak_activation_bytes`.
        fused_activations: The same with pooling fused into the convolution before it and gates in place.
    """

    architecture: Architecture
    trainable: int
    non_trainable: int
    macs: Mapping[str, int]
    weight_bytes: Mapping[str, int]
    peak_activations: Mapping[str, Peak]
    fused_activations: Mapping[str, Peak]

    @property
    def total_macs(self) -> int:
        """Multiply-accumulates of one frame."""
        return sum(self.macs.values())

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary with the totals."""
        return {**asdict(self), "total_macs": self.total_macs}


def measure(architecture: Architecture) -> Complexity:
    """Cost of the float network and of the quantized one in every preset."""
    model = CbamCnn(architecture)
    trainable, non_trainable = parameter_counts(model)
    divisors = (1, architecture.divisor)  # a preset of other widths is another network
    presets = {name: preset for name, preset in PRESETS.items() if preset.divisor in divisors}
    widths: dict[str, Preset | None] = {FLOAT: None, **presets}
    return Complexity(
        architecture,
        trainable,
        non_trainable,
        macs_by_layer(model),
        {name: weight_bytes(architecture, preset) for name, preset in widths.items()},
        {name: peak_activation_bytes(architecture, preset) for name, preset in widths.items()},
        {name: peak_activation_bytes(architecture, preset, fused=True) for name, preset in widths.items()},
    )


def macs_by_layer(model: CbamCnn) -> dict[str, int]:
    """Multiply-accumulates of one frame by convolution and dense layer, found by running one."""
    found: dict[str, int] = {}

    def count(name: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], result: Tensor) -> None:
            assert isinstance(module, nn.Conv2d | nn.Linear)
            found[name] = found.get(name, 0) + result.numel() * prod(module.weight.shape[1:])

        module.register_forward_hook(hook)

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            count(name, module)
    with torch.inference_mode():
        model.eval()(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    return found


def weight_bytes(architecture: Architecture, preset: Preset | None, pruned: float = 0.0) -> int:
    """Bytes that the parameters fill, each layer's weights at its own width; float for None.

    Of pruned weights of fc1 and fc2 nothing is counted, nor what tells where they were.
    """
    model = CbamCnn(architecture)
    bits = parameter_counts(model)[0] * FLOAT_BITS
    for name, module in model.named_modules():
        if preset is not None and isinstance(module, nn.Conv2d | nn.Linear):
            width = weight_bits(name, preset) * (1 - pruned if name in ("fc1", "fc2") else 1)
            bits -= round(module.weight.numel() * (FLOAT_BITS - width))
    return -(-bits // 8)


def weight_bits(layer: str, preset: Preset) -> int:
    """Width of a layer's weights."""
    if layer.startswith("attention"):
        return preset.attention_bits
    special = {"conv1": preset.first_bits, "fc3": preset.output_bits}
    return special.get(layer, preset.head_bits if layer.startswith("fc") else preset.weight_bits)


class Step(NamedTuple):
    """A layer with its activation and quantizer.

    Attributes:
        name: Of the step and of what it writes.
        reads: Names of what it reads.
        elements: Of what it writes.
        bits: Of an element.
        gates: Whether it scales what it reads first, element by element.
    """

    name: str
    reads: tuple[str, ...]
    elements: int
    bits: int
    gates: bool = False


def peak_activation_bytes(architecture: Architecture, preset: Preset | None, fused: bool = False) -> Peak:
    """The largest sum of live buffers when layers run one after the other, as on a processor.

    A step reads whole maps and writes a whole map; what a later step reads stays alive. The streaming accelerator
    keeps far less: only windows, bypasses and vectors.

    Args:
        architecture: The network.
        preset: Widths of what is kept; None counts the float network.
        fused: Plan buffers as deployment tools for microcontrollers do (STM32Cube.AI, the paper's tool): a convolution
            pools what it computes before it writes it, and a gate scales its map in place. Otherwise pooling is a
            step of its own and nothing is done in place.
    """
    steps = _steps(architecture, preset)
    if fused:
        steps = _fuse(steps)
    last_read = {name: index for index, step in enumerate(steps) for name in step.reads}
    alive = {"pixels": _bytes(3 * IMAGE_SIZE**2, FLOAT_BITS if preset is None else PIXEL_BITS)}
    peak = Peak(0, "", {})
    for index, step in enumerate(steps):
        in_place = fused and step.gates
        size = _bytes(step.elements, FLOAT_BITS if preset is None else step.bits)
        alive[step.name] = alive.pop(step.reads[0]) if in_place else size
        total = sum(alive.values())
        if total > peak.bytes:
            peak = Peak(total, step.name, dict(alive))
        alive = {key: size for key, size in alive.items() if last_read.get(key, -1) > index}
    return peak


def _bytes(elements: int, bits: int) -> int:
    return -(-elements * bits // 8)


def _fuse(steps: list[Step]) -> list[Step]:
    """Merge each convolution with the pooling that alone reads it."""
    fused: list[Step] = []
    renamed: dict[str, str] = {}
    for step in steps:
        if step.name.startswith("pool") and step.reads[0].startswith("conv"):
            before = fused.pop()
            renamed[step.name] = f"{before.name}+{step.name}"
            step = Step(renamed[step.name], before.reads, step.elements, step.bits)
        fused.append(step._replace(reads=tuple(renamed.get(name, name) for name in step.reads)))
    return fused


def _steps(architecture: Architecture, preset: Preset | None) -> list[Step]:
    """The network as steps in order of execution; bits are those of the preset, or any for the float network."""
    p = preset or Preset(MOST_BITS, MOST_BITS)
    bits, inner = p.activation_bits, p.attention_bits if architecture.attention else p.activation_bits
    c1, c2, c3, c4, c5 = architecture.conv_channels
    d1, d2 = architecture.dense
    full, half, quarter, eighth, last = ((IMAGE_SIZE >> k) ** 2 for k in range(5))
    steps = [
        Step("conv1", ("pixels",), c1 * full, bits),
        Step("conv2", ("conv1",), c2 * full, bits),
        Step("pool1", ("conv2",), c2 * half, bits),
        Step("conv3", ("pool1",), c3 * half, inner),
    ]
    steps += _attention("attention1", "conv3", c3, half, architecture, p)
    steps += [
        Step("pool2", (steps[-1][0],), c3 * quarter, bits),
        Step("conv4", ("pool2",), c4 * quarter, bits),
        Step("pool3", ("conv4",), c4 * eighth, bits),
        Step("conv5", ("pool3",), c5 * eighth, inner),
        Step("pool4", ("conv5",), c5 * last, inner),
    ]
    steps += _attention("attention2", "pool4", c5, last, architecture, p)
    return [
        *steps,
        Step("fc1", (steps[-1][0],), d1, bits),
        Step("fc2", ("fc1",), d2, bits),
        Step("fc3", ("fc2",), architecture.outputs, FLOAT_BITS),
    ]


def _attention(
    block: str, source: str, channels: int, pixels: int, architecture: Architecture, p: Preset
) -> list[Step]:
    """Steps of one attention block, none without attention."""
    if not architecture.attention:
        return []
    size = channels * pixels
    name = {part: f"{block}.{part}" for part in ("pool", "fc1", "gate", "channel", "cpool", "sgate", "spatial")}
    return [
        Step(name["pool"], (source,), 2 * channels, p.descriptor_bits),
        Step(name["fc1"], (name["pool"],), 2 * architecture.hidden, p.attention_bits),
        Step(name["gate"], (name["fc1"],), channels, GATE_BITS),
        Step(name["channel"], (source, name["gate"]), size, p.attention_bits, gates=True),
        Step(name["cpool"], (name["channel"],), 2 * pixels, p.descriptor_bits),
        Step(name["sgate"], (name["cpool"],), pixels, GATE_BITS),
        Step(name["spatial"], (name["channel"], name["sgate"]), size, p.activation_bits, gates=True),
    ]
