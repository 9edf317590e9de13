# SPDX-License-Identifier: Apache-2.0
"""Layers whose weights enter as streams: the same integers, from a file that a contract binds."""

from __future__ import annotations

import json
import shutil
import sysconfig
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from networks import SMALL, TINY, random_faces, random_network
from small import small_contract

from board.core.contract import InputRule
from board.core.files import sha256
from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.outputs import ActionUnit
from board.core.plain_contract import read_contract
from board.core.weights import FILE, WHOLE_BYTES, Weights, WeightStream
from board.deployment import CONTRACT, INTEGER, LIBRARY, Deployment, Manifest, Simulated, Timing
from board.executors import open_executor
from board.simulation.streams import DeadlockError
from hls_build.build_folder import files_of
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, BuildConfig, load_build
from hls_build.config.folding import DRAM, Folding
from hls_build.cost.weight_memory import weight_memory
from hls_build.cost.weight_stream import weight_stream
from hls_build.dataflow.multipliers import symmetric_bits
from hls_build.estimate import estimate
from hls_build.rtl import stitch
from hls_build.simulation.open_rtl import compile_rtl, open_rtl

STREAMED = {
    "conv5": Folding(pe=2, simd=4, weights=DRAM),
    "fc1": Folding(pe=2, simd=2, weights=DRAM),
    "fc2": Folding(pe=2, simd=8, weights=DRAM),
}
CONV5_PIXELS, CONV5_WEIGHTS = 16, 4 * 72
BUILD = BuildConfig("dram", "tiny", load_board("Pynq-Z2"), 100.0, None, STREAMED, shell="auflow")


def network() -> IntegerGraph:
    return random_network(3, replace(SMALL, attention=False))


def stitched(build: BuildConfig, folder: Path) -> stitch.Stitched:
    return stitch.stitch(compile_graph(network(), build), folder, build.board.part, build.clk_period_ns)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RTL of a network with a convolution and two dense layers of this kind."""
    path = tmp_path_factory.mktemp("build") / "rtl"
    stitched(BUILD, path)
    return path


@pytest.mark.verilator
def test_the_rtl_equals_the_integer_graph(folder: Path, seed: int, rng: np.random.Generator) -> None:
    graph, faces = network(), random_faces(rng, 4, SMALL.size)
    expected = graph.run(faces).reshape(len(faces), -1)
    with open_rtl(folder) as live:
        for stall in ("none", "source", "sink", "both"):
            run = live.run(faces, stall, seed)
            np.testing.assert_array_equal(run.accumulators, expected)
        assert run.streams["in1"].beats >= 4 * CONV5_PIXELS * CONV5_WEIGHTS // 8
        assert run.streams["in2"].beats >= 4 * weighted("fc1").weights.size // 4
        live.simulation.reset()  # in the middle of the weights: they begin again as the network does
        np.testing.assert_array_equal(live.run(faces).accumulators, expected)


@pytest.mark.verilator
def test_tiny_for_an_xc7z010_equals_the_integer_graph_at_full_rate(
    tmp_path: Path, seed: int, rng: np.random.Generator
) -> None:
    build = load_build(BUILDS / "cora-z7-10_tiny.toml")
    graph, faces = random_network(2, TINY), random_faces(rng, 5)
    expected, model = graph.run(faces).reshape(5, -1), compile_graph(graph, build)
    manifest = stitch.stitch(model, tmp_path / "rtl", build.board.part, build.clk_period_ns)
    assert manifest.weights is not None and [each.layer for each in manifest.weights.streams] == ["fc1", "fc2"]
    with open_rtl(tmp_path / "rtl") as live:
        run = live.run(faces)
        np.testing.assert_array_equal(run.accumulators, expected)
        assert run.interval_cycles.max() <= 1.01 * estimate(model, build).slowest_layer_cycles
        np.testing.assert_array_equal(live.run(faces[:3], "both", seed).accumulators, expected[:3])


@pytest.mark.verilator
def test_a_deployment_runs_by_its_weights_and_refuses_others(
    folder: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    manifest, graph = stitch.Stitched.load(folder), network()
    contract = small_contract(
        input=InputRule(graph.tensors["pixels"].shape, "uint8", "grey", 0.0),
        action_units=tuple(ActionUnit(f"AU{number}", 1.0, 0.0) for number in range(1, SMALL.outputs + 1)),
        input_stream=manifest.input_stream,
        output_stream=manifest.output_stream,
        accumulator=f"INT{manifest.output_stream.bits}",
        weights=manifest.weights,
    )
    contract.write(tmp_path / CONTRACT)
    assert read_contract(tmp_path / CONTRACT) == contract
    graph.save(tmp_path / INTEGER)
    copies = {LIBRARY: compile_rtl(folder), FILE: folder / FILE}
    for name, source in (copies | {f"sim/{path.name}": path for path in folder.glob("*.dat")}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, tmp_path / name)
    files = {path.relative_to(tmp_path).as_posix(): sha256(path) for path in files_of(tmp_path)}
    simulated = Simulated(sysconfig.get_platform(), manifest.streams, manifest.fifos)
    Manifest("small", "tiny", files, Timing(), simulated).write(tmp_path)
    faces = random_faces(rng, 2, SMALL.size)
    executor = open_executor(Deployment(tmp_path, trusted=True), "rtl")
    np.testing.assert_array_equal(executor.accumulators(faces), graph.run(faces).reshape(len(faces), -1))
    executor.close()
    (tmp_path / FILE).write_bytes(bytes(len((folder / FILE).read_bytes())))
    with pytest.raises(ValueError, match=r"weights\.bin must have sha256 .*: unpack it again"):
        open_executor(Deployment(tmp_path, trusted=True), "rtl")
    (tmp_path / FILE).unlink()
    with pytest.raises(ValueError, match=r"must hold weights\.bin, which is missing: unpack it again"):
        open_executor(Deployment(tmp_path, trusted=True), "rtl")


def weighted(layer: str) -> Conv:
    """A layer of the network that has weights."""
    return next(node for node in network().nodes if isinstance(node, Conv) and node.name == layer)


@pytest.mark.verilator
@pytest.mark.parametrize(("stream", "layer"), [("in1", "conv5"), ("in3", "fc2")])
def test_a_layer_whose_weights_never_come_is_named(
    folder: Path, rng: np.random.Generator, stream: str, layer: str
) -> None:
    with open_rtl(folder) as live:
        del live.simulation._endless[stream]
        live.simulation.reset()
        with pytest.raises(DeadlockError, match=rf"stream 'weights\.bin->{layer}' is stuck: ready, never valid"):
            live.run(random_faces(rng, 1, SMALL.size))


def test_the_file_holds_what_the_multiplier_takes(folder: Path) -> None:
    weights = stitch.Stitched.load(folder).weights
    assert weights is not None and [stream.layer for stream in weights.streams] == ["conv5", "fc1", "fc2"]
    content = weights.read(folder / FILE)
    assert len(content) == weights.size
    weights_of = weighted("fc1").weights
    matrix = weights_of.reshape(len(weights_of), -1)  # (outputs, inputs)
    _, beats = list(weights.beats(content))[1]
    frame = matrix.size // 4
    assert len(beats) % frame == 0 and weights.streams[1].size % WHOLE_BYTES == 0
    first = [int(beats[0, 0]) >> 2 * lane & 3 for lane in range(4)]  # inputs fastest, lane 0 least significant
    order = [first, [int(value) & 3 for value in matrix[:2, :2].ravel()]]
    assert order[0] == order[1]
    np.testing.assert_array_equal(beats[:frame], beats[-frame:])


def test_it_needs_no_memory_for_them() -> None:
    inside = {name: replace(each, weights=None, ram_style="block") for name, each in STREAMED.items()}
    here = replace(BUILD, folding=inside)
    block, streamed = (estimate(compile_graph(network(), build), build) for build in (here, BUILD))
    for layer, folding in STREAMED.items():
        lanes = (folding.pe or 1) * (folding.simd or 1)
        bits = lanes * symmetric_bits(weighted(layer).weights)
        memory = weight_memory(weighted(layer).weights.size // lanes, bits, "block")
        least, most = streamed.nodes[layer].resources, block.nodes[layer].resources
        assert least - weight_stream(bits // 8, 8) == most - memory and memory.bram18 > 0
        assert streamed.nodes[layer].cycles == block.nodes[layer].cycles


def test_a_folder_without_such_layers_has_no_file(tmp_path: Path) -> None:
    assert stitched(replace(BUILD, folding={}), tmp_path / "rtl").weights is None
    assert not (tmp_path / "rtl" / FILE).exists()
    assert "weights" not in json.loads((tmp_path / "rtl" / stitch.MANIFEST).read_text())


def test_another_file_or_none_is_refused(folder: Path, tmp_path: Path) -> None:
    weights = stitch.Stitched.load(folder).weights
    assert weights is not None
    with pytest.raises(ValueError, match=r"needs its weights, got no .*weights.bin: copy it from the same build"):
        weights.read(tmp_path / FILE)
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match=r"weights.bin must have sha256 .*: use the files of one build"):
        weights.read(tmp_path / FILE)


def test_a_convolution_reads_its_weights_for_every_pixel() -> None:
    """Beats of 3 bytes take 3 cycles each of words of 8."""
    build = replace(BUILD, folding={"conv5": Folding(pe=1, simd=6, weights=DRAM)})
    cycles = estimate(compile_graph(network(), build), build).nodes["conv5"].cycles
    assert cycles == CONV5_PIXELS * CONV5_WEIGHTS // 6 * 3


def test_an_illegal_folding_is_refused() -> None:
    with pytest.raises(ValueError, match="need weights to be 'dram' or left out, got 'flash'"):
        Folding(weights="flash")
    with pytest.raises(ValueError, match="need FINN\\+'s multiplier for weights from DRAM, got multiplier = 'lut'"):
        Folding(weights=DRAM, multiplier="lut")
    with pytest.raises(
        ValueError, match="weights from DRAM need shell = 'auflow' or 'auflow-lean', which read them, got 'finn'"
    ):
        replace(BUILD, shell="finn")


STREAM = WeightStream("fc1", 4096, 2, 8)
WEIGHTS = Weights("0" * 64, (STREAM,))


def test_weights_survive_json() -> None:
    assert Weights.parse(json.loads(json.dumps(asdict(WEIGHTS)))) == WEIGHTS and WEIGHTS.size == 4112


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"beats": 0}, "need beats >= 1 in weights.streams, got 0"),
        ({"bytes_per_beat": "2"}, "need bytes_per_beat >= 1 in weights.streams, got '2'"),
        ({"offset": 100}, "offset must be a multiple of 4096 in weights.streams, got 100"),
        ({"beats": 7}, "must fill 16 bytes wholly, got 14 bytes"),
        ({"layer": 1}, "weights.streams.layer must be of type str, got int"),
    ],
)
def test_an_illegal_stream_is_told(change: dict[str, object], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        replace(STREAM, **change)  # type: ignore[arg-type] # as a file may have it


def test_an_illegal_file_is_told() -> None:
    with pytest.raises(ValueError, match=r"weights\.sha256 must be 64 hexadecimal digits, got 'x'"):
        Weights("x", (STREAM,))
    with pytest.raises(ValueError, match="must have at least one stream, got none"):
        Weights("0" * 64, ())
    with pytest.raises(ValueError, match="regions of weights must follow each other"):
        Weights("0" * 64, (STREAM, STREAM))
