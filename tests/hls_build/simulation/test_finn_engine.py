# SPDX-License-Identifier: Apache-2.0
"""Engine: FINN+ nodes simulate through the seam that Vivado's engine leaves, and a changed seam is noticed."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import finn.xsi
import numpy as np
import pytest
from finn.core.onnx_exec import execute_onnx
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend
from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
    InferQuantizedMatrixVectorActivation,
)
from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
from finn.transformation.fpgadataflow.minimize_accumulator_width import MinimizeAccumulatorWidth
from finn.transformation.fpgadataflow.minimize_weight_bit_width import MinimizeWeightBitWidth
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.prepare_rtlsim import PrepareRTLSim
from finn.transformation.fpgadataflow.set_exec_mode import SetExecMode
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn.util.exception import FINNUserError
from finn_nodes import bound, stitched
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import qonnx_make_model

from hls_build.finn_settings import finn_settings
from hls_build.simulation import finn_engine, verilator

pytestmark = pytest.mark.verilator

ROOT = Path(__file__).parents[3]
PART, CLK_NS = "xc7z020clg400-1", 10.0
SIZE, INPUTS, OUTPUTS = 4, 4, 8
FOLDING: dict[str, dict[str, Any]] = {
    "FMPadding_rtl": {"SIMD": 4},
    "ConvolutionInputGenerator_rtl": {"SIMD": 4},
    "MVAU_rtl": {"SIMD": 6, "PE": 4, "mem_mode": "internal_decoupled"},
    "Thresholding_rtl": {"PE": 2},
}


@pytest.fixture(autouse=True)
def seam(tmp_path: Path) -> Iterator[None]:
    """Bind the engine, and let FINN+ write below the test's folder."""
    with bound(tmp_path):
        yield


def convolution(rng: np.random.Generator) -> ModelWrapper:
    """A padded 3x3 convolution with thresholds as specialised, folded RTL nodes."""
    weights = rng.integers(-7, 8, (9 * INPUTS, OUTPUTS)).astype(np.float32)
    thresholds = np.sort(rng.integers(-200, 200, (OUTPUTS, 15)), axis=1).astype(np.float32)
    general = "qonnx.custom_op.general"
    window: dict[str, Any] = {"stride": [1, 1], "kernel_size": [3, 3], "pad_amount": [1, 1, 1, 1]}
    shape = f"(1,{SIZE},{SIZE},{INPUTS})"
    nodes = [
        helper.make_node("Im2Col", ["x"], ["columns"], domain=general, input_shape=shape, **window),
        helper.make_node("MatMul", ["columns", "weights"], ["sums"]),
        helper.make_node(
            "MultiThreshold",
            ["sums", "thresholds"],
            ["y"],
            domain=general,
            out_dtype="UINT4",
            data_layout="NHWC",
        ),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, SIZE, SIZE, channels])
        for name, channels in (("x", INPUTS), ("y", OUTPUTS))
    ]
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(thresholds, "thresholds")]
    model = ModelWrapper(qonnx_make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)))
    for tensor, datatype in (("x", "UINT4"), ("weights", "INT4"), ("thresholds", "INT12")):
        model.set_tensor_datatype(tensor, DataType[datatype])
    naming = [GiveUniqueNodeNames(), GiveReadableTensorNames(), InferShapes(), InferDataTypes()]
    convert = [InferThresholdingLayer(), InferQuantizedMatrixVectorActivation(), InferConvInpGen()]
    tighten = [SpecializeLayers(PART), MinimizeWeightBitWidth(), MinimizeAccumulatorWidth()]
    for step in (InferShapes(), InferDataTypes(), *convert, *naming, *tighten, InferDataTypes()):
        model = model.transform(step)
    for node in model.graph.node:
        for name, value in FOLDING[node.op_type].items():
            getCustomOp(node).set_nodeattr(name, value)
    for step in (InsertDWC(), SpecializeLayers(PART), *naming):
        model = model.transform(step)
    return model


def prepared(model: ModelWrapper) -> ModelWrapper:
    """Generate the nodes' RTL and compile it."""
    for step in (PrepareIP(PART, CLK_NS), SetExecMode("rtlsim"), PrepareRTLSim(num_workers=1)):
        model = model.transform(step)
    return model


def test_every_node_equals_python(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    model = convolution(rng)
    kinds = {node.op_type for node in model.graph.node}
    assert kinds == {*FOLDING, "StreamingDataWidthConverter_rtl"}
    x = rng.integers(0, 16, (1, SIZE, SIZE, INPUTS)).astype(np.float32)
    feed = {model.graph.input[0].name: x}
    expected = execute_onnx(model.transform(SetExecMode("cppsim")), feed, True)
    model = prepared(model)
    found = execute_onnx(model, feed, True)
    for node in model.graph.node:
        np.testing.assert_array_equal(found[node.output[0]], expected[node.output[0]], err_msg=node.name)
        operator = getCustomOp(node)
        if node.op_type in FOLDING:
            assert operator.get_exp_cycles() * 0.9 < operator.get_nodeattr("cycles_rtlsim"), node.name
            assert operator.get_nodeattr("cycles_rtlsim") < operator.get_exp_cycles() * 1.1 + 20, node.name

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(verilator, "_verilate", refuse)
    prepared(model)  # the same nodes in new folders come from the cache


def test_a_stitched_graph_equals_python(rng: np.random.Generator) -> None:
    """Here the multiplier's weights come from its memory, and nodes wait for each other."""
    model = convolution(rng).transform(InsertFIFO(create_shallow_fifos=True))
    for step in (SpecializeLayers(PART), GiveUniqueNodeNames(), GiveReadableTensorNames()):
        model = model.transform(step)
    assert [node.op_type for node in model.graph.node][:2] == ["StreamingFIFO_rtl", "FMPadding_rtl"]
    (name,) = (value.name for value in model.graph.input)
    frames = rng.integers(0, 16, (3, SIZE, SIZE, INPUTS)).astype(np.float32)
    by_python = model.transform(SetExecMode("cppsim"))
    expected = [execute_onnx(by_python, {name: frame[None]})[model.graph.output[0].name] for frame in frames]
    assert np.ptp(expected)
    whole = stitched(model, PART)
    for frame, answer in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(execute_onnx(whole, {name: frame[None]})[model.graph.output[0].name], answer)
    assert int(whole.get_metadata_prop("cycles_rtlsim")) > SIZE * SIZE


def thresholding(rng: np.random.Generator) -> ModelWrapper:
    """The convolution's last node alone."""
    model = convolution(rng)
    for node in list(model.graph.node)[:-1]:
        model.graph.node.remove(node)
    (info,) = [info for info in model.graph.value_info if info.name == model.graph.node[0].input[0]]
    model.graph.input[0].CopyFrom(info)
    model.graph.value_info.remove(info)
    return model


def test_a_stuck_node_is_named_as_finns_own_error(rng: np.random.Generator) -> None:
    model = prepared(thresholding(rng))
    operator = getCustomOp(model.graph.node[0])
    opened = operator.get_rtlsim()
    operator.reset_rtlsim(opened)
    with pytest.raises(FINNUserError, match=r"timed out after 300 cycles.*stream 'out0' is stuck: never valid"):
        finn_engine.rtlsim_multi_io(opened, {"inputs": {"in0": [1, 2]}, "outputs": {"out0": []}}, 3, "_V", 300)
    operator.close_rtlsim(opened)


def test_waves_on_request(rng: np.random.Generator) -> None:
    model = thresholding(rng)
    operator = getCustomOp(model.graph.node[0])
    operator.set_nodeattr("rtlsim_trace", "node.wdb")
    model = prepared(model)
    shape = model.get_tensor_shape(model.graph.input[0].name)
    execute_onnx(model, {model.graph.input[0].name: np.zeros(shape, np.float32)})
    library = Path(getCustomOp(model.graph.node[0]).get_nodeattr("rtlsim_so"))
    assert (library.parents[2] / "node.fst").stat().st_size > 1000


STRANGER = """
import numpy as np
from finn.core.onnx_exec import execute_onnx
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.prepare_rtlsim import PrepareRTLSim
from finn.transformation.fpgadataflow.set_exec_mode import SetExecMode
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.util.basic import qonnx_make_model

node = helper.make_node(
    "FMPadding_rtl", ["x"], ["y"], name="pad", domain="finn.custom_op.fpgadataflow.rtl", backend="fpgadataflow",
    ImgDim=[4, 4], Padding=[1, 1, 1, 1], NumChannels=2, SIMD=1, inputDataType="UINT4", numInputVectors=1,
)
ends = [
    helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size, size, 2]) for name, size in (("x", 4), ("y", 6))
]
model = ModelWrapper(qonnx_make_model(helper.make_graph([node], "g", ends[:1], ends[1:])))
for name in "xy":
    model.set_tensor_datatype(name, DataType["UINT4"])
part, clk_period_ns = "xc7z020clg400-1", 10.0
x = np.random.default_rng(1).integers(0, 16, (1, 4, 4, 2)).astype(np.float32)
{example}
np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
assert getCustomOp(model.graph.node[0]).get_nodeattr("cycles_rtlsim") >= 6 * 6 * 2
"""


def test_the_example_of_the_documentation_runs_in_a_fresh_interpreter(tmp_path: Path) -> None:
    """On a graph of FINN+'s own, outside of its command line, with a build folder that is not there yet."""
    example = textwrap.dedent(
        "".join(re.findall(r"(?:^    .*\n|^\n(?=    ))+", inspect.getdoc(finn_engine) or "", re.M))
    )
    assert example.count("\n") >= 5
    environment = {**os.environ, "FINN_BUILD_DIR": str(tmp_path / "not" / "yet"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", STRANGER.replace("{example}", example)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_verilator_cannot_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="FIFO sizing simulation needs Vivado"):
        finn_engine.compile_sim_obj("top", [], tmp_path, fifosim=True)
    with pytest.raises(RuntimeError, match=r"Verilator reads Verilog and SystemVerilog, not a\.vhd"):
        finn_engine.compile_sim_obj("top", ["a.vhd"], tmp_path)


def test_canary_the_seam_has_finns_names() -> None:
    assert set(finn_engine.SEAM) == finn.xsi._LAZY_NAMES


def test_canary_the_seam_has_finns_signatures() -> None:
    adapter = ast.parse((Path(finn_settings().finn_xsi) / "adapter.py").read_text())
    theirs = {node.name: node.args for node in adapter.body if isinstance(node, ast.FunctionDef)}
    for name in set(finn_engine.SEAM) - {"SimEngine"}:
        ours = inspect.signature(getattr(finn_engine, name)).parameters
        assert [argument.arg for argument in theirs[name].args] == list(ours), name
        defaults = [ast.literal_eval(default) for default in theirs[name].defaults]
        own = [p.default for p in ours.values() if p.default is not inspect.Parameter.empty]
        assert defaults == own, name


def test_canary_finn_calls_nothing_else() -> None:
    """What the node classes use of the engine is in the seam, and its library path still says xsim.dir."""
    for owner in (HWCustomOp, RTLBackend):
        tree = ast.parse(Path(inspect.getfile(owner)).read_text())
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "finnxsi"
        }
        assert used <= set(finn_engine.SEAM), owner
    assert '"xsim.dir"' in inspect.getsource(HWCustomOp.get_rtlsim)
