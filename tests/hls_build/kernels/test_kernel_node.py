# SPDX-License-Identifier: Apache-2.0
"""KernelNode: every kernel is a FINN node that keeps its spec, runs in Python and reaches the block design."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finn.transformation.fpgadataflow.annotate_cycles import AnnotateCycles
from finn.transformation.fpgadataflow.create_stitched_ip import CreateStitchedIP
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.prepare_rtlsim import PrepareRTLSim
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn_nodes import bound
from kernel_cases import NodeCase, each_node
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import qonnx_make_model

from hls_build.finn_settings import finn_settings
from hls_build.kernels.gate.node import Gate_rtl
from hls_build.kernels.gate.spec import GateSpec
from hls_build.kernels.global_pool.node import GlobalPool_rtl
from hls_build.kernels.global_pool.spec import GlobalPoolSpec
from hls_build.kernels.kernel import Kernel
from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.stream_fork.node import StreamFork_rtl
from hls_build.kernels.stream_fork.spec import StreamForkSpec
from hls_build.simulation import verilator

PART, CLK_NS = "xc7z020clg400-1", 10.0
TABLE = np.random.default_rng(3).integers(-4, 4, (4, 16))
FORK = StreamForkSpec(pixels=6, channels=4, pe=2, bits=3, signed=True, copies=3)
every_node = each_node()


@pytest.fixture(autouse=True)
def build_folder(tmp_path: Path) -> Iterator[Path]:
    """FINN's build folder, a fresh one for each test."""
    settings = finn_settings()
    before = settings.finn_build_dir
    settings.finn_build_dir = tmp_path
    yield tmp_path
    settings.finn_build_dir = before


@pytest.fixture
def engine(build_folder: Path) -> Iterator[None]:
    """Verilator in Vivado's place."""
    with bound(build_folder):
        yield


def graph(nodes: list[Any], inputs: dict[str, list[int]], outputs: list[str]) -> ModelWrapper:
    """Model of nodes; shapes of the outputs are left to be inferred."""
    ins = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    return ModelWrapper(qonnx_make_model(helper.make_graph(nodes, "kernels", ins, outs)))


def one_node(kernel: type[KernelNode], case: NodeCase, name: str = "op") -> ModelWrapper:
    """Graph of one kernel with its input types noted."""
    ins, outs = [f"x{i}" for i in range(len(case.inputs))], [f"y{i}" for i in range(len(case.outputs))]
    height, width = case.inputs[0][1:3]
    node = kernel.make_node(case.spec, ins, outs, height, width, name)
    model = graph([node], dict(zip(ins, case.inputs, strict=True)), outs)
    for tensor, port in zip(ins, case.spec.inputs, strict=True):
        model.set_tensor_datatype(tensor, DataType[port.datatype])
    return model.transform(InferShapes()).transform(InferDataTypes())


def attention() -> ModelWrapper:
    """Graph of three kernels: a fork, a global pool beside its bypass, a channel gate."""
    fork = StreamForkSpec(pixels=4, channels=6, pe=2, bits=2, signed=False)
    pool = GlobalPoolSpec(pixels=4, channels=6, pe=2, bits=2, signed=False, mode="sum")
    gate = GateSpec(4, 6, 2, 2, False, 4, 3, True, kind="channel", table=TABLE)
    nodes = [
        StreamFork_rtl.make_node(fork, ["x"], ["bypass", "branch"], 2, 2, ""),
        GlobalPool_rtl.make_node(pool, ["branch"], ["g"], 2, 2, ""),
        Gate_rtl.make_node(gate, ["bypass", "g"], ["y"], 2, 2, ""),
    ]
    model = graph(nodes, {"x": [1, 2, 2, 6]}, ["y"])
    model.set_tensor_datatype("x", DataType["UINT2"])
    return model.transform(GiveUniqueNodeNames()).transform(InferShapes()).transform(InferDataTypes())


def random_inputs(case: NodeCase, rng: np.random.Generator) -> list[np.ndarray]:
    """Random integers for every input of a kernel."""
    return [
        rng.integers(port.limits[0], port.limits[1] + 1, shape)
        for port, shape in zip(case.spec.inputs, case.inputs, strict=True)
    ]


def prepare_rtlsim(model: ModelWrapper) -> ModelWrapper:
    """Generate and compile the RTL of every node."""
    return model.transform(PrepareIP(PART, CLK_NS)).transform(PrepareRTLSim(num_workers=1))


def set_mode(model: ModelWrapper, mode: str) -> None:
    """Choose how the nodes are executed."""
    for node in model.graph.node:
        getCustomOp(node).set_nodeattr("exec_mode", mode)


@every_node
def test_the_node_keeps_the_spec(kernel: Kernel, case: NodeCase) -> None:
    op = getCustomOp(one_node(kernel.node, case).graph.node[0])
    assert type(op) is kernel.node
    assert op.spec == case.spec


@every_node
def test_shapes_widths_and_types_follow_the_ports(kernel: Kernel, case: NodeCase) -> None:
    spec = case.spec
    model = one_node(kernel.node, case)
    op = getCustomOp(model.graph.node[0])
    for i, (port, shape) in enumerate(zip(spec.inputs, case.inputs, strict=True)):
        assert list(op.get_normal_input_shape(i)) == shape
        assert list(op.get_folded_input_shape(i)) == [*shape[:3], shape[3] // port.lanes, port.lanes]
        assert op.get_instream_width(i) == port.lanes * port.bits
        assert op.get_input_datatype(i) == DataType[port.datatype]
    for i, (port, shape) in enumerate(zip(spec.outputs, case.outputs, strict=True)):
        assert model.get_tensor_shape(f"y{i}") == list(op.get_normal_output_shape(i)) == shape
        assert list(op.get_folded_output_shape(i)) == [*shape[:3], shape[3] // port.lanes, port.lanes]
        assert op.get_outstream_width(i) == port.lanes * port.bits
        assert model.get_tensor_datatype(f"y{i}") == op.get_output_datatype(i) == DataType[port.datatype]
    assert op.get_exp_cycles() == spec.cycles()


@every_node
def test_output_beats_come_as_finn_wants_them(kernel: Kernel, case: NodeCase) -> None:
    op, outputs = getCustomOp(one_node(kernel.node, case).graph.node[0]), case.spec.outputs
    wanted = {f"out{i}": port.beats for i, port in enumerate(outputs)}
    assert op.get_number_output_values() == (wanted if len(outputs) > 1 else wanted["out0"])
    assert len(op.get_nodeattr("outFIFODepths")) == len(outputs)


@every_node
def test_python_execution_is_the_model(kernel: Kernel, case: NodeCase, rng: np.random.Generator) -> None:
    spec = case.spec
    model = one_node(kernel.node, case)
    set_mode(model, "cppsim")
    arrays = random_inputs(case, rng)
    answer = execute_onnx(model, {f"x{i}": a.astype(np.float32) for i, a in enumerate(arrays)})
    expected = spec.model(*arrays)
    for i, array in enumerate(expected if isinstance(expected, tuple) else (expected,)):
        np.testing.assert_array_equal(answer[f"y{i}"], array)


@pytest.mark.verilator
@pytest.mark.usefixtures("engine")
@every_node
def test_rtlsim_is_python_execution(kernel: Kernel, case: NodeCase, rng: np.random.Generator) -> None:
    model = prepare_rtlsim(one_node(kernel.node, case))
    arrays = random_inputs(case, rng)
    feeds = {f"x{i}": array.astype(np.float32) for i, array in enumerate(arrays)}
    answers = []
    for mode in ("cppsim", "rtlsim"):
        set_mode(model, mode)
        answers.append(execute_onnx(model, feeds))
    for i in range(len(case.outputs)):
        np.testing.assert_array_equal(answers[1][f"y{i}"], answers[0][f"y{i}"])


@every_node
def test_resources_reach_finn(kernel: Kernel, case: NodeCase) -> None:
    estimate = getCustomOp(one_node(kernel.node, case).graph.node[0]).node_res_estimation(PART)
    spec = case.spec.resources()
    assert [estimate[key] for key in ("LUT", "BRAM_18K", "DSP")] == [spec.lut, spec.bram18, spec.dsp]
    assert spec.lut > 0


@pytest.mark.verilator
@every_node
def test_the_wrapper_is_clean(kernel: Kernel, case: NodeCase) -> None:
    model = one_node(kernel.node, case, "wrapped").transform(PrepareIP(PART, CLK_NS))
    op = getCustomOp(model.graph.node[0])
    verilator.lint([Path(path) for path in op.get_rtl_file_list(abspath=True)], "wrapped")


@every_node
def test_the_wrapper_has_finns_ports(kernel: Kernel, case: NodeCase) -> None:
    op = getCustomOp(one_node(kernel.node, case, "wrapped").graph.node[0])
    names, text = op.get_verilog_top_module_intf_names(), case.spec.wrapper("wrapped")
    for direction, ports in (("input", names["s_axis"]), ("output", names["m_axis"])):
        for port, width in ports:
            assert f"  {direction} wire [{width - 1}:0] {port}_TDATA" in text


def test_three_kernels_run_in_python(rng: np.random.Generator) -> None:
    model = attention()
    set_mode(model, "cppsim")
    x = rng.integers(0, 4, (1, 2, 2, 6))
    answer = execute_onnx(model, {"x": x.astype(np.float32)})["y"]
    np.testing.assert_array_equal(answer, TABLE[x, x.sum(axis=(1, 2), keepdims=True)])


@pytest.mark.verilator
@pytest.mark.usefixtures("engine")
def test_three_kernels_run_in_rtlsim(rng: np.random.Generator) -> None:
    model = prepare_rtlsim(attention())
    set_mode(model, "rtlsim")
    x = rng.integers(0, 4, (1, 2, 2, 6))
    answer = execute_onnx(model, {"x": x.astype(np.float32)})["y"]
    np.testing.assert_array_equal(answer, TABLE[x, x.sum(axis=(1, 2), keepdims=True)])
    for node in model.graph.node:
        assert getCustomOp(node).get_nodeattr("cycles_rtlsim") >= getCustomOp(node).get_exp_cycles()


def test_fifos_fit_between_kernels() -> None:
    model = attention().transform(InsertFIFO(create_shallow_fifos=True)).transform(SpecializeLayers(PART))
    model = model.transform(GiveUniqueNodeNames()).transform(InferShapes()).transform(AnnotateCycles())
    fifos = [node for node in model.graph.node if node.op_type == "StreamingFIFO_rtl"]
    assert len(fifos) == 5  # x, bypass, branch, g, y
    for fifo in fifos:
        producer = model.find_producer(fifo.input[0])
        if producer is not None:
            source = getCustomOp(producer)
            ind = list(producer.output).index(fifo.input[0])
            assert list(getCustomOp(fifo).get_folded_input_shape()) == source.get_folded_output_shape(ind)
            assert getCustomOp(fifo).get_instream_width() == source.get_outstream_width(ind)


def test_three_kernels_reach_the_block_design(build_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = attention().transform(PrepareIP(PART, CLK_NS))
    monkeypatch.setenv("PATH", str(build_folder))  # no Vivado, also where there is one
    with pytest.raises(FileNotFoundError, match="vivado"):
        model.transform(CreateStitchedIP(PART, CLK_NS))
    (script,) = build_folder.glob("vivado_stitch_proj_*/make_project.tcl")
    text = script.read_text()
    for node in model.graph.node:
        assert f"create_bd_cell -type module -reference {node.name} {node.name}" in text
    assert "[get_bd_intf_pins StreamFork_rtl_0/out0_V] [get_bd_intf_pins Gate_rtl_0/in0_V]" in text
    assert "[get_bd_intf_pins StreamFork_rtl_0/out1_V] [get_bd_intf_pins GlobalPool_rtl_0/in0_V]" in text
    assert "[get_bd_intf_pins GlobalPool_rtl_0/out0_V] [get_bd_intf_pins Gate_rtl_0/in1_V]" in text


def test_the_code_survives_a_new_node_name() -> None:
    model = attention().transform(PrepareIP(PART, CLK_NS)).transform(GiveUniqueNodeNames("accelerator_"))
    for node in model.graph.node:
        op, top = getCustomOp(node), node.name.removeprefix("accelerator_")
        assert all(Path(path).is_file() for path in op.get_rtl_file_list(abspath=True))
        assert op.code_generation_ipi()[-1] == f"create_bd_cell -type module -reference {top} {node.name}"


def test_a_wrong_input_type_is_told() -> None:
    model = one_node(StreamFork_rtl, NodeCase(FORK, [[1, 2, 3, 4]], [[1, 2, 3, 4]] * 3))
    model.set_tensor_datatype("x0", DataType["UINT5"])
    with pytest.raises(ValueError, match="op needs x0 as INT3, got UINT5"):
        model.transform(InferDataTypes())


def test_a_frame_of_other_size_is_told() -> None:
    with pytest.raises(ValueError, match=r"need pixels = height \* width, got .* 2 x 2"):
        StreamFork_rtl.make_node(FORK, ["x"], ["a", "b", "c"], 2, 2, "fork")
