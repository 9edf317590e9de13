# SPDX-License-Identifier: Apache-2.0
"""Blocks of chosen parameters, each as an accelerator of its own, for synthesis to count."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from hls_build.cost.resources import Resources
from hls_build.cost.thresholding import Table
from hls_build.cost.weight_memory import weight_memory
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import DOMAIN
from hls_build.dataflow.links import type_name
from hls_build.estimate import multiplier_of, node_estimate, thresholds_of
from hls_build.finn_adapter import operator
from hls_build.kernels import KERNELS
from hls_build.kernels.gate.spec import GateSpec
from hls_build.kernels.kernel_spec import KernelSpec
from hls_build.kernels.matrix_spec import MatrixSpec, weight_text
from hls_build.rtl import stitch
from hls_build.rtl.blocks import blocks
from hls_build.yosys import finn_patches
from hls_build.yosys.synthesis import Design

PART = "xc7z020clg400-1"
CLOCK_NS = 10.0
THRESHOLDS = Path(__file__).parent / "calibration_thresholds.json"
"""Activation thresholds of some layers of w4a4 and w2a2 as FINN's nodes have them: channels, types and table by preset
and layer. Newer weights need no newer ones: these stand for what training finds."""
SEED = 1
"""Of weights, thresholds and tables."""

Parameters = Mapping[str, Any]
Tensor = tuple[str, tuple[int, ...], str]
"""Name, shape and QONNX type."""


def design(kind: str, parameters: Parameters, name: str) -> Design:
    """What Yosys is given for a calibration case.

    Args:
        kind: One of NODES or SPECS.
        parameters: What the function takes, or the fields of the spec; tables and weights are random.
        name: Of the block.
    """
    if kind in SPECS:
        spec = kernel(kind, parameters)
        paths = [*finn_patches.primitives(spec.sources), *spec.sources]
        sources = {path.name: path.read_text() for path in paths} | {f"{name}.v": spec.wrapper(name)}
        return Design(name, name, sources, {})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "rtl"
        stitch.stitch(NODES[kind](name, **parameters), folder, PART, CLOCK_NS)
        found = {block.name: block for block in blocks(folder)}
        return Design.of(folder, found[name + "_memory" * (kind == "memory")])


def modelled(kind: str, parameters: Parameters) -> Resources:
    """What the model of hls_build.cost, or a kernel's spec, says of a calibration case."""
    if kind in SPECS:
        return kernel(kind, parameters).resources()
    if kind == "memory":
        return weight_memory(parameters["depth"], -(-parameters["width"] // 8) * 8, parameters["style"])
    model = NODES[kind]("case", **parameters)
    (node,) = model.graph.node
    if kind == "multiplier":
        return multiplier_of(operator(node), PART).resources()
    return node_estimate(node, PART, thresholds_of(node, model)).resources


def kernel(kind: str, parameters: Parameters) -> KernelSpec:
    """The spec of one of our kernels."""
    spec: Callable[..., KernelSpec] = SPECS[kind]
    if issubclass(SPECS[kind], MatrixSpec):
        most, size = (1 << (parameters["weight_bits"] - 1)) - 1, parameters["mh"] * parameters["mw"]
        weights = np.random.default_rng(SEED).integers(-most, most + 1, size)
        return spec(**parameters, weights=weight_text(weights))
    if kind != GateSpec.module:
        return spec(**parameters)
    bits, rows = parameters["out_bits"], 1 << (parameters["x_bits"] + parameters["g_bits"])
    low = -(1 << (bits - 1)) if parameters["out_signed"] else 0
    table = np.random.default_rng(SEED).integers(low, low + (1 << bits), rows)
    return GateSpec(**parameters, table=tuple(int(value) for value in table))


def multiplier(
    name: str,
    inputs: int,
    outputs: int,
    pe: int,
    simd: int,
    weight_bits: int,
    activation_bits: int,
    accumulator_bits: int,
    signed: bool = False,
    pumped: bool = False,
    style: str = "block",
) -> ModelWrapper:
    """A multiplier with its weights in memory."""
    rng, most = np.random.default_rng(SEED), (1 << (weight_bits - 1)) - 1
    node = _finn(
        "MVAU_rtl",
        name,
        ["x", "w"],
        MW=inputs,
        MH=outputs,
        PE=pe,
        SIMD=simd,
        inputDataType=type_name(activation_bits, signed),
        weightDataType=type_name(weight_bits, True),
        outputDataType=type_name(accumulator_bits, True),
        accDataType=type_name(accumulator_bits, True),
        numInputVectors=[1, 4, 4],
        noActivation=1,
        ActVal=0,
        mem_mode="internal_decoupled",
        ram_style=style,
        resType="dsp",
        pumpedCompute=int(pumped),
    )
    weights = rng.integers(-most, most + 1, (inputs, outputs))
    return _alone(
        node,
        ("x", (1, 4, 4, inputs), type_name(activation_bits, signed)),
        ("y", (1, 4, 4, outputs), type_name(accumulator_bits, True)),
        {"w": (weights, type_name(weight_bits, True))},
    )


def memory(name: str, depth: int, width: int, style: str) -> ModelWrapper:
    """A memory of 4-bit weights, with the multiplier that it serves."""
    return multiplier(name, depth * width // 4, 1, 1, width // 4, 4, 4, 20, style=style)


def threshold(
    name: str,
    channels: int,
    pe: int,
    bits: int,
    input_bits: int,
    style: str = "distributed",
    shared: bool = False,
    signed: bool = True,
) -> ModelWrapper:
    """A quantizer with made-up thresholds, evenly spaced, by other steps in every channel.

    They fill an eighth of the inputs' range, since accumulators never come near their bounds.
    """
    rng, steps = np.random.default_rng(SEED), (1 << bits) - 1
    most = 1 << (input_bits - 4)
    step = rng.uniform(0.5, 1, (1 if shared else channels, 1)) * 2 * most / (steps + 1)
    middle = rng.normal(0, most / 8, step.shape)
    table = np.clip(np.rint(middle + step * (np.arange(steps) - steps // 2)), -most * signed, 2 * most).astype(int)
    types = type_name(input_bits, signed), type_name(input_bits, signed), type_name(bits, False)
    return _thresholding(name, table, channels, pe, style, *types)


def quantizer(name: str, preset: str, layer: str, pe: int, style: str) -> ModelWrapper:
    """A quantizer with activation thresholds that training found; see THRESHOLDS."""
    kept = json.loads(THRESHOLDS.read_text())[f"{preset} {layer}"]
    types = (kept["input"], kept["threshold"], kept["output"])
    return _thresholding(name, np.array(kept["thresholds"], np.int64), kept["channels"], pe, style, *types)


def _thresholding(
    name: str, table: Table, channels: int, pe: int, style: str, source: str, constant: str, sink: str
) -> ModelWrapper:
    """A quantizer of thresholds (channels or 1, steps), with the types of its input, of them and of its output."""
    node = _finn(
        "Thresholding_rtl",
        name,
        ["x", "t"],
        NumChannels=channels,
        PE=pe,
        numSteps=table.shape[1],
        inputDataType=source,
        weightDataType=constant,
        outputDataType=sink,
        ActVal=int(DataType[sink].min()),
        numInputVectors=[1, 4, 4],
        uniform_thres=int(len(table) == 1),
        depth_trigger_bram=rules.THRESHOLD_BLOCK_DEPTHS[style],
    )
    shape = (1, 4, 4, channels)
    return _alone(node, ("x", shape, source), ("y", shape, sink), {"t": (table, constant)})


def window(name: str, size: int, kernel: int, channels: int, lanes: int, bits: int, style: str) -> ModelWrapper:
    """A 'same' sliding window over a padded square map."""
    padded = size + kernel - 1
    node = _finn(
        "ConvolutionInputGenerator_rtl",
        name,
        ["x"],
        ConvKernelDim=[kernel, kernel],
        IFMChannels=channels,
        IFMDim=[padded, padded],
        OFMDim=[size, size],
        SIMD=lanes,
        Stride=[1, 1],
        Dilation=[1, 1],
        inputDataType=type_name(bits, False),
        outputDataType=type_name(bits, False),
        depthwise=0,
        is1D=0,
        parallel_window=0,
        ram_style=style,
    )
    out = ("y", (1, size, size, kernel * kernel * channels), type_name(bits, False))
    return _alone(node, ("x", (1, padded, padded, channels), type_name(bits, False)), out)


def padding(name: str, size: int, kernel: int, channels: int, lanes: int, bits: int) -> ModelWrapper:
    """Zeros around a square map."""
    pad = kernel // 2
    node = _finn(
        "FMPadding_rtl",
        name,
        ["x"],
        ImgDim=[size, size],
        Padding=[pad] * 4,
        NumChannels=channels,
        SIMD=lanes,
        inputDataType=type_name(bits, False),
        numInputVectors=1,
    )
    shape = (1, size + 2 * pad, size + 2 * pad, channels)
    return _alone(node, ("x", (1, size, size, channels), type_name(bits, False)), ("y", shape, type_name(bits, False)))


def fifo(name: str, depth: int, width: int, style: str = "auto") -> ModelWrapper:
    """A FIFO of so many bits per beat."""
    shape, element = [1, 4, 4, width], "BINARY"
    node = _finn(
        "StreamingFIFO_rtl",
        name,
        ["x"],
        depth=depth,
        normal_shape=shape,
        folded_shape=[*shape[:-1], 1, width],
        dataType=element,
        ram_style=style,
    )
    return _alone(node, ("x", tuple(shape), element), ("y", tuple(shape), element))


def converter(name: str, width_in: int, width_out: int) -> ModelWrapper:
    """FINN+'s width converter."""
    shape, element = [1, 1, 1, width_in * width_out], "BINARY"
    node = _finn(
        "StreamingDataWidthConverter_rtl",
        name,
        ["x"],
        inShape=shape,
        outShape=shape,
        inWidth=width_in,
        outWidth=width_out,
        dataType=element,
    )
    return _alone(node, ("x", tuple(shape), element), ("y", tuple(shape), element))


def _finn(op_type: str, name: str, inputs: list[str], **attributes: Any) -> NodeProto:
    return helper.make_node(op_type, inputs, ["y"], name=name, domain=DOMAIN, backend="fpgadataflow", **attributes)


def _alone(
    node: NodeProto, source: Tensor, sink: Tensor, constants: Mapping[str, tuple[np.ndarray, str]] | None = None
) -> ModelWrapper:
    """A graph of one node."""
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape, _ in (source, sink)]
    model = ModelWrapper(qonnx_make_model(helper.make_graph([node], node.name, infos[:1], infos[1:])))
    for name, _, datatype in (source, sink):
        model.set_tensor_datatype(name, DataType[datatype])
    for name, (values, datatype) in (constants or {}).items():
        model.set_initializer(name, values.astype(np.float32))
        model.set_tensor_datatype(name, DataType[datatype])
    return model


NODES: dict[str, Callable[..., ModelWrapper]] = {
    "multiplier": multiplier,
    "memory": memory,
    "threshold": threshold,
    "quantizer": quantizer,
    "window": window,
    "padding": padding,
    "fifo": fifo,
    "converter": converter,
}
"""Blocks of FINN+'s library."""

SPECS: dict[str, type[KernelSpec]] = {kernel.name: kernel.spec for kernel in KERNELS}
"""Blocks of our own."""
