# SPDX-License-Identifier: Apache-2.0
"""Every node of a network's dataflow graph: FINN+'s own RTL simulation of it equals its Python execution."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.prepare_rtlsim import PrepareRTLSim
from finn_nodes import bound
from onnx import NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from hls_build import finn_adapter as finn_plus
from hls_build.compiler import compile_graph, lower_file
from hls_build.config.build import BUILDS, BuildConfig, load_build
from qnn.data.example import example_faces
from qnn.export.export import MODEL, export
from qnn.network.presets import shipped_checkpoint

pytestmark = pytest.mark.verilator


@pytest.fixture(autouse=True)
def seam(tmp_path: Path) -> Iterator[None]:
    """Bind the Verilator engine to the names that FINN+ simulates through."""
    with bound(tmp_path / "finn"):
        yield


def dataflow_graph(name: str, folder: Path) -> tuple[ModelWrapper, BuildConfig]:
    """The graph of a checked-in configuration, from the shipped checkpoint."""
    build = load_build(BUILDS / f"{name}.toml")
    export(shipped_checkpoint(build.preset), folder, build.preset)
    return compile_graph(lower_file(folder / MODEL), build), build


def alone(model: ModelWrapper, node: NodeProto) -> ModelWrapper:
    """A model of one node, with its types, shapes and weights."""
    constants = {name: model.get_initializer(name) for name in node.input}
    infos = {name: model.get_tensor_valueinfo(name) for name in (*node.input, *node.output)}
    streams = [infos[name] for name in node.input if constants[name] is None]
    graph = helper.make_graph([node], node.name, streams, [infos[name] for name in node.output])
    single = ModelWrapper(qonnx_make_model(graph))
    for name, value in constants.items():
        if value is not None:
            single.set_initializer(name, value)
    for name in infos:
        single.set_tensor_datatype(name, model.get_tensor_datatype(name))
    return single


def check_node(model: ModelWrapper, node: NodeProto, values: dict[str, np.ndarray], build: BuildConfig) -> None:
    """Simulate one node on what reaches it, and compare every output."""
    single = alone(model, node)
    operator = finn_plus.operator(single.graph.node[0])
    operator.set_nodeattr("exec_mode", "rtlsim")
    single = single.transform(PrepareIP(build.board.part, build.clk_period_ns)).transform(PrepareRTLSim())
    simulated = {name: values[name] for name in node.input if name in values}
    simulated |= {name: np.zeros_like(values[name]) for name in node.output}
    simulated |= {i.name: single.get_initializer(i.name) for i in single.graph.initializer}
    finn_plus.operator(single.graph.node[0]).execute_node(simulated, single.graph)
    for name in node.output:
        np.testing.assert_array_equal(simulated[name], values[name], err_msg=f"{node.name} ({node.op_type})")


def check_nodes(name: str, folder: Path, every: bool) -> set[str]:
    """Check all nodes of a configuration, or the first of each kind; return the kinds."""
    model, build = dataflow_graph(name, folder)
    values: dict[str, np.ndarray] = {}
    face = example_faces(1)
    finn_plus.execute(model, face, values.__setitem__)
    values[model.graph.input[0].name] = face.astype(np.float32)
    kinds: set[str] = set()
    for node in model.graph.node:
        if every or node.op_type not in kinds:
            check_node(model, node, values, build)
        kinds.add(node.op_type)
    return kinds


KINDS = {
    "ChannelPool_rtl", "ConvolutionInputGenerator_rtl", "FMPadding_rtl", "Gate_rtl", "GlobalPool_rtl",
    "LaneConverter_rtl", "MVAU_rtl", "MaxPool2x2_rtl", "RegisterSlice_rtl", "StreamFork_rtl",
    "StreamingDataWidthConverter_rtl", "StreamingFIFO_rtl", "Thresholding_rtl",
}  # fmt: skip


def test_a_node_of_each_kind_equals_its_python(tmp_path: Path) -> None:
    assert check_nodes("pynq-z2_tiny", tmp_path, every=False) == KINDS


@pytest.mark.slow
def test_every_node_of_the_full_network_equals_its_python(tmp_path: Path) -> None:
    assert check_nodes("pynq-z2_w4a4", tmp_path, every=True) == KINDS
