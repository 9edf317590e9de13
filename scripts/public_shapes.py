#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write networks of public shapes as QONNX, built in Brevitas with random weights, for `auflow compile`.

    scripts/public_shapes.py resnet8 resnet8.onnx        ResNet-8 as MLPerf Tiny has it, 32x32
    scripts/public_shapes.py mobilenet mobilenet.onnx    a MobileNet v1 of depthwise and 1x1 convolutions, 32x32
    scripts/public_shapes.py two-heads two.onnx          a trunk with two outputs: classes, and a map of cells

Weights and activations have 4 bits (--bits), pixels and means 8; scales are powers of two, set by frames of noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from brevitas.export import export_qonnx
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerTensorFixedPointMSE,
    Uint8ActPerTensorFixedPoint,
)
from torch import Tensor, nn

NOISE = 64
"""Frames whose statistics set the scales."""
MIXED = 8
"""Bits of pixels and of means."""


def codes(bits: int, signed: bool = False) -> nn.Module:
    """A quantizer of activations, behind a ReLU unless it is signed."""
    if signed:
        return QuantIdentity(Int8ActPerTensorFixedPoint, bit_width=bits)
    return QuantReLU(Uint8ActPerTensorFixedPoint, bit_width=bits)


def conv(inputs: int, outputs: int, kernel: int, bits: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution that keeps the size but for its stride, and batch norm."""
    own = QuantConv2d(
        inputs,
        outputs,
        kernel,
        stride,
        kernel // 2,
        groups=groups,
        bias=False,
        weight_bit_width=bits,
        weight_quant=Int8WeightPerTensorFixedPointMSE,
    )
    return nn.Sequential(own, nn.BatchNorm2d(outputs))


def dense(inputs: int, outputs: int, bits: int) -> QuantLinear:
    """A dense layer whose sums are the output."""
    return QuantLinear(
        inputs, outputs, bias=False, weight_bit_width=bits, weight_quant=Int8WeightPerTensorFixedPointMSE
    )


class Pixels(nn.Module):
    """Pixels 0 to 255 as eight-bit codes of 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.quantizer = QuantIdentity(Uint8ActPerTensorFixedPoint, bit_width=MIXED)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to the same."""
        found: Tensor = self.quantizer(x / 256)
        return found


class Mean(nn.Sequential):
    """The mean over all pixels as eight-bit codes: (B, C, H, W) to (B, C)."""

    def __init__(self) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), codes(MIXED), nn.Flatten())


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the block halves the map."""

    def __init__(self, inputs: int, outputs: int, bits: int, stride: int) -> None:
        super().__init__()
        inner = [conv(inputs, outputs, 3, bits, stride), codes(bits), conv(outputs, outputs, 3, bits)]
        self.branch = nn.Sequential(*inner, codes(bits, signed=True))
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1, bits, stride), codes(bits, signed=True))
        self.activation = codes(bits)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        found: Tensor = self.activation(self.branch(x) + self.shortcut(x))
        return found


def resnet8(width: int, outputs: int, bits: int) -> nn.Module:
    """ResNet-8 of MLPerf Tiny's image classification (Banbury et al., 2021): there width 16, 10 outputs."""
    blocks = [Residual(width, width, bits, 1), Residual(width, 2 * width, bits, 2)]
    blocks.append(Residual(2 * width, 4 * width, bits, 2))
    return nn.Sequential(
        Pixels(), conv(3, width, 3, bits), codes(bits), *blocks, Mean(), dense(4 * width, outputs, bits)
    )


def mobilenet(width: int, outputs: int, bits: int) -> nn.Module:
    """MobileNet v1 (Howard et al., 2017) up to its third halving: depthwise and 1x1 convolutions by turns."""
    layers: list[nn.Module] = [Pixels(), conv(3, width, 3, bits, 2), codes(bits)]
    for factor, stride in ((2, 1), (2, 2), (1, 1), (2, 2), (1, 1)):
        layers += [conv(width, width, 3, bits, stride, groups=width), codes(bits)]
        layers += [conv(width, width * factor, 1, bits), codes(bits)]
        width *= factor
    return nn.Sequential(*layers, Mean(), dense(width, outputs, bits))


class TwoHeads(nn.Module):
    """Classes of the whole picture, and five numbers of every cell of 4x4 pixels, from one trunk."""

    def __init__(self, width: int, outputs: int, bits: int) -> None:
        super().__init__()
        trunk = [conv(3, width, 3, bits, 2), codes(bits), conv(width, 2 * width, 3, bits, 2), codes(bits)]
        self.trunk = nn.Sequential(Pixels(), *trunk)
        self.classes = nn.Sequential(Mean(), dense(2 * width, outputs, bits))
        self.cells = nn.Sequential(conv(2 * width, 5, 1, bits), codes(bits, signed=True))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) to (B, outputs) and (B, 5, H / 4, W / 4)."""
        shared = self.trunk(x)
        return self.classes(shared), self.cells(shared)


SHAPES: Mapping[str, Callable[[int, int, int], nn.Module]] = {
    "resnet8": resnet8,
    "mobilenet": mobilenet,
    "two-heads": TwoHeads,
}
"""Networks by name, of a width, outputs and bits."""
OUTPUTS: Mapping[str, Sequence[str]] = {"two-heads": ("classes", "cells")}
"""Names of a network's outputs, where it has several."""


def write(name: str, path: Path, size: int, width: int, outputs: int, bits: int, seed: int) -> None:
    """Build a network, let it see noise, and write it as QONNX.

    Args:
        name: One of SHAPES.
        path: Where to.
        size: Height and width of a frame.
        width: Channels of the first convolution.
        outputs: Classes.
        bits: Of weights and activations.
        seed: Draws weights and noise.
    """
    torch.manual_seed(seed)
    network = SHAPES[name](width, outputs, bits)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, std=0.5)
    noise = torch.randint(0, 256, (NOISE, 3, size, size)) * torch.rand(NOISE, 1, 1, 1)
    noise[0] = 255
    with torch.no_grad():
        network.train()
        for _ in range(4):
            network(noise)
    export_qonnx(
        network.eval(), args=torch.zeros(1, 3, size, size), export_path=str(path), output_names=OUTPUTS.get(name)
    )
    Path(f"{path}.data").unlink(missing_ok=True)  # which the exporter leaves, though the file has all


def main() -> None:
    """Read the options and write one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SHAPES, help="which network")
    parser.add_argument("path", type=Path, help="the QONNX file to write")
    for option, default, what in (
        ("size", 32, "height and width of a frame"),
        ("width", 8, "channels of the first convolution"),
        ("outputs", 10, "classes"),
        ("bits", 4, "of weights and activations"),
        ("seed", 0, "draws weights and noise"),
    ):
        parser.add_argument(f"--{option}", type=int, default=default, help=f"{what} (default: {default})")
    write(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
