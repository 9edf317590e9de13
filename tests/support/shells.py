# SPDX-License-Identifier: Apache-2.0
"""Shells for tests: round a stand-in, or round a real accelerator, with faults that a test can let happen."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from board.core.contract import StreamPacking
from hls_build.kernels.kernel_spec import FOLDER as KERNELS
from hls_build.shell.spec import SelfTest, ShellSpec

STUB = Path(__file__).parent / "rtl/stub_accelerator.sv"
BEATS, LANES = 64, 3
QUIET_CYCLES = 2000
DIGEST = "".join(f"{byte:02x}" for byte in range(7, 7 + 32))
FAULTS = ("lose_in", "repeat_in", "lose_out", "repeat_out", "hold_in", "hold_out")


def stub_answers(frames: np.ndarray) -> np.ndarray:
    """What the stand-in makes of frames uint8 (N, 64, 3): sums, as bytes (N, 6)."""
    return frames.sum(axis=1, dtype=np.uint16).astype("<u2").view(np.uint8)


def stub_shell(rng: np.random.Generator, **changes: object) -> tuple[ShellSpec, np.ndarray]:
    """A shell round the stand-in, and frames for it, uint8 (N, 64, 3), of which the first is the self-test's."""
    frames = rng.integers(0, 256, (6, BEATS, LANES), np.uint8)
    settings: dict[str, object] = {
        "streams": ("input->sum", "sum->output"),
        "fifos": ("fifo",),
        "digest": DIGEST,
        "self_test": SelfTest.of(frames[0], stub_answers(frames[:1])),
        "quiet_cycles": QUIET_CYCLES,
        **changes,
    }
    packings = StreamPacking.of_frame(BEATS * LANES, LANES, 8, False), StreamPacking.of_frame(LANES, 1, 16, False)
    return ShellSpec(*packings, **settings), frames  # type: ignore[arg-type]


def stub_sources(spec: ShellSpec) -> list[Path]:
    """Sources of the stand-in in its shell, but for the top."""
    return [*spec.sources, *([] if KERNELS / "skid_buffer.sv" in spec.sources else [KERNELS / "skid_buffer.sv"]), STUB]


def faulty(top: str) -> str:
    """A generated top with the IDs that cocotbext-axi's memory wants, and with FAULTS as inputs.

    lose swallows the beat that moves, repeat gives it once more, hold lets none move; in is between shell and
    accelerator, out behind the accelerator. Without a fault a beat that is offered and taken moves.
    """
    ports = [
        *(f"  input wire {fault}" for fault in FAULTS),
        *(f"  output wire [0:0] m_axi_gmem_{name}id" for name in ("ar", "aw")),
        *(f"  input wire [0:0] m_axi_gmem_{name}id" for name in ("r", "b")),
        *(f"  output wire {end}_{signal}" for end in ("in", "out") for signal in ("offered", "taken")),
    ]
    inner = "\n);\n  wire accelerator_rst_n;"
    changes = {
        inner: ",\n"
        + ",\n".join(ports)
        + inner.replace("  wire", "  wire in_valid, in_ready, out_valid, out_ready;\n  wire"),
        ".in0_V_TVALID(in_tvalid), .in0_V_TREADY(in_tready)": ".in0_V_TVALID(in_valid), .in0_V_TREADY(in_ready)",
        ".out0_V_TVALID(out_tvalid), .out0_V_TREADY(out_tready)": (
            ".out0_V_TVALID(out_valid), .out0_V_TREADY(out_ready)"
        ),
        "endmodule": """  assign m_axi_gmem_arid = 1'b0;
  assign m_axi_gmem_awid = 1'b0;
  assign in_offered = in_tvalid;
  assign in_taken = in_ready;
  assign out_offered = out_valid;
  assign out_taken = out_tready;
  assign in_valid = in_tvalid & ~lose_in & ~hold_in;
  assign in_tready = lose_in | (in_ready & ~repeat_in & ~hold_in);
  assign out_tvalid = out_valid & ~lose_out & ~hold_out;
  assign out_ready = lose_out | (out_tready & ~repeat_out & ~hold_out);
endmodule""",
    }
    for old, new in changes.items():
        assert top.count(old) == 1, old
        top = top.replace(old, new)
    return top


def hanging(watched: str, streams: int) -> str:
    """A watched accelerator with an input `hang`: a stream whose bit is up neither gives nor takes a beat."""
    listed = re.search(r"assign watch_valid = \{(.*?)\};", watched, re.DOTALL)
    assert listed
    wires = list(reversed(re.findall(r"(\w+)_TVALID", listed[1])))
    assert len(wires) == streams
    lines = []
    for bit, wire in enumerate(wires):
        sink = re.compile(rf"(\.in\w+_TVALID)\({wire}_TVALID\), (\.in\w+_TREADY)\({wire}_TREADY\)")
        watched, count = sink.subn(rf"\1({wire}_TVALID & ~hang[{bit}]), \2({wire}_free)", watched)
        assert count == 1, wire
        lines += [f"  logic {wire}_free;", f"  assign {wire}_TREADY = {wire}_free & ~hang[{bit}];"]
    head = "\n);"
    assert head in watched
    watched = watched.replace(head, f",\n  input logic [{streams - 1}:0] hang{head}\n" + "\n".join(lines), 1)
    return watched


def with_hang(text: str, streams: int) -> str:
    """`shell_top` or `shell_emulated` with that input led through."""
    inner = ".watch_valid(watch_valid)" if ".watch_valid(watch_valid)" in text else ".ap_clk(ap_clk)"
    text = text.replace(inner, f".hang(hang), {inner}", 1) if inner != ".ap_clk(ap_clk)" else text.replace(
        f"dut (\n    {inner}", f"dut (\n    .hang(hang), {inner}", 1)  # fmt: skip
    return text.replace("\n);", f",\n  input wire [{streams - 1}:0] hang\n);", 1)
