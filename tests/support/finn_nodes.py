# SPDX-License-Identifier: Apache-2.0
"""Every RTL node of FINN+ tried once on our engine, by itself and in a stitched graph; docs/finn-engine.md lists them.

scripts/finn_nodes.sh runs it.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import finn.xsi
import numpy as np
import numpy.typing as npt
from finn.core.onnx_exec import execute_onnx
from finn.custom_op.fpgadataflow import rtl
from finn.transformation.fpgadataflow import create_stitched_ip
from finn.transformation.fpgadataflow.create_stitched_ip import CreateStitchedIP
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.prepare_rtlsim import PrepareRTLSim
from finn.transformation.fpgadataflow.set_exec_mode import SetExecMode
from finn.util.settings import get_settings
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from hls_build.finn_adapter import use_build_folder
from hls_build.simulation import finn_engine

PAGE = Path(__file__).parents[2] / "docs" / "finn-engine.md"
PART, PERIOD_NS = "xc7z020clg400-1", 10.0
TABLE = re.compile(r"(?<=\| node \| by itself \| in a stitched graph \|\n\|---\|---\|---\|\n)(?:\|.*\n)*")
Values = npt.NDArray[np.float32]
Prepare = Callable[[ModelWrapper, str], ModelWrapper]
"""Makes a graph ready for simulation on a part."""


@dataclass(frozen=True)
class NodeCase:
    """A node small enough to simulate in a moment.

    Attributes:
        attributes: Of the node.
        inputs: Shape and FINN type of each; those that stream come first.
        output: Shape and FINN type.
        constants: Value of the inputs that have one, by their place.
        tolerance: Largest difference from FINN+'s own answer in Python, relative to its largest value; 0 of integers.
        part: FPGA.
        drops: Whether it leaves zeros of whatever it gets, and has no answer in Python.
    """

    attributes: Mapping[str, Any]
    inputs: tuple[tuple[tuple[int, ...], str], ...]
    output: tuple[tuple[int, ...], str]
    constants: Mapping[int, Values] = field(default_factory=dict)
    tolerance: float = 0.0
    part: str = PART
    drops: bool = False


@contextmanager
def bound(folder: Path) -> Iterator[None]:
    """The engine bound, with FINN+'s files below a folder; afterwards all of FINN+ is as it was."""
    places = [(finn.xsi, name) for name in finn_engine.SEAM]
    places += [(create_stitched_ip, name) for name in ("resolve_xilinx_tool", "launch_process_helper")]
    kept = [(module, name, vars(module)[name]) for module, name in places if name in vars(module)]
    settings = get_settings()
    before = settings.finn_build_dir
    finn_engine.bind()
    use_build_folder(folder)
    try:
        yield
    finally:
        settings.finn_build_dir = before
        for module, name in places:
            delattr(module, name)
        for module, name, value in kept:
            setattr(module, name, value)


def _random(shape: tuple[int, ...], datatype: str, seed: int = 1) -> Values:
    """Values of a type."""
    rng, kind = np.random.default_rng(seed), DataType[datatype]
    if not kind.is_integer():
        return rng.normal(0, 2, shape).astype(np.float32)
    return rng.integers(kind.min(), kind.max() + 1, shape).astype(np.float32)


def _elementwise(out: str) -> NodeCase:
    """A sum, difference or product with a constant."""
    about = {"lhs_dtype": "INT4", "rhs_dtype": "INT4", "out_dtype": out, "lhs_shape": [1, 3, 4], "rhs_shape": [4]}
    told = {**about, "out_shape": [1, 3, 4], "lhs_style": "input", "rhs_style": "const", "PE": 2}
    return NodeCase(told, (((1, 3, 4), "INT4"), ((4,), "INT4")), ((1, 3, 4), out), {1: _random((4,), "INT4")})


def _multiplier(**changes: Any) -> dict[str, Any]:
    types = {"inputDataType": "INT4", "weightDataType": "INT4", "outputDataType": "INT16", "accDataType": "INT16"}
    return {**types, "PE": 2, "noActivation": 1, "mem_mode": "internal_decoupled", "resType": "dsp", **changes}


def _weights(*shape: int) -> Values:
    """Weights of four bits, symmetric as the DSP48E1 wants them."""
    return np.random.default_rng(1).integers(-7, 8, shape).astype(np.float32)


CASES: Mapping[str, NodeCase] = {
    "ConvolutionInputGenerator_rtl": NodeCase(
        {
            "ConvKernelDim": [3, 3], "IFMChannels": 2, "IFMDim": [5, 5], "OFMDim": [3, 3], "SIMD": 2, "Stride": [1, 1],
            "Dilation": [1, 1], "inputDataType": "UINT4", "outputDataType": "UINT4",
        },
        (((1, 5, 5, 2), "UINT4"),),
        ((1, 3, 3, 18), "UINT4"),
    ),
    "Crop_rtl": NodeCase(
        {
            "DataType": "UINT4", "ImgDim": [5, 4], "NumChannels": 4, "CropNorth": 1, "CropSouth": 0, "CropWest": 1,
            "CropEast": 1, "SIMD": 2, "numInputVectors": [1],
        },
        (((1, 5, 4, 4), "UINT4"),),
        ((1, 4, 2, 4), "UINT4"),
    ),
    "ElementwiseAdd_rtl": _elementwise("INT5"),
    "ElementwiseMul_rtl": _elementwise("INT8"),
    "ElementwiseSub_rtl": _elementwise("INT5"),
    "FMPadding_rtl": NodeCase(
        {"ImgDim": [4, 4], "Padding": [1, 1, 1, 1], "NumChannels": 2, "SIMD": 1, "inputDataType": "UINT4"},
        (((1, 4, 4, 2), "UINT4"),),
        ((1, 6, 6, 2), "UINT4"),
    ),
    "HWSoftmax_rtl": NodeCase(
        {"ifm_dim": [1, 4, 8], "SIMD": 2, "input_data_type": "INT8", "NumChannels": 8},
        (((1, 4, 8), "INT8"),),
        ((1, 4, 8), "FLOAT32"),
        tolerance=1e-3,
    ),
    "HWWhere_rtl": NodeCase(
        {"Shape": [1, 4, 6], "PE": 2, "inputDataType": "INT8", "outputDataType": "INT8"},
        (((1, 4, 6), "BINARY"), ((1, 4, 6), "INT8"), ((1, 4, 6), "INT8")),
        ((1, 4, 6), "INT8"),
    ),
    "InnerShuffle_rtl": NodeCase(
        {"data_type": "INT8", "in_shape": [1, 8, 4], "transpose_in_shape": [1, 8, 4], "SIMD": 2},
        (((1, 8, 4), "INT8"),),
        ((1, 4, 8), "INT8"),
    ),
    "LayerNorm_rtl": NodeCase(
        {
            "SIMD": 2, "ifm_dim": [1, 4, 8], "epsilon": 1e-5, "inputDataType": "FLOAT32", "outputDataType": "FLOAT32",
            "NumChannels": 8,
        },
        (((1, 4, 8), "FLOAT32"),),
        ((1, 4, 8), "FLOAT32"),
        tolerance=1e-3,
    ),
    "MVAU_rtl": NodeCase(
        _multiplier(MW=6, MH=4, SIMD=3, numInputVectors=[1, 3]),
        (((1, 3, 6), "INT4"), ((6, 4), "INT4")),
        ((1, 3, 4), "INT16"),
        {1: _weights(6, 4)},
    ),
    "Pad1D_rtl": NodeCase(
        {
            "NumTokens": 4, "NumChannels": 4, "PadLeft": 1, "PadRight": 2, "SIMD": 2, "inputDataType": "INT8",
            "outputDataType": "INT8",
        },
        (((1, 4, 4), "INT8"), ((1, 1, 4), "INT8"), ((1, 2, 4), "INT8")),
        ((1, 7, 4), "INT8"),
        {1: _random((1, 1, 4), "INT8"), 2: _random((1, 2, 4), "INT8", 2)},
    ),
    "PWPolyF_rtl": NodeCase(
        {
            "func": "sigmoid", "PE": 2, "NumChannels": 4, "inputDataType": "FLOAT32", "outputDataType": "FLOAT32",
            "numInputVectors": [1, 3],
        },
        (((1, 3, 4), "FLOAT32"),),
        ((1, 3, 4), "FLOAT32"),
        tolerance=1e-3,
    ),
    "RemoveDataPath_rtl": NodeCase(
        {"folded_shape": [1, 3, 2, 2], "normal_shape": [1, 3, 4], "dataType": "INT8"},
        (((1, 3, 4), "INT8"),),
        ((1, 3, 4), "INT8"),
        drops=True,
    ),
    "Requant_rtl": NodeCase(
        {"PE": 2, "NumChannels": 4, "inputDataType": "INT12", "outputDataType": "UINT4", "numInputVectors": [1, 3]},
        (((1, 3, 4), "INT12"), ((4,), "FLOAT32"), ((4,), "FLOAT32")),
        ((1, 3, 4), "UINT4"),
        {1: np.array([0.01, 0.02, 0.005, 0.125], np.float32), 2: np.array([1, 0.5, 3, 7], np.float32)},
    ),
    "Reshape_rtl": NodeCase(
        {"inp_shape": [1, 4, 4], "out_shape": [1, 2, 8], "dtype": "INT8", "PE": 2},
        (((1, 4, 4), "INT8"),),
        ((1, 2, 8), "INT8"),
    ),
    "SelectToken_rtl": NodeCase(
        {
            "NumTokens": 4, "NumChannels": 4, "TokenIndex": 2, "SIMD": 2, "inputDataType": "INT8",
            "outputDataType": "INT8",
        },
        (((1, 4, 4), "INT8"),),
        ((1, 4), "INT8"),
    ),
    "StreamingDataWidthConverter_rtl": NodeCase(
        {"inShape": [1, 3, 8], "outShape": [1, 3, 8], "inWidth": 8, "outWidth": 32, "dataType": "INT4"},
        (((1, 3, 8), "INT4"),),
        ((1, 3, 8), "INT4"),
    ),
    "StreamingFIFO_rtl": NodeCase(
        {
            "depth": 32, "folded_shape": [1, 3, 2, 2], "normal_shape": [1, 3, 4], "dataType": "INT8",
            "ram_style": "distributed",
        },
        (((1, 3, 4), "INT8"),),
        ((1, 3, 4), "INT8"),
    ),
    "Thresholding_rtl": NodeCase(
        {
            "PE": 2, "NumChannels": 4, "numSteps": 15, "inputDataType": "INT8", "weightDataType": "INT8",
            "outputDataType": "UINT4", "numInputVectors": [1, 3],
        },
        (((1, 3, 4), "INT8"), ((4, 15), "INT8")),
        ((1, 3, 4), "UINT4"),
        {1: np.sort(_random((4, 15), "INT8"), axis=1)},
    ),
    "VVAU_rtl": NodeCase(
        _multiplier(Dim=[2, 2], Channels=4, Kernel=[3, 3], SIMD=3),
        (((1, 2, 2, 36), "INT4"), ((4, 1, 3, 3), "INT4")),
        ((1, 2, 2, 4), "INT16"),
        {1: _weights(4, 1, 3, 3)},
        part="xcvc1902-vsva2197-2MP-e-S",
    ),
}  # fmt: skip
"""A case of every RTL node that stands for itself."""
CONTAINERS = {
    "FINNLoop": "a loop over a graph, made of blocks that Vivado packages",
    "NodeContainer": "several graphs in one place, made of blocks that Vivado packages",
}
"""Nodes that hold whole graphs, and what they lack here."""


def model_of(op_type: str) -> ModelWrapper:
    """A graph of one node."""
    case = CASES[op_type]
    names = [f"x{place}" if place not in case.constants else f"constant{place}" for place in range(len(case.inputs))]
    domain = "finn.custom_op.fpgadataflow.rtl"
    node = helper.make_node(
        op_type, names, ["y"], name="node", domain=domain, backend="fpgadataflow", **case.attributes
    )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, (shape, _) in zip((*names, "y"), (*case.inputs, case.output), strict=True)
    ]
    streamed = [end for end in ends[:-1] if end.name.startswith("x")]
    model = ModelWrapper(qonnx_make_model(helper.make_graph([node], "g", streamed, ends[-1:])))
    for name, (_, datatype) in zip((*names, "y"), (*case.inputs, case.output), strict=True):
        model.set_tensor_datatype(name, DataType[datatype])
    for place, value in case.constants.items():
        model.set_initializer(names[place], value)
        model.set_tensor_datatype(names[place], DataType[case.inputs[place][1]])
    return model


def feed_of(op_type: str) -> dict[str, Values]:
    """Values for the inputs that stream."""
    case = CASES[op_type]
    return {
        f"x{place}": _random(shape, datatype, place)
        for place, (shape, datatype) in enumerate(case.inputs)
        if place not in case.constants
    }


def by_itself(model: ModelWrapper, part: str) -> ModelWrapper:
    """Each node's RTL, simulated node by node."""
    for step in (PrepareIP(part, PERIOD_NS), SetExecMode("rtlsim"), PrepareRTLSim(num_workers=1)):
        model = model.transform(step)
    return model


def stitched(model: ModelWrapper, part: str) -> ModelWrapper:
    """All nodes' RTL in one design, simulated as a whole."""
    for step in (PrepareIP(part, PERIOD_NS), CreateStitchedIP(part, PERIOD_NS)):
        model = model.transform(step)
    model.set_metadata_prop("exec_mode", "rtlsim")
    return model


def found(op_type: str, prepare: Prepare) -> str:
    """What becomes of a node: that it equals FINN+'s own answer, or what it lacks."""
    case, feed = CASES[op_type], feed_of(op_type)
    expected = expected_of(op_type)
    assert case.drops or np.ptp(expected), "an answer that never varies shows nothing"
    try:
        answer = execute_onnx(prepare(model_of(op_type), case.part), feed)["y"]
    except Exception as error:
        return lacking(error)
    if np.array_equal(answer, expected):
        return "equal"
    apart = float(np.abs(answer - expected).max() / np.abs(expected).max())
    return f"within {case.tolerance:g}" if apart <= case.tolerance else f"differs by {apart:g} of the largest value"


def expected_of(op_type: str) -> Values:
    """What a node answers in FINN+'s own Python."""
    case, feed = CASES[op_type], feed_of(op_type)
    if case.drops:
        return np.zeros(case.output[0], np.float32)
    return np.asarray(execute_onnx(model_of(op_type).transform(SetExecMode("cppsim")), feed)["y"])


def lacking(error: Exception) -> str:
    """What a node lacks, in one clause: the first error of Verilator, or the sentence."""
    said = str(error)
    if refused := re.search(r"%Error\S* (?:\S*/(\S+?\.sv):\d+:\d+:)? *(.+)", said):
        return f"Verilator refuses {refused[1] or 'it'}: {refused[2]}".replace("|", "\\|")
    return " ".join(said.split())


def row(op_type: str) -> str:
    """The page's row of a node."""
    if op_type in CONTAINERS:
        return f"| `{op_type}` | not tried: {CONTAINERS[op_type]} | likewise |"
    with tempfile.TemporaryDirectory() as folder, bound(Path(folder)):
        alone, whole = found(op_type, by_itself), found(op_type, stitched)
    same_reason = alone != "equal" and alone.partition(":")[0] == whole.partition(":")[0]
    return f"| `{op_type}` | {alone} | {'likewise' if same_reason else whole} |"


def nodes() -> list[str]:
    """All RTL nodes that FINN+ registers, without ours."""
    return sorted(name for name, cls in rtl.custom_op.items() if cls.__module__.startswith("finn."))


def listed(page: str) -> list[str]:
    """The rows of the page's table."""
    table = TABLE.search(page)
    return table[0].splitlines() if table else []


def main() -> None:
    """Try nodes, print their rows, and write the page's table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="try the nodes whose names hold one of them")
    parser.add_argument("--page", action="store_true", help="write the table of docs/finn-engine.md")
    options = parser.parse_args()
    if options.page and options.words:
        parser.error("--page takes all nodes: leave out the words")
    warnings.simplefilter("ignore")
    rows = []
    for name in nodes():
        if not options.words or any(word in name for word in options.words):
            rows.append(row(name))
            print(rows[-1], flush=True)
    if options.page:
        PAGE.write_text(TABLE.sub("".join(f"{line}\n" for line in rows), PAGE.read_text(), count=1))


if __name__ == "__main__":
    main()
