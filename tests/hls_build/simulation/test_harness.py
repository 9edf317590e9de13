# SPDX-License-Identifier: Apache-2.0
"""Harness: beats arrive unchanged under every stall, counts are right, and faulty designs are named."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from board.core import trust
from board.core.lanes import Lanes, beats_of_ints, ints_of_beats
from board.simulation.harness import Simulation
from board.simulation.streams import STALLS, AxiStream, DeadlockError, Ports
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator

WIDTHS = (1, 5, 8, 12, 16, 20, 32, 33, 64, 65, 100, 130)

SKID = """
module skid #(parameter int unsigned W = 8) (
  input  logic clk_i, input logic rst_ni,
  input  logic [W-1:0] s_axis_tdata, input logic s_axis_tvalid, output logic s_axis_tready,
  output logic [W-1:0] m_axis_tdata, output logic m_axis_tvalid, input logic m_axis_tready
);
  logic [W-1:0] spare_q;
  logic full_q;
  assign s_axis_tready = !full_q;
  always_ff @(posedge clk_i) begin
    if (!m_axis_tvalid || m_axis_tready) begin
      m_axis_tdata  <= full_q ? spare_q : s_axis_tdata;
      m_axis_tvalid <= full_q || s_axis_tvalid;
      full_q <= 1'b0;
    end else if (s_axis_tvalid && s_axis_tready) begin
      spare_q <= s_axis_tdata;
      full_q  <= 1'b1;
    end
    if (!rst_ni) begin
      m_axis_tvalid <= 1'b0;
      full_q <= 1'b0;
    end
  end
endmodule
"""


def many_widths() -> str:
    """A top with one skid per width, and one port pair of three slices."""
    ports = ["input logic clk_i", "input logic rst_ni"]
    body = []
    for name, width, count in [*((f"w{w}", w, 1) for w in WIDTHS), ("cut", 13, 3)]:
        for at, to, back in (("s", "input", "output"), ("m", "output", "input")):
            ports += [
                f"{to} logic [{width * count - 1}:0] {at}_{name}_tdata",
                f"{to} logic [{count - 1}:0] {at}_{name}_tvalid",
                f"{back} logic [{count - 1}:0] {at}_{name}_tready",
            ]
        pins = ", ".join(
            f".{at}_axis_t{pin}({at}_{name}_t{pin}[i*{width if pin == 'data' else 1} +: "
            f"{width if pin == 'data' else 1}])"
            for at in "sm"
            for pin in ("data", "valid", "ready")
        )
        body.append(
            f"for (genvar i = 0; i < {count}; i++) begin : gen_{name} "
            f"skid #(.W({width})) u (.clk_i, .rst_ni, {pins}); end"
        )
    return SKID + f"module many ({', '.join(ports)});\n" + "\n".join(body) + "\nendmodule\n"


Open = Callable[..., Simulation]


@pytest.fixture
def design(tmp_path: Path) -> Iterator[Open]:
    """design(text, top, ...) opens a live simulation of SystemVerilog text."""
    live = []

    def opened(text: str, top: str, *, random_start: bool = False, **options: object) -> Simulation:
        source = tmp_path / "design.sv"
        source.write_text(text)
        library = verilator.build([source], top, random_start=random_start)
        live.append(Simulation(library, **options))  # type: ignore[arg-type]
        return live[-1]

    yield opened
    for simulation in live:
        simulation.close()


def random_beats(width: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Beats of random bits, padding zero, all ones among them."""
    values = [int.from_bytes(rng.bytes(-(-width // 8)), "little") & (1 << width) - 1 for _ in range(count)]
    return beats_of_ints([*values[:-1], (1 << width) - 1], -(-width // 8))


@pytest.mark.parametrize("stall", STALLS)
def test_every_width_and_slice_arrives(stall: str, design: Open, rng: np.random.Generator, seed: int) -> None:
    simulation = design(many_widths(), "many", random_start=True)
    names = [f"w{w}" for w in WIDTHS] + ["cut_0", "cut_1", "cut_2"]
    beats = {name: random_beats(w, 300, rng) for name, w in zip(names, (*WIDTHS, 13, 13, 13), strict=True)}
    result = simulation.run(
        {f"s_{name}": data for name, data in beats.items()},
        {f"m_{name}": 300 for name in names},
        stall=stall,
        seed=seed,
    )
    for name, data in beats.items():
        np.testing.assert_array_equal(result.outputs[f"m_{name}"], data, err_msg=name)


def test_cycles_and_stamps_at_full_rate(design: Open, rng: np.random.Generator) -> None:
    simulation = design(SKID, "skid")
    result = simulation.run({"s_axis": random_beats(8, 100, rng)}, {"m_axis": 100})
    assert (result.cycles, result.first_out_cycle) == (101, 1)
    np.testing.assert_array_equal(result.stamps["s_axis"], np.arange(100))
    np.testing.assert_array_equal(result.stamps["m_axis"], np.arange(1, 101))
    assert result.streams["m_axis"].beats == 100
    assert (result.streams["m_axis"].stalls, result.streams["m_axis"].starves) == (0, 1)


@pytest.mark.parametrize("stall", ["source", "sink", "both"])
def test_stalls_hold_back_the_chosen_end(stall: str, design: Open, rng: np.random.Generator) -> None:
    simulation = design(SKID, "skid")
    result = simulation.run({"s_axis": random_beats(8, 5000, rng)}, {"m_axis": 5000}, stall=stall)
    offered, taken = result.streams["s_axis"], result.streams["m_axis"]
    assert (offered.starves > 500) == (stall != "sink")
    assert (taken.stalls > 500) == (stall != "source")
    assert offered.beats == taken.beats == 5000
    assert result.cycles > 6000


def test_a_pace_spreads_beats_evenly(design: Open, rng: np.random.Generator) -> None:
    simulation = design(SKID, "skid")
    beats = random_beats(8, 1000, rng)
    result = simulation.run({"s_axis": beats}, {"m_axis": 1000}, pace={"s_axis": 3.5})
    np.testing.assert_array_equal(result.stamps["s_axis"], np.ceil(np.arange(1000) * 3.5))
    np.testing.assert_array_equal(result.outputs["m_axis"], beats)
    assert simulation.run({"s_axis": beats}, {"m_axis": 1000}).cycles == 1001  # the next run has no pace


def test_a_seed_repeats_its_stalls_whatever_the_chunks(design: Open, rng: np.random.Generator) -> None:
    beats = random_beats(8, 2000, rng)
    simulation = design(SKID, "skid")
    first, again, other = (
        simulation.run({"s_axis": beats}, {"m_axis": 2000}, stall="both", seed=s).stamps["m_axis"] for s in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    start = simulation.cycle
    simulation.stall("both", 5)
    simulation.feed("s_axis", beats)
    simulation.expect("m_axis", 2000)
    while not simulation.step(7):
        pass
    np.testing.assert_array_equal(simulation.take("m_axis")[1] - start, first)


def test_feeding_piece_by_piece(design: Open) -> None:
    simulation = design(SKID, "skid")
    simulation.feed("s_axis", beats_of_ints([1, 2, 3], 1))
    assert not simulation.step(50)  # nobody takes the beats
    assert simulation.offers("m_axis")
    simulation.feed("s_axis", beats_of_ints([4, 5], 1))
    simulation.expect("m_axis", 5)
    assert simulation.step(50)
    assert ints_of_beats(simulation.take("m_axis")[0]) == [1, 2, 3, 4, 5]
    assert not simulation.offers("m_axis")


def test_reset_forgets_what_was_under_way(design: Open) -> None:
    simulation = design(SKID, "skid")
    simulation.feed("s_axis", beats_of_ints([1, 2, 3], 1))
    simulation.step(5)
    simulation.reset()
    result = simulation.run({"s_axis": beats_of_ints([7, 8], 1)}, {"m_axis": 2})
    assert ints_of_beats(result.outputs["m_axis"]) == [7, 8]


def test_streams_named_by_hand(design: Open) -> None:
    ports = Ports((AxiStream("in", "s_axis"), AxiStream("out", "m_axis")), "clk_i", "rst_ni")
    result = design(SKID, "skid", ports=ports).run({"in": beats_of_ints([9], 1)}, {"out": 1})
    assert ints_of_beats(result.outputs["out"]) == [9]


FAULTY = """
module faulty #(parameter int unsigned KIND = 0) (
  input  logic clk_i, input logic rst_ni,
  output logic [7:0] m_axis_tdata, output logic m_axis_tvalid, input logic m_axis_tready
);
  logic [7:0] count_q;
  always_ff @(posedge clk_i) count_q <= rst_ni ? count_q + 8'd1 : 8'd0;
  assign m_axis_tdata = BODY_DATA;
  assign m_axis_tvalid = BODY_VALID;
endmodule
"""


@pytest.mark.parametrize(
    ("data", "valid", "rule"),
    [
        ("8'd1", "count_q[0]", "valid dropped before ready"),
        ("count_q", "1'b1", "data changed before ready"),
    ],
)
def test_broken_rules_are_reported(data: str, valid: str, rule: str, design: Open) -> None:
    simulation = design(FAULTY.replace("BODY_DATA", data).replace("BODY_VALID", valid), "faulty")
    with pytest.raises(RuntimeError, match=rf"'m_axis' broke AXI-Stream in cycle \d+: {rule}"):
        simulation.run({}, {"m_axis": 20}, stall="sink")
    result = simulation.run({}, {"m_axis": 20}, stall="sink", strict=False)
    assert {(violation.stream, violation.rule) for violation in result.violations} == {("m_axis", rule)}
    assert not simulation.run({}, {"m_axis": 20}).violations


def test_a_source_that_waits_for_ready_hangs(design: Open) -> None:
    text = FAULTY.replace("BODY_DATA", "8'd1").replace("BODY_VALID", "m_axis_tready")
    simulation = design(text, "faulty")
    simulation.run({}, {"m_axis": 5})
    with pytest.raises(DeadlockError, match="stream 'm_axis' is stuck: never valid"):
        simulation.run({}, {"m_axis": 50}, stall="sink", idle_cycles=500)


INNER = """
module inner (
  input  logic clk_i, input logic rst_ni,
  input  logic [7:0] s_axis_tdata, input logic s_axis_tvalid, output logic s_axis_tready,
  output logic [7:0] m_axis_tdata, output logic m_axis_tvalid, input logic m_axis_tready,
  input  logic jam,
  output logic [2:0] mon_valid, output logic [2:0] mon_ready, output logic [63:0] mon_fill
);
  logic [7:0] a, b;
  logic av, ar, bv, br;
  skid first (.clk_i, .rst_ni, .s_axis_tdata, .s_axis_tvalid, .s_axis_tready,
              .m_axis_tdata(a), .m_axis_tvalid(av), .m_axis_tready(ar));
  skid second (.clk_i, .rst_ni, .s_axis_tdata(a), .s_axis_tvalid(av), .s_axis_tready(ar),
               .m_axis_tdata(b), .m_axis_tvalid(bv), .m_axis_tready(br && !jam));
  skid third (.clk_i, .rst_ni, .s_axis_tdata(b), .s_axis_tvalid(bv && !jam), .s_axis_tready(br),
              .m_axis_tdata, .m_axis_tvalid, .m_axis_tready);
  assign mon_valid = {m_axis_tvalid, bv, av};
  assign mon_ready = {m_axis_tready, br && !jam, ar};
  assign mon_fill = {32'd7, 32'd3};
endmodule
"""


def test_internal_streams_are_counted(design: Open, rng: np.random.Generator) -> None:
    simulation = design(SKID + INNER, "inner", monitored=["a", "b", "out"], fifos=["left", "right"])
    for count in (1000, 300):
        result = simulation.run({"s_axis": random_beats(8, count, rng)}, {"m_axis": count}, stall="both")
        assert [result.internal[name].beats for name in ("a", "b", "out")] == [count] * 3
        assert result.internal["out"].stalls == result.streams["m_axis"].stalls
        assert result.internal["out"].starves == result.streams["m_axis"].starves
        assert result.fifo_fill == {"left": 3, "right": 7}


def test_a_deadlock_names_the_stuck_stream(design: Open) -> None:
    simulation = design(SKID + INNER, "inner", monitored=["a", "b", "out"], fifos=["left", "right"])
    simulation.poke("jam", 1)
    with pytest.raises(DeadlockError) as caught:
        simulation.run({"s_axis": beats_of_ints(range(20), 1)}, {"m_axis": 20}, idle_cycles=100)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("100 cycles without a handshake: stream 'b' is stuck: valid, never ready")
    assert "  b: valid=1 ready=0 beats=0" in lines
    assert "  out: valid=0 ready=1 beats=0" in lines
    assert "  fifo right: fill=7" in lines


def test_inner_handshakes_count_as_life(design: Open) -> None:
    text = SKID + INNER.replace("{m_axis_tready, br && !jam, ar}", "3'b111").replace(
        "{m_axis_tvalid, bv, av}", "{2'b00, 1'b1}"
    )
    simulation = design(text, "inner", monitored=["a", "b", "out"])
    simulation.poke("jam", 1)
    with pytest.raises(RuntimeError, match="not through after 5000 cycles: stream 's_axis'"):
        simulation.run({"s_axis": beats_of_ints(range(20), 1)}, {"m_axis": 20}, idle_cycles=100, max_cycles=5000)


def test_a_missing_beat_is_named(design: Open) -> None:
    simulation = design(SKID, "skid")
    with pytest.raises(DeadlockError, match=r"stream 'm_axis' is stuck: never valid\n.*\n.*beats=3"):
        simulation.run({"s_axis": beats_of_ints([1, 2, 3], 1)}, {"m_axis": 4}, idle_cycles=100)


def test_a_doubled_clock_ticks_twice(design: Open) -> None:
    text = """
module pumped (
  input logic ap_clk, input logic ap_clk2x, input logic ap_rst_n,
  output logic [15:0] out0_V_TDATA, output logic out0_V_TVALID, input logic out0_V_TREADY
);
  logic [7:0] slow_q, fast_q;
  always_ff @(posedge ap_clk) slow_q <= ap_rst_n ? slow_q + 8'd1 : 8'd0;
  always_ff @(posedge ap_clk2x) fast_q <= ap_rst_n ? fast_q + 8'd1 : 8'd0;
  assign out0_V_TDATA = {fast_q, slow_q};
  assign out0_V_TVALID = 1'b1;
endmodule
"""
    result = design(text, "pumped").run({}, {"out0": 100})
    slow, fast = Lanes(2, 8).unpack(result.outputs["out0"]).T
    np.testing.assert_array_equal(np.diff(slow), np.ones(99))
    np.testing.assert_array_equal(np.diff(fast), np.full(99, 2))


def test_a_missing_reset_shows(design: Open) -> None:
    text = SKID.replace("m_axis_tvalid <= 1'b0;", "").replace("full_q <= 1'b0;\n    end\n  end", "end\n  end")
    spurious = []
    for seed in range(20):
        simulation = design(text, "skid", random_start=True, seed=seed)
        spurious.append(simulation.offers("m_axis"))
    assert any(spurious)


def test_a_fatal_design_raises(design: Open) -> None:
    text = FAULTY.replace("BODY_DATA", "8'd1").replace("BODY_VALID", "1'b1")
    text = text.replace("endmodule", 'always_ff @(posedge clk_i) if (count_q == 9) $fatal(1, "nine");\nendmodule')
    with pytest.raises(RuntimeError, match=r"the simulation stopped: .*design\.sv"):
        design(text, "faulty").run({}, {"m_axis": 50})


def test_a_missing_memory_file_raises(design: Open, tmp_path: Path) -> None:
    text = FAULTY.replace("BODY_DATA", "rom[count_q[1:0]]").replace("BODY_VALID", "1'b1")
    text = text.replace("logic [7:0] count_q;", "logic [7:0] count_q; logic [7:0] rom[4];")
    text = text.replace("endmodule", 'initial $readmemh("./rom.dat", rom);\nendmodule')
    with pytest.raises(RuntimeError, match=r"file not found at \./rom\.dat"):
        design(text, "faulty", workdir=tmp_path)
    (tmp_path / "rom.dat").write_text("0a\n0b\n0c\n0d\n")
    result = design(text, "faulty", workdir=tmp_path).run({}, {"m_axis": 4})
    assert sorted(ints_of_beats(result.outputs["m_axis"])) == [10, 11, 12, 13]


def test_progress_is_told_and_may_interrupt(design: Open) -> None:
    def interrupt(cycles: int) -> None:
        assert cycles > 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        design(SKID, "skid").run({}, {"m_axis": 1}, progress=interrupt)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.run({"x": None}, {}), "the top has no stream 'x', only s_axis, m_axis"),
        (lambda s: s.run({"m_axis": None}, {}), "only inputs can be fed, 'm_axis' is an output"),
        (lambda s: s.run({}, {"s_axis": 3}), "only outputs can be expected, 's_axis' is an input"),
        (lambda s: s.run({}, {}, stall="all"), "need a stall pattern of"),
        (lambda s: s.peek("x"), "the top has no port 'x'"),
        (
            lambda s: s.run({"s_axis": np.zeros((3, 2), np.uint8)}, {}),
            r"'s_axis' needs uint8 beats of shape \(n, 1\), got uint8 \(3, 2\)",
        ),
    ],
)
def test_wrong_calls(call: Callable[[Simulation], object], message: str, design: Open) -> None:
    with pytest.raises(RuntimeError, match=message):
        call(design(SKID, "skid"))


def test_a_library_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "model.so").write_text("no library")
    trust.record(tmp_path / "model.so")
    with pytest.raises(RuntimeError, match="cannot load the simulation library"):
        Simulation(tmp_path / "model.so")


def test_a_library_of_another_version(tmp_path: Path) -> None:
    library = tmp_path / "old.so"
    (tmp_path / "old.c").write_text("const char *auf_error(void) { return 0; }")
    subprocess.run([verilator.compiler(), "-shared", "-fPIC", "-o", library, tmp_path / "old.c"], check=True)
    trust.record(library)
    with pytest.raises(
        RuntimeError, match=r"old\.so was built by another version of AUFlow, it lacks auf_\w+: build ag"
    ):
        Simulation(library)


def test_a_top_without_streams(design: Open) -> None:
    with pytest.raises(RuntimeError, match="need clock, reset and a stream among the top's ports, got"):
        design(
            "module bare (input logic clk_i, input logic rst_ni, output logic q); assign q = clk_i & rst_ni; endmodule",
            "bare",
        )
