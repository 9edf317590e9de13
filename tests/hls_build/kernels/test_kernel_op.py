# SPDX-License-Identifier: Apache-2.0
"""KernelOp: every kernel is a FINN node that keeps its spec, runs in Python and reaches the block design."""

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
from finn.util.settings import get_settings
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import qonnx_make_model

from hls_build.kernels import KERNEL_OPS
from hls_build.kernels.channel_pool.spec import ChannelPool_rtl, ChannelPoolSpec
from hls_build.kernels.gate.spec import Gate_rtl, GateSpec
from hls_build.kernels.global_pool.spec import GlobalPool_rtl, GlobalPoolSpec
from hls_build.kernels.kernel_op import KernelOp
from hls_build.kernels.kernel_spec import KernelSpec
from hls_build.kernels.lane_converter.spec import LaneConverter_rtl, LaneConverterSpec
from hls_build.kernels.max_pool_2x2.spec import MaxPool2x2_rtl, MaxPool2x2Spec
from hls_build.kernels.stream_fork.spec import StreamFork_rtl, StreamForkSpec
from hls_build.simulation import finn_engine, verilator

PART, CLK_NS = "xc7z020clg400-1", 10.0
TABLE = np.random.default_rng(3).integers(-4, 4, (4, 16))

# op, spec, shapes of the inputs, shapes of the outputs
Case = tuple[type[KernelOp], KernelSpec, list[list[int]], list[list[int]]]
CASES: list[Case] = [
    (
        StreamFork_rtl,
        StreamForkSpec(pixels=6, channels=4, pe=2, bits=3, signed=True, copies=3),
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4]] * 3,
    ),
    (
        GlobalPool_rtl,
        GlobalPoolSpec(pixels=6, channels=4, pe=2, bits=3, signed=True, mode="descriptors", shift=2),
        [[1, 2, 3, 4]],
        [[1, 1, 2, 4]],
    ),
    (
        GlobalPool_rtl,
        GlobalPoolSpec(pixels=2, channels=4, pe=4, bits=2, signed=False, mode="sum"),
        [[1, 1, 2, 4]],
        [[1, 1, 1, 4]],
    ),
    (
        ChannelPool_rtl,
        ChannelPoolSpec(pixels=6, channels=4, pe=2, bits=4, signed=False, shift=1),
        [[1, 2, 3, 4]],
        [[1, 2, 3, 2]],
    ),
    (
        LaneConverter_rtl,
        LaneConverterSpec(pixels=6, channels=4, lanes_in=4, lanes_out=1, bits=3, signed=True),
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4]],
    ),
    (
        MaxPool2x2_rtl,
        MaxPool2x2Spec(height=4, width=6, channels=4, pe=2, bits=4, signed=True),
        [[1, 4, 6, 4]],
        [[1, 2, 3, 4]],
    ),
    (
        Gate_rtl,
        GateSpec(6, 4, 2, 2, True, 4, 3, True, kind="channel", table=TABLE),
        [[1, 2, 3, 4], [1, 1, 1, 4]],
        [[1, 2, 3, 4]],
    ),
    (
        Gate_rtl,
        GateSpec(6, 4, 4, 2, False, 4, 3, True, kind="spatial", table=TABLE),
        [[1, 2, 3, 4], [1, 2, 3, 1]],
        [[1, 2, 3, 4]],
    ),
]


def name_of(case: Case) -> str:
    """Short name of a case."""
    return f"{case[0].__name__}-{getattr(case[1], 'mode', getattr(case[1], 'kind', ''))}".rstrip("-")


every_kernel = pytest.mark.parametrize("case", CASES, ids=name_of)


@pytest.fixture(autouse=True)
def build_folder(tmp_path: Path) -> Iterator[Path]:
    """FINN's build folder, a fresh one for each test."""
    settings = get_settings()
    before = settings.finn_build_dir
    settings.finn_build_dir = tmp_path
    yield tmp_path
    settings.finn_build_dir = before


def graph(nodes: list[Any], inputs: dict[str, list[int]], outputs: list[str]) -> ModelWrapper:
    """Model of nodes; shapes of the outputs are left to be inferred."""
    ins = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    return ModelWrapper(qonnx_make_model(helper.make_graph(nodes, "kernels", ins, outs)))


def one_node(case: Case, op_name: str = "op") -> ModelWrapper:
    """Graph of one kernel with its input types noted."""
    op, spec, in_shapes, out_shapes = case
    ins, outs = [f"x{i}" for i in range(len(in_shapes))], [f"y{i}" for i in range(len(out_shapes))]
    height, width = in_shapes[0][1:3]
    node = op.make_node(spec, ins, outs, height, width, op_name)
    model = graph([node], dict(zip(ins, in_shapes, strict=True)), outs)
    for tensor, stream in zip(ins, spec.inputs, strict=True):
        model.set_tensor_datatype(tensor, DataType[stream.datatype])
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


def random_inputs(spec: KernelSpec, shapes: list[list[int]], rng: np.random.Generator) -> list[np.ndarray]:
    """Random integers for every input of a kernel."""
    return [
        rng.integers(stream.limits[0], stream.limits[1] + 1, shape)
        for stream, shape in zip(spec.inputs, shapes, strict=True)
    ]


def prepare_rtlsim(model: ModelWrapper) -> ModelWrapper:
    """Generate and compile the RTL of every node, Verilator in Vivado's place."""
    finn_engine.bind()
    return model.transform(PrepareIP(PART, CLK_NS)).transform(PrepareRTLSim(num_workers=1))


def set_mode(model: ModelWrapper, mode: str) -> None:
    """Choose how the nodes are executed."""
    for node in model.graph.node:
        getCustomOp(node).set_nodeattr("exec_mode", mode)


def test_every_kernel_is_covered() -> None:
    assert {case[0] for case in CASES} == set(KERNEL_OPS)


@every_kernel
def test_the_node_keeps_the_spec(case: Case) -> None:
    op = getCustomOp(one_node(case).graph.node[0])
    assert isinstance(op, case[0])
    assert op.spec == case[1]


@every_kernel
def test_shapes_widths_and_types_follow_the_streams(case: Case) -> None:
    _, spec, in_shapes, out_shapes = case
    model = one_node(case)
    op = getCustomOp(model.graph.node[0])
    for i, (stream, shape) in enumerate(zip(spec.inputs, in_shapes, strict=True)):
        assert list(op.get_normal_input_shape(i)) == shape
        assert list(op.get_folded_input_shape(i)) == [*shape[:3], shape[3] // stream.lanes, stream.lanes]
        assert op.get_instream_width(i) == stream.lanes * stream.bits
        assert op.get_input_datatype(i) == DataType[stream.datatype]
    for i, (stream, shape) in enumerate(zip(spec.outputs, out_shapes, strict=True)):
        assert model.get_tensor_shape(f"y{i}") == list(op.get_normal_output_shape(i)) == shape
        assert list(op.get_folded_output_shape(i)) == [*shape[:3], shape[3] // stream.lanes, stream.lanes]
        assert op.get_outstream_width(i) == stream.lanes * stream.bits
        assert model.get_tensor_datatype(f"y{i}") == op.get_output_datatype(i) == DataType[stream.datatype]
    assert op.get_exp_cycles() == spec.cycles()


@every_kernel
def test_output_beats_come_as_finn_wants_them(case: Case) -> None:
    op, streams = getCustomOp(one_node(case).graph.node[0]), case[1].outputs
    wanted = {f"out{i}": stream.beats for i, stream in enumerate(streams)}
    assert op.get_number_output_values() == (wanted if len(streams) > 1 else wanted["out0"])
    assert len(op.get_nodeattr("outFIFODepths")) == len(streams)


@every_kernel
def test_python_execution_is_the_model(case: Case, rng: np.random.Generator) -> None:
    _, spec, in_shapes, _ = case
    model = one_node(case)
    set_mode(model, "cppsim")
    arrays = random_inputs(spec, in_shapes, rng)
    answer = execute_onnx(model, {f"x{i}": a.astype(np.float32) for i, a in enumerate(arrays)})
    expected = spec.model(*arrays)
    for i, array in enumerate(expected if isinstance(expected, tuple) else (expected,)):
        np.testing.assert_array_equal(answer[f"y{i}"], array)


@pytest.mark.verilator
@every_kernel
def test_rtlsim_is_python_execution(case: Case, rng: np.random.Generator) -> None:
    _, spec, in_shapes, out_shapes = case
    model = prepare_rtlsim(one_node(case))
    arrays = random_inputs(spec, in_shapes, rng)
    feeds = {f"x{i}": array.astype(np.float32) for i, array in enumerate(arrays)}
    answers = []
    for mode in ("cppsim", "rtlsim"):
        set_mode(model, mode)
        answers.append(execute_onnx(model, feeds))
    for i in range(len(out_shapes)):
        np.testing.assert_array_equal(answers[1][f"y{i}"], answers[0][f"y{i}"])


@every_kernel
def test_resources_reach_finn(case: Case) -> None:
    estimate = getCustomOp(one_node(case).graph.node[0]).node_res_estimation(PART)
    spec = case[1].resources()
    assert [estimate[key] for key in ("LUT", "BRAM_18K", "DSP")] == [spec.lut, spec.bram18, spec.dsp]
    assert spec.lut > 0


@pytest.mark.verilator
@every_kernel
def test_the_wrapper_is_clean(case: Case) -> None:
    model = one_node(case, "wrapped").transform(PrepareIP(PART, CLK_NS))
    op = getCustomOp(model.graph.node[0])
    verilator.lint([Path(path) for path in op.get_rtl_file_list(abspath=True)], "wrapped")


@every_kernel
def test_the_wrapper_has_finns_ports(case: Case) -> None:
    op = getCustomOp(one_node(case, "wrapped").graph.node[0])
    names, text = op.get_verilog_top_module_intf_names(), case[1].wrapper("wrapped")
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
    model = one_node(CASES[0])
    model.set_tensor_datatype("x0", DataType["UINT5"])
    with pytest.raises(ValueError, match="op needs x0 as INT3, got UINT5"):
        model.transform(InferDataTypes())


def test_a_frame_of_other_size_is_told() -> None:
    with pytest.raises(ValueError, match=r"need pixels = height \* width, got .* 2 x 2"):
        StreamFork_rtl.make_node(CASES[0][1], ["x"], ["a", "b", "c"], 2, 2, "fork")
