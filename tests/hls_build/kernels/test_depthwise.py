# SPDX-License-Identifier: Apache-2.0
"""Depthwise: every channel's windows are weighed by its own weights, whatever the window, strides and folding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_cases import Cases, NodeCase
from onnx import helper
from qonnx_models import QonnxCase, quant, refuse

from board.core.layers.conv import Conv
from board.core.layers.depthwise import Depthwise
from hls_build.kernels.depthwise.spec import DepthwiseSpec


def spec(channels: int, taps: int, weight_bits: int, seed: int = 0, **more: Any) -> DepthwiseSpec:
    """A spec of random weights that reach both ends of their range."""
    top = 1 << (weight_bits - 1)
    weights = np.random.default_rng(seed).integers(-top, top, (channels, taps))
    weights.flat[0], weights.flat[-1] = -top, top - 1
    return DepthwiseSpec(channels=channels, taps=taps, weight_bits=weight_bits, weights=weights, **more)


SPECS = [
    spec(4, 9, 4, pixels=5, pe=2, bits=4, signed=False, ram_style="distributed"),
    spec(3, 4, 2, pixels=6, pe=3, bits=8, signed=True, ram_style="block"),
    spec(6, 6, 5, pixels=4, pe=1, bits=3, signed=True, ram_style="distributed"),
    spec(2, 1, 3, pixels=4, pe=2, bits=1, signed=False, ram_style="distributed"),
    spec(1, 3, 2, pixels=3, pe=1, bits=2, signed=False, ram_style="distributed"),
]
BLOCK = spec(64, 9, 4, pixels=16, pe=4, bits=4, signed=False, ram_style="block")
WIDE = spec(16, 9, 8, pixels=16, pe=4, bits=8, signed=False, ram_style="distributed")


def case(kernel: tuple[int, int], scale: float = 2.0**-4, **attributes: Any) -> QonnxCase:
    """A depthwise convolution of the four channels, and its quantizer."""
    nodes = [
        quant("weights", "weights_q", 4, signed=1, narrow=1),
        helper.make_node("Conv", ["x", "weights_q"], ["own_sums"], name="own", group=4, **attributes),
        helper.make_node("Mul", ["own_sums", "small"], ["own_scaled"], name="own_scale"),
        quant("own_scaled", "y", 4, signed=1),
    ]
    (above, before, below, behind), (down, along) = attributes.get("pads", [0] * 4), attributes.get("strides", [1, 1])
    rows = (12 + above + below - kernel[0]) // down + 1
    columns = (12 + before + behind - kernel[1]) // along + 1
    weights = np.random.default_rng(3).integers(-7, 8, (4, 1, *kernel)).astype(np.float32)
    return QonnxCase(nodes, (4, rows, columns), {"weights": weights, "small": np.array(scale)})


CASES = Cases(
    specs=SPECS,
    illegal=[
        ({"pixels": 0}, "pixels >= 1, got pixels=0"),
        ({"taps": 0}, "taps >= 1, got taps=0"),
        ({"pe": 3}, r"pe to divide channels=4 \(one of \[1, 2, 4\]\), got pe=3"),
        ({"bits": 25}, "1 <= bits <= 24, got bits=25"),
        ({"bits": 18}, "1 <= out_bits <= 24, got out_bits=25"),
        ({"ram_style": "auto"}, r"ram_style in \('block', 'distributed'\), got ram_style='auto'"),
        ({"channels": 2}, r"channels \* taps weights, 2 \* 9, got 36"),
        ({"weight_bits": 1}, "weight_bits >= 2, got weight_bits=1"),
        ({"weight_bits": 3}, "weights from -4 to 3, got -8 to 7"),
    ],
    illegal_rtl=[
        ({"PE": 3}, "need PE to divide CHANNELS"),
        ({"TAPS": 0}, "need TAPS >= 1"),
        ({"BITS": 0}, "need BITS >= 1 and WEIGHT_BITS >= 2"),
        ({"OUT_BITS": 7}, "need OUT_BITS to hold every product"),
        ({"BLOCK": 2}, "need SIGNED and BLOCK to be 0 or 1"),
    ],
    nodes=[NodeCase(SPECS[0], [[1, 1, 5, 36]], [[1, 1, 5, 4]])],
    synthesised=[SPECS[0], SPECS[2], BLOCK, WIDE],
    qonnx=[
        case((3, 3), pads=[1] * 4),
        case((3, 3), pads=[1, 1, 0, 0], strides=[2, 2]),
        case((5, 2)),
        case((1, 1), scale=0.25),
    ],
    proved=[
        spec(2, 2, 2, pixels=1, pe=2, bits=2, signed=True, ram_style="distributed"),
        spec(2, 1, 2, pixels=1, pe=1, bits=2, signed=False, ram_style="block"),
    ],
    proved_slowly=[spec(2, 3, 3, pixels=1, pe=1, bits=2, signed=True, ram_style="distributed")],
)


@pytest.mark.parametrize(("strides", "pads"), [((1, 1), ()), ((2, 1), (0, 1, 2, 0)), ((3, 2), (0, 0, 0, 0))])
def test_it_is_the_convolution_whose_other_weights_are_zero(
    rng: np.random.Generator, strides: tuple[int, int], pads: tuple[int, ...]
) -> None:
    weights, x = rng.integers(-7, 8, (3, 3, 2, 1)), rng.integers(-8, 8, (4, 7, 6, 3))
    whole = np.zeros((3, 3, 2, 3), np.int64)
    for channel in range(3):
        whole[channel, :, :, channel] = weights[channel, :, :, 0]
    found = Depthwise("own", ("x",), ("y",), weights, 4, strides, pads).run(x)
    np.testing.assert_array_equal(found[0], Conv("all", ("x",), ("y",), whole, 4, strides, pads).run(x)[0])


def test_places_of_some_channels_come_before_those_of_the_next() -> None:
    small = DepthwiseSpec(1, 4, 2, 2, 4, False, 4, "distributed", np.array([[1, 0], [0, 1], [2, 0], [0, 2]]))
    x = np.arange(8).reshape(1, 1, 1, 8)  # channels 0 and 1 of place 0, of place 1, then channels 2 and 3
    np.testing.assert_array_equal(small.model(x).ravel(), [0, 3, 8, 14])


def test_dilation_is_refused() -> None:
    nodes = case((3, 3), dilations=[2, 2]).nodes
    weights = {"weights": np.ones((4, 1, 3, 3), np.float32), "small": np.array(1.0)}
    refuse(nodes, r"own \(Conv\) has dilations \[2, 2\], supported is \[1, 1\]", weights)
