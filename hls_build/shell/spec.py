# SPDX-License-Identifier: Apache-2.0
"""One shell: what it stands round, which of its parts it has, and its files."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from board.core.contract import StreamPacking
from board.core.weights import Weights
from board.deployment import SHELL_FILE
from hls_build.cost.weight_stream import MOST_STREAMS
from hls_build.rtl.stitch import Stitched
from hls_build.shell import watch
from hls_build.shell.dma import LONGEST_BURST, PARTS, READ, RTL, WRITE, DmaSpec
from hls_build.shell.weights import WeightDmaSpec, packed

TOP, EMULATED, FRAME_FILE = "shell_top", "shell_emulated", "self_test.mem"
ADDRESS_BITS = 16
"""Of the registers."""
QUIET_CYCLES = 1 << 20
"""More than any accelerator pauses: ten milliseconds at 100 MHz."""
MODULES = (
    "axi_lite_router",
    "read_dma",
    "write_dma",
    "weight_reader",
    "weight_dma",
    "stream_counters",
    "frame_check",
    "self_test",
    "debug",
    "shell",
)
_ATTRIBUTES = {
    "ap_clk": (
        '(* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk CLK",',
        'X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF @BUSES@, ASSOCIATED_RESET ap_rst_n,',
        'FREQ_TOLERANCE_HZ -1" *)',
    ),
    "ap_clk2x": (
        '(* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk2x CLK",',
        'X_INTERFACE_PARAMETER = "FREQ_TOLERANCE_HZ -1" *)',
    ),
    "interrupt_o": (
        '(* X_INTERFACE_INFO = "xilinx.com:signal:interrupt:1.0 interrupt_o INTERRUPT",',
        'X_INTERFACE_PARAMETER = "SENSITIVITY LEVEL_HIGH" *)',
    ),
}
"""Of ports in a block design: a second clock would leave open which one the buses have, and a module's clock must be
exactly 100 MHz unless it says that it takes any (AMD UG994)."""
CLOCKS = {"clk_i": "ap_clk", "rst_ni": "ap_rst_n"}
ACCELERATOR_PORTS = ("rst_no", "m_axis_", "s_axis_", "watch_")
BUSES, WEIGHT_BUS = "m_axi_gmem:s_axi", "m_axi_weights"
AXI3_LENGTH = "[3:0]"
"""Of a burst less one, where AXI4 has eight bits; no burst of ours is longer."""
_MEMORY = re.compile(r"(m_axi_[a-z]+)_([a-z]+)")
_PARAMETER = re.compile(r"^  parameter [\w ]*?(?:\[255:0\])? *(\w+) += ", re.MULTILINE)
_PORT = re.compile(r"^  (input +wire|output +) logic +(\[[^\]]+\])? *(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class SelfTest:
    """A frame and its right answer.

    Attributes:
        beats: The frame, uint8 (beats, stored bytes): each beat is its stored bytes, repeated.
        crc: CRC-32 of the answer as memory would hold it.
    """

    beats: np.ndarray
    crc: int

    @classmethod
    def of(cls, frame: np.ndarray, answer: np.ndarray) -> SelfTest:
        """Of packed beats: frame uint8 (beats, bytes), answer uint8 (beats, bytes); grey frames are stored once."""
        grey = bool((frame == frame[:, :1]).all())
        return cls(frame[:, :1] if grey else frame, zlib.crc32(answer.tobytes()))

    def text(self) -> str:
        """What $readmemh reads: a line per beat, its first byte least significant."""
        return "".join(bytes(reversed(beat.tobytes())).hex() + "\n" for beat in self.beats)


@dataclass(frozen=True)
class ShellSpec:
    """A shell, shared by RTL, driver and tests.

    Attributes:
        input_stream: Packing of the accelerator's input.
        output_stream: Packing of its output.
        streams: Inner streams that are watched, in the order of their bits.
        fifos: FIFOs whose highest fill is told.
        digest: sha256 that names the build, 64 hexadecimal digits.
        self_test: None leaves it out.
        debug: Whether there is a debug block; without it there is nothing of what follows.
        check: Whether frames are checked.
        counters: Whether streams are counted.
        word_bytes: Of memory.
        addr_bits: Of memory.
        burst: Words of the longest burst.
        quiet_cycles: More than the accelerator ever pauses.
        weights: Those that come from memory, through a port of their own; None where there are none.
        axi3: Whether its memory ports speak AXI3, as those of a Zynq-7000 do, and not AXI4.
    """

    input_stream: StreamPacking
    output_stream: StreamPacking
    streams: tuple[str, ...] = ()
    fifos: tuple[str, ...] = ()
    digest: str = "0" * 64
    self_test: SelfTest | None = field(default=None, compare=False)
    debug: bool = True
    check: bool = True
    counters: bool = True
    word_bytes: int = 8
    addr_bits: int = 32
    burst: int = LONGEST_BURST
    quiet_cycles: int = QUIET_CYCLES
    weights: Weights | None = None
    axi3: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.digest):
            raise ValueError(f"need a digest of 64 hexadecimal digits, got {self.digest!r}")
        if len(self.streams) > 510 or len(self.fifos) > 1024:
            raise ValueError(f"need at most 510 streams and 1024 FIFOs, got {len(self.streams)} and {len(self.fifos)}")
        if self.quiet_cycles < 1:
            raise ValueError(f"need quiet_cycles >= 1, got {self.quiet_cycles}")
        if self.weights is not None and not self.debug:
            raise ValueError("weights from memory need the debug block, whose reset ends their DMA, got debug=False")

    @classmethod
    def of(cls, manifest: Stitched, digest: str, self_test: SelfTest | None = None) -> ShellSpec:
        """Round a stitched accelerator, with all parts."""
        return cls(
            manifest.input_stream, manifest.output_stream, manifest.streams, manifest.fifos, digest, self_test,
            weights=manifest.weights,
        )  # fmt: skip

    @property
    def read(self) -> DmaSpec:
        """The DMA of the input."""
        return self._dma(READ, self.input_stream)

    @property
    def write(self) -> DmaSpec:
        """The DMA of the output."""
        return self._dma(WRITE, self.output_stream)

    @property
    def weight_dma(self) -> WeightDmaSpec | None:
        """The DMA of the weights."""
        if self.weights is None:
            return None
        return WeightDmaSpec(self.weights, self.word_bytes, self.addr_bits, self.burst)

    def _dma(self, module: str, stream: StreamPacking) -> DmaSpec:
        return DmaSpec(
            module, stream.bytes_per_beat, stream.beats_per_frame, self.word_bytes, self.addr_bits, self.burst
        )

    def rtl_parameters(self) -> dict[str, int | str]:
        """Parameters of shell.sv."""
        test = self.self_test
        return {
            "ADDR_BITS": self.addr_bits,
            "WORD_BYTES": self.word_bytes,
            "BURST": self.burst,
            "IN_BEAT_BYTES": self.input_stream.bytes_per_beat,
            "IN_FRAME_BEATS": self.input_stream.beats_per_frame,
            "OUT_BEAT_BYTES": self.output_stream.bytes_per_beat,
            "OUT_BITS": self.output_stream.lanes * self.output_stream.bits,
            "OUT_FRAME_BEATS": self.output_stream.beats_per_frame,
            "WATCHED": len(self.streams),
            "FIFOS": len(self.fifos),
            "DIGEST": f"256'h{self.digest}",
            "QUIET_CYCLES": self.quiet_cycles,
            "DEBUG": int(self.debug),
            "CHECK": int(self.check),
            "COUNTERS": int(self.counters),
            "SELF_TEST": int(test is not None),
            "STORED_BYTES": 1 if test is None else test.beats.shape[1],
            "FRAME_FILE": FRAME_FILE,
            "EXPECTED": f"32'h{0 if test is None else test.crc:08x}",
            **self._weight_parameters(),
        }

    def _weight_parameters(self) -> dict[str, int | str]:
        if (dma := self.weight_dma) is None:
            return {"WEIGHTS": 0}
        streams = dma.weights.streams
        return {
            "WEIGHTS": len(streams),
            "WEIGHT_BEATS": dma.beats_bytes,
            "WEIGHT_DEPTH": dma.depth,
            "WEIGHT_BYTES": packed([stream.bytes_per_beat for stream in streams], MOST_STREAMS),
            "WEIGHT_OFFSETS": packed([stream.offset for stream in streams], MOST_STREAMS),
            "WEIGHT_WORDS": packed([stream.size // self.word_bytes for stream in streams], MOST_STREAMS),
        }

    @property
    def sources(self) -> list[Path]:
        """SystemVerilog files of the shell alone, those that others need first."""
        return [*PARTS, *(RTL / f"{module}.sv" for module in MODULES)]


def write(spec: ShellSpec, rtl: Path, folder: Path) -> list[Path]:
    """Write the accelerator of an RTL folder in its shell; return all sources, the top last.

    The top is `shell_top`, plain Verilog with ap_clk and ap_rst_n; memory files are read from the RTL folder, and
    self_test.mem from the working directory too.
    """
    manifest = Stitched.load(rtl)
    inner = folder / f"{watch.MODULE}.sv"
    inner.write_text(watch.watched(rtl, spec.fifos))
    if spec.self_test is not None:
        (folder / FRAME_FILE).write_text(spec.self_test.text())
    (folder / SHELL_FILE).write_text(json.dumps({"streams": spec.streams, "fifos": spec.fifos}, indent=2) + "\n")
    top = folder / f"{TOP}.v"
    top.write_text(top_text(spec, doubled="logic ap_clk2x" in inner.read_text()))
    theirs = [rtl / name for name in manifest.sources[:-1]]  # without the top that is not watched
    shared = {path.name for path in theirs}
    ours = [path for path in spec.sources if path.name not in shared]
    return [*theirs, *ours, inner, top]


def top_text(spec: ShellSpec, doubled: bool = False) -> str:
    """Verilog of `shell_top`: shell.sv with the accelerator behind it; a module without parameters, for a block design.

    Args:
        spec: The shell.
        doubled: Whether the accelerator has a second clock of twice the rate.
    """
    header = (RTL / "shell.sv").read_text()
    parameters, declared = header.split(") (\n", 1)
    declared = declared.split("\n);", 1)[0]
    values = spec.rtl_parameters()
    buses = BUSES if spec.weights is None else f"{BUSES}:{WEIGHT_BUS}"
    known = [name for name in _PARAMETER.findall(parameters) if name in values]
    ports, connected = [], []
    for direction, width, name in _PORT.findall(declared):
        if name.startswith(ACCELERATOR_PORTS):
            continue
        if spec.weights is None and name.startswith(WEIGHT_BUS):
            connected.append(f".{name}({_zero(width, values) if direction.startswith('input') else ''})")
            continue
        outer = CLOCKS.get(name, name)
        bounds = [_bounds(width, values)] if width else []
        attributes = [text.replace("@BUSES@", buses) for text in _ATTRIBUTES.get(outer, ())]
        if spec.axi3 and (memory := _MEMORY.fullmatch(name)):
            attributes = _axi3_attributes(*memory.groups())
            bounds = [AXI3_LENGTH] if name.endswith("len") else bounds
        words = [direction.split()[0], "wire", *bounds, outer]
        ports.append("  " + " ".join([*attributes, *words]))
        connected.append(f".{name}({outer})")
    if doubled:
        ports.insert(1, "  " + " ".join([*_ATTRIBUTES["ap_clk2x"], "input wire ap_clk2x"]))
    watched, fills = max(1, len(spec.streams)), max(1, 32 * len(spec.fifos))
    dma = spec.weight_dma
    clocks = ".ap_clk(ap_clk), .ap_rst_n(accelerator_rst_n)" + (", .ap_clk2x(ap_clk2x)" if doubled else "")
    return "\n".join(
        [
            "// SPDX-License-Identifier: Apache-2.0",
            "",
            "// The accelerator in its shell, see shell.sv; generated.",
            f"module {TOP} (",
            ",\n".join(ports),
            ");",
            "  wire accelerator_rst_n;",
            f"  wire [{8 * spec.input_stream.bytes_per_beat - 1}:0] in_tdata;",
            "  wire in_tvalid, in_tready;",
            f"  wire [{8 * spec.output_stream.bytes_per_beat - 1}:0] out_tdata;",
            "  wire out_tvalid, out_tready;",
            *([] if dma is None else [f"  wire [{8 * dma.beats_bytes - 1}:0] weights_tdata;"]),
            *([] if dma is None else [f"  wire [{len(dma.weights.streams) - 1}:0] weights_tvalid, weights_tready;"]),
            f"  wire [{watched - 1}:0] watch_valid, watch_ready;",
            f"  wire [{fills - 1}:0] watch_fill;",
            "",
            "  shell #(",
            "    " + ", ".join(f".{name}({_literal(values[name])})" for name in known),
            "  ) shell_i (",
            "    " + ",\n    ".join(connected) + ",",
            "    .rst_no(accelerator_rst_n),",
            "    .m_axis_tdata(in_tdata), .m_axis_tvalid(in_tvalid), .m_axis_tready(in_tready),",
            "    .s_axis_tdata(out_tdata), .s_axis_tvalid(out_tvalid), .s_axis_tready(out_tready),",
            f"    {_weights_out(dma)},",
            "    .watch_valid_i(watch_valid), .watch_ready_i(watch_ready), .watch_fill_i(watch_fill)",
            "  );",
            "",
            f"  {watch.MODULE} accelerator_i (",
            f"    {clocks},",
            "    .in0_V_TDATA(in_tdata), .in0_V_TVALID(in_tvalid), .in0_V_TREADY(in_tready),",
            "    .out0_V_TDATA(out_tdata), .out0_V_TVALID(out_tvalid), .out0_V_TREADY(out_tready),",
            *_weights_in(dma),
            "    .watch_valid(watch_valid), .watch_ready(watch_ready), .watch_fill(watch_fill)",
            "  );",
            "endmodule",
            "",
        ]
    )


def _axi3_attributes(bus: str, signal: str) -> list[str]:
    """What tells a block design that a port is of an AXI3 bus, without which it takes AXI4 (AMD UG994)."""
    told = f'X_INTERFACE_INFO = "xilinx.com:interface:aximm:1.0 {bus} {signal.upper()}"'
    protocol = f'X_INTERFACE_PARAMETER = "XIL_INTERFACENAME {bus}, PROTOCOL AXI3"'
    return [f"(* {told}, {protocol} *)" if signal == "araddr" else f"(* {told} *)"]


def _weights_out(dma: WeightDmaSpec | None) -> str:
    """How the shell's streams of weights are connected."""
    if dma is None:
        return ".m_axis_weights_tdata(), .m_axis_weights_tvalid(), .m_axis_weights_tready(1'b0)"
    return ", ".join(f".m_axis_weights_{name}(weights_{name})" for name in ("tdata", "tvalid", "tready"))


def _weights_in(dma: WeightDmaSpec | None) -> list[str]:
    """How they enter the accelerator."""
    lines, low = [], 0
    for index, stream in enumerate(dma.weights.streams if dma else ()):
        name, width = f"in{index + 1}_V", 8 * stream.bytes_per_beat
        ends = ", ".join(f".{name}_{end.upper()}(weights_{end}[{index}])" for end in ("tvalid", "tready"))
        lines.append(f"    .{name}_TDATA(weights_tdata[{low} +: {width}]), {ends},")
        low += width
    return lines


def _zero(width: str, values: Mapping[str, int | str]) -> str:
    """What a port of shell.sv is tied to where it is not used."""
    return f"{int(_bounds(width, values)[1:].split(':')[0]) + 1}'d0" if width else "1'b0"


def _bounds(width: str, values: Mapping[str, int | str]) -> str:
    """Bounds of a port of shell.sv, such as "[8*WORD_BYTES-1:0]", as numbers."""
    found = re.fullmatch(r"\[(?:(\d+)\*)?([A-Z_]+)-1:0\]", width)
    return f"[{int(found[1] or 1) * int(values[found[2]]) - 1}:0]" if found else width


def _literal(value: int | str) -> str:
    return value if isinstance(value, str) and "'" in value else json.dumps(value)


def emulated_text(spec: ShellSpec) -> str:
    """SystemVerilog of `shell_emulated`: shell_top with memory's channels as streams, for board.emulator.shell.

    m_axis_ar and m_axis_aw carry address and length, s_axis_r data and response, m_axis_w data and strobes, s_axis_b
    the response, from the least significant bit on; m_axis_weights_ar and s_axis_weights_r are of the weights' port,
    with the mark of a burst's last word behind the response.
    """
    address, word = {"addr": spec.addr_bits, "len": 8}, 8 * spec.word_bytes
    channels: dict[str, tuple[str, str, str, dict[str, int]]] = {
        "m_axis_ar": ("output", "gmem", "ar", address),
        "m_axis_aw": ("output", "gmem", "aw", address),
        "m_axis_w": ("output", "gmem", "w", {"data": word, "strb": spec.word_bytes}),
        "s_axis_r": ("input", "gmem", "r", {"data": word, "resp": 2}),
        "s_axis_b": ("input", "gmem", "b", {"resp": 2}),
    }
    if spec.weights is not None:
        channels["m_axis_weights_ar"] = ("output", "weights", "ar", address)
        channels["s_axis_weights_r"] = ("input", "weights", "r", {"data": word, "resp": 2, "last": 1})
    ports = ["  input  logic ap_clk", "  input  logic ap_rst_n"]
    connected = [".ap_clk(ap_clk)", ".ap_rst_n(ap_rst_n)", ".interrupt_o(interrupt_o)", ".m_axi_gmem_rlast(1'b0)"]
    for name, (way, bus, channel, parts) in channels.items():
        width, low = sum(parts.values()), 0
        back = "input " if way == "output" else "output"
        ports += [f"  {way:6} logic [{width - 1}:0] {name}_tdata", f"  {way:6} logic {name}_tvalid"]
        ports.append(f"  {back} logic {name}_tready")
        for part, size in parts.items():
            connected.append(f".m_axi_{bus}_{channel}{part}({name}_tdata[{low} +: {size}])")
            low += size
        connected += [f".m_axi_{bus}_{channel}{signal}({name}_t{signal})" for signal in ("valid", "ready")]
    declared = (RTL / "shell.sv").read_text().split(") (\n", 1)[1].split("\n);", 1)[0]
    for way, width, name in _PORT.findall(declared):
        if name.startswith("s_axi_"):
            ports.append(f"  {way.split()[0]:6} logic {width} {name}")
            connected.append(f".{name}({name})")
    ports.append("  output logic interrupt_o")
    body = ",\n    ".join(connected)
    return (
        "// SPDX-License-Identifier: Apache-2.0\n\n"
        "/// Simulation only: the accelerator in its shell, memory's channels as streams; generated.\n"
        f"module {EMULATED} (\n" + ",\n".join(ports) + f"\n);\n  {TOP} dut (\n    {body}\n  );\nendmodule\n"
    )
