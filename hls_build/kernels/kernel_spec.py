# SPDX-License-Identifier: Apache-2.0
"""What every kernel's spec says: its ports, its answer, its hardware parameters, its cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from board.core.arrays import Integers
from hls_build.cost.resources import Resources

FOLDER = Path(__file__).resolve().parent
"""Each kernel has a folder of its own in here."""

MIN_BITS, MAX_BITS = 1, 24
"""Narrowest and widest lane of a stream; float32 tensors hold every integer of 24 bits."""


def check_lanes(channels: int, pe: int) -> None:
    """Raise ValueError unless pe lanes divide the channels of a pixel."""
    if channels < 1 or pe < 1 or channels % pe:
        legal = [lanes for lanes in range(1, channels + 1) if channels % lanes == 0]
        raise ValueError(f"need pe to divide channels={channels} (one of {legal}), got pe={pe}")


def check_bits(name: str, bits: int) -> None:
    """Raise ValueError unless a lane's width is one that the kernels support."""
    if not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(f"need {MIN_BITS} <= {name} <= {MAX_BITS}, got {name}={bits}")


def check_positive(name: str, value: int) -> None:
    """Raise ValueError unless a count is at least one."""
    if value < 1:
        raise ValueError(f"need {name} >= 1, got {name}={value}")


@dataclass(frozen=True)
class Port:
    """One AXI stream into or out of a kernel: frames of pixels, channel fastest, lane 0 least significant.

    Attributes:
        prefix: Of its signals in the module, such as "s_axis". Ports that share a prefix are slices of the same
            signals, the first port least significant.
        pixels: Pixels per frame.
        channels: Channels per pixel.
        lanes: Lanes per beat, a divisor of channels.
        bits: Bits per lane.
        signed: Whether lanes are two's complement.
    """

    prefix: str
    pixels: int
    channels: int
    lanes: int
    bits: int
    signed: bool

    @property
    def width(self) -> int:
        """Bits of a beat, unpadded."""
        return self.lanes * self.bits

    @property
    def padded_width(self) -> int:
        """Bits of a beat on FINN's TDATA, padded up to whole bytes."""
        return -(-self.width // 8) * 8

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return self.pixels * self.channels // self.lanes

    @property
    def datatype(self) -> str:
        """QONNX name of a lane's type, such as INT5."""
        return f"{'INT' if self.signed else 'UINT'}{self.bits}"

    @property
    def limits(self) -> tuple[int, int]:
        """Least and greatest value of a lane."""
        if self.signed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1


@dataclass(frozen=True)
class KernelSpec(ABC):
    """Base of the frozen dataclasses, one per kernel, that give the answer, the hardware and the tests."""

    module: ClassVar[str]
    """Name of the SystemVerilog module and of its file."""
    shared_sources: ClassVar[tuple[str, ...]] = ()
    """Files beside this one that the module needs, such as "skid_buffer.sv"."""
    has_doubled_clock: ClassVar[bool] = False
    """Whether the module has clk2x_i, a clock that rises with both edges of clk_i."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[Port, ...]:
        """Input ports in the order of the FINN node's inputs."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Port, ...]:
        """Output ports in the order of the FINN node's outputs."""

    @abstractmethod
    def model(self, *inputs: Integers) -> Integers | tuple[Integers, ...]:
        """Answer in numpy to one array (N, H, W, C) per input: an array, or a tuple of them for several outputs."""

    @abstractmethod
    def rtl_parameters(self) -> dict[str, int | str]:
        """Parameters of the module; a string is a Verilog literal."""

    @abstractmethod
    def cycles(self) -> int:
        """Cycles per frame when frames follow each other and the neighbours never stall."""

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from the first beats' offer at all inputs to the first output beat's acceptance, nobody stalling."""

    @abstractmethod
    def resources(self) -> Resources:
        """Estimate for a 7-series device."""

    @property
    def sources(self) -> list[Path]:
        """SystemVerilog files of the kernel, those it shares first, without a wrapper."""
        return [*(FOLDER / name for name in self.shared_sources), FOLDER / self.module / f"{self.module}.sv"]

    def wrapper(self, name: str) -> str:
        """Verilog of a module of that name: the kernel under FINN's port names, TDATA padded to bytes."""
        labelled = [(f"in{i}_V", port) for i, port in enumerate(self.inputs)]
        labelled += [(f"out{i}_V", port) for i, port in enumerate(self.outputs)]
        declared: list[str] = []
        wires: list[str] = []
        groups: dict[str, list[str]] = {}
        for label, port in labelled:
            is_input = label.startswith("in")
            to_kernel, from_kernel = ("input", "output") if is_input else ("output", "input")
            declared += [
                f"  {to_kernel} wire [{port.padded_width - 1}:0] {label}_TDATA",
                f"  {to_kernel} wire {label}_TVALID",
                f"  {from_kernel} wire {label}_TREADY",
            ]
            groups.setdefault(port.prefix, []).append(label)
            wires += _padding(label, port, is_input)
        connections = [".clk_i(ap_clk)", ".rst_ni(ap_rst_n)"]
        doubled = []
        if self.has_doubled_clock:
            connections.append(".clk2x_i(ap_clk2x)")
            doubled = [
                '  (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk2x CLK" *)',
                "  input wire ap_clk2x,",
            ]
        for prefix, labels in groups.items():
            for signal, suffix in (("tdata", "lanes"), ("tvalid", "TVALID"), ("tready", "TREADY")):
                bits = ", ".join(f"{label}_{suffix}" for label in reversed(labels))
                connections.append(f".{prefix}_{signal}({{{bits}}})")
        parameters = [f".{key}({value})" for key, value in self.rtl_parameters().items()]
        busses = ":".join(label for label, _ in labelled)
        return "\n".join(
            [
                "// SPDX-License-Identifier: Apache-2.0",
                f"// {self.module} under FINN's port names; generated.",
                f"module {name} (",
                '  (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk CLK" *)',
                f'  (* X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF {busses}, ASSOCIATED_RESET ap_rst_n" *)',
                "  input wire ap_clk,",
                *doubled,
                '  (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)',
                "  input wire ap_rst_n,",
                ",\n".join(declared),
                ");",
                *wires,
                f"  {self.module} #(",
                "    " + ",\n    ".join(parameters),
                "  ) kernel (",
                "    " + ",\n    ".join(connections),
                "  );",
                "endmodule",
                "",
            ]
        )


def _padding(label: str, port: Port, is_input: bool) -> list[str]:
    """Lines that take the lanes off a padded TDATA, or put them on one."""
    width, pad = port.width, port.padded_width - port.width
    lanes = f"wire [{width - 1}:0] {label}_lanes"
    if not is_input:
        zeros = f"{pad}'d0, " if pad else ""
        return [f"  {lanes};", f"  assign {label}_TDATA = {{{zeros}{label}_lanes}};"]
    lines = [f"  {lanes} = {label}_TDATA[{width - 1}:0];"]
    if pad:
        lines.append(f"  wire {label}_unused = &{{1'b0, {label}_TDATA[{width + pad - 1}:{width}]}};")
    return lines
