# SPDX-License-Identifier: Apache-2.0
"""The dataflow graph computes what the integer graph computes, whatever its folding; bad foldings are refused."""

from dataclasses import replace

import numpy as np
import pytest
from networks import SMALL, TINY, Sizes, random_block, random_faces, random_network
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.flatten import Flatten
from hls_build import finn_adapter
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding

SIZES = {
    "tiny": TINY,
    "w4a4": SMALL,
    "without attention": replace(SMALL, attention=False),
    "w3a3": replace(SMALL, weight_bits=3, bits=3),
    "w2a4": replace(SMALL, weight_bits=2),
    "w2a2": replace(SMALL, weight_bits=2, bits=2),
    "12 outputs": replace(SMALL, outputs=12),
}
FOLDED = {
    "conv1": Folding(pe=2, simd=9, window_simd=1),
    "conv2": Folding(pe=4, simd=6, window_simd=2),
    "conv2_q": Folding(pe=2),
    "pool1": Folding(pe=1),
    "conv3_q_fork": Folding(pe=8),
    "attention1_channel_descriptors": Folding(pe=2),
    "attention1_channel_q": Folding(pe=4, fifo_depths=(4096, 2)),
    "attention1_spatial": Folding(simd=7),
    "fc1": Folding(pe=16, simd=4, ram_style="block"),
}


def builds(**folding: Folding) -> BuildConfig:
    return BuildConfig("test", "tiny", load_board("Pynq-Z2"), 100.0, None, folding)


def ports(model: ModelWrapper, op_type: str, attribute: str) -> dict[str, int]:
    nodes = [node for node in model.graph.node if node.op_type == op_type]
    return {node.name: finn_adapter.operator(node).get_nodeattr(attribute) for node in nodes}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_tensor_equals_the_integer_graph(sizes: Sizes, seed: int, rng: np.random.Generator) -> None:
    graph = random_network(seed, sizes)
    faces = random_faces(rng, 2, sizes.size)
    expected: dict[str, list[np.ndarray]] = {}
    for face in faces:
        graph.run(face[None], lambda name, value: expected.setdefault(name, []).append(value))
    seen: dict[str, list[np.ndarray]] = {}
    finn_adapter.execute(compile_graph(graph, builds()), faces, lambda name, x: seen.setdefault(name, []).append(x))
    shared = set(seen) & set(expected)
    assert len(shared) == len(expected) - 1 - ("flatten" in expected)  # all but the input and what takes no hardware
    for name in shared:
        for ours, theirs in zip(seen[name], expected[name], strict=True):
            np.testing.assert_array_equal(ours.ravel(), theirs.ravel(), err_msg=name)


def test_folding_changes_no_result(seed: int, rng: np.random.Generator) -> None:
    graph, faces = random_network(seed, SMALL), random_faces(rng, 2, SMALL.size)
    model = compile_graph(graph, builds(**FOLDED))
    np.testing.assert_array_equal(finn_adapter.execute(model, faces), graph.run(faces))
    assert ports(model, "MVAU_rtl", "PE")["fc1"] == 16
    assert ports(model, "StreamingFIFO_rtl", "depth")["attention1_channel_q_in0_fifo"] == 4096


@pytest.mark.parametrize(
    ("kind", "pumped", "node", "weight_bits", "bits"),
    [
        ("lut", False, "LutMvu_rtl", 2, 2),
        ("lut", False, "LutMvu_rtl", 2, 4),
        ("dsp", False, "DspMvu_rtl", 4, 4),
        ("dsp", False, "DspMvu_rtl", 3, 3),
        ("dsp", True, "PumpedMvu_rtl", 4, 4),
    ],
)
def test_multipliers_of_ours_change_no_result(
    kind: str, pumped: bool, node: str, weight_bits: int, bits: int, seed: int, rng: np.random.Generator
) -> None:
    sizes = replace(SMALL, weight_bits=weight_bits, bits=bits)
    graph, faces = random_network(seed, sizes), random_faces(rng, 2, SMALL.size)
    ours = {
        "conv2": Folding(pe=4, simd=36, multiplier=kind, pumped=pumped),
        "conv3": Folding(pe=2, simd=4, multiplier=kind, ram_style="block", pumped=pumped),
        "attention1_fc1": Folding(simd=2, multiplier=kind, pumped=pumped),
        "fc1": Folding(pe=2, simd=4, multiplier=kind, pumped=pumped),
    }
    model = compile_graph(graph, builds(**ours))
    assert set(ports(model, node, "pe")) == set(ours)
    np.testing.assert_array_equal(finn_adapter.execute(model, faces), graph.run(faces))


def test_a_flattened_map_takes_lanes_that_do_not_divide_those_before(seed: int, rng: np.random.Generator) -> None:
    sizes = replace(SMALL, size=48)  # its last map has 3 x 3 x 4 elements
    graph, faces = random_network(seed, sizes), random_faces(rng, 2, sizes.size)
    model = compile_graph(graph, builds(attention2_spatial_q=Folding(pe=4), fc1=Folding(simd=6)))
    assert ports(model, "StreamingDataWidthConverter_rtl", "outWidth")["fc1_in0_dwc"] == 6 * 4
    np.testing.assert_array_equal(finn_adapter.execute(model, faces), graph.run(faces))


def test_layers_keep_their_names_and_become_rtl(seed: int) -> None:
    graph = random_network(seed, SMALL)
    model = compile_graph(graph, builds())
    names = [node.name for node in model.graph.node]
    assert [name for name in names if name in {node.name for node in graph.nodes}] == [
        node.name for node in graph.nodes if not isinstance(node, Flatten)
    ]
    assert {node.domain for node in model.graph.node} == {"finn.custom_op.fpgadataflow.rtl"}
    assert len(set(names)) == len(names)


def test_accumulators_are_as_narrow_as_their_weights_allow(seed: int) -> None:
    graph = random_network(seed, SMALL)
    model = compile_graph(graph, builds())
    for node in graph.nodes[:-1]:
        if isinstance(node, Conv):
            found = model.get_tensor_datatype(node.outputs[0])
            assert found.bitwidth() <= graph.tensors[node.outputs[0]].bits + 1, node.name
    assert model.get_tensor_datatype(graph.output).bitwidth() % 8 == 0


def test_bypasses_hold_what_attention_waits_for(seed: int) -> None:
    graph = random_network(seed, TINY)
    depths = ports(compile_graph(graph, builds()), "StreamingFIFO_rtl", "depth")
    frame = 24 * 24 * TINY.channels[2]
    assert frame < depths["attention1_channel_q_in0_fifo"] < 1.5 * frame
    assert depths["attention1_spatial_q_in0_fifo"] >= 3 * 24 * TINY.channels[2]
    assert depths["attention2_channel_q_in0_fifo"] > 9 * TINY.channels[4]
    assert depths["attention2_spatial_q_in0_fifo"] >= 9 * TINY.channels[4]


def test_deep_fifos_take_no_ultra_ram(seed: int) -> None:
    model = compile_graph(random_network(seed, TINY), builds())
    for node in model.graph.node:
        if node.op_type == "StreamingFIFO_rtl":
            assert finn_adapter.operator(node).get_ram_style() in ("srl", "distributed", "block"), node.name


@pytest.mark.parametrize(
    ("layer", "folding", "complaint"),
    [
        ("conv2", Folding(pe=3), r"pe of conv2 must divide its 4 outputs \(one of \[1, 2, 4\]\), got 3"),
        ("conv2", Folding(simd=5), r"simd of conv2 must be one of \[1, 2, .*, 18\] of its 36 inputs per output, got 5"),
        ("conv2", Folding(window_simd=3), r"window_simd of conv2 must divide its 4 channels .*, got 3"),
        (
            "conv2",
            Folding(simd=5, multiplier="lut"),
            r"simd of conv2 must be one of \[1, 2, .*, 36\] of its 36 inputs per output, got 5",
        ),
        (
            "conv3",
            Folding(multiplier="lut", ram_style="distributed"),
            "conv3 multiplies in LUTs, which takes at most 256 folds with weights in LUTs, got 288",
        ),
        (
            "conv2",
            Folding(simd=9, multiplier="dsp", pumped=True),
            "conv2 can run its DSPs at twice the clock with an even simd, got 9",
        ),
        (
            "conv3",
            Folding(simd=2, multiplier="dsp", pumped=True, ram_style="distributed"),
            "conv3 multiplies by dsp_mvu, which takes at most 256 folds with weights in LUTs, got 288",
        ),
        ("conv1", Folding(multiplier="lut"), "conv1 multiplies in LUTs, which takes at most 4 bits of a weight, got 8"),
        (
            "conv1",
            Folding(multiplier="dsp"),
            "conv1 multiplies by dsp_mvu, which takes at most 4 bits of a weight, got 8",
        ),
        ("fc1", Folding(window_simd=2), "window_simd is for convolutions, got one for fc1"),
        ("pool1", Folding(pe=3), r"pe of pool1 must divide its 4 channels .*, got 3"),
        ("conv1_q", Folding(multiplier="lut"), "multiplier is for convolutions and dense layers, got one for conv1_q"),
        ("conv1_q", Folding(simd=2), "simd is for convolutions and dense layers, got one for conv1_q"),
        ("attention1_channel_q", Folding(fifo_depths=(64,)), "fifo_depths of attention1_channel_q needs 2 depths"),
        ("conv9", Folding(), "folding is for layers conv1, .*got 'conv9'"),
        ("flatten", Folding(), "folding is for layers conv1, .*got 'flatten'"),
    ],
)
def test_an_illegal_folding_is_one_sentence(layer: str, folding: Folding, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        compile_graph(random_network(1, SMALL), builds(**{layer: folding}))
    assert "\n" not in str(caught.value)


def test_a_picture_of_one_pixel_is_refused() -> None:
    graph = random_block(1)
    small = {name: replace(tensor, shape=(1, 1, tensor.shape[2])) for name, tensor in graph.tensors.items()}
    with pytest.raises(ValueError, match="conv1 needs at least 2x2 pixels for its sliding window, got 1x1"):
        compile_graph(IntegerGraph(small, graph.nodes, graph.input, graph.output), builds())


def test_weights_are_stored_in_window_order(seed: int) -> None:
    graph = random_network(seed, SMALL)
    model = compile_graph(graph, builds())
    conv2 = next(node for node in graph.nodes if isinstance(node, Conv) and node.name == "conv2")
    matrix = model.get_initializer("conv2_weights")
    np.testing.assert_array_equal(matrix[4 * 4 + 3], conv2.weights[:, 1, 1, 3])  # row 1, column 1, channel 3
    assert model.get_tensor_datatype("conv2_weights") == DataType["INT4"]
