# SPDX-License-Identifier: Apache-2.0
"""ColumnWindow: pad a map and give its windows, all rows of a window's column at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from board.core.arrays import Integers
from hls_build.cost.resources import Resources, log2, single_port_luts
from hls_build.dataflow import rules
from hls_build.kernels.kernel_spec import KernelSpec, Port, check_bits, check_lanes, check_positive

CONTROL_LUT, COUNT_LUT, CONTROL_FF = 30, 0.55, 2
"""LUTs of control at least and per bit of the counters; its flip-flops besides those."""


@dataclass(frozen=True)
class ColumnWindowSpec(KernelSpec):
    """Geometry of one sliding window by columns, shared by model, RTL and tests.

    Attributes:
        height: Rows of the map.
        width: Pixels of a row.
        channels: Channels per pixel.
        kernel_rows: Rows of a window.
        kernel_columns: Columns of a window.
        above: Rows of zeros before the map, fewer than a window has; so are the others.
        before: Zeros before a row.
        below: Rows of zeros after the map.
        behind: Zeros after a row.
        pe: Lanes per beat of the map, divides channels; the output has so many of every row of a window.
        bits: Bits per lane.
        signed: Whether lanes are two's complement.
    """

    height: int
    width: int
    channels: int
    kernel_rows: int
    kernel_columns: int
    above: int
    before: int
    below: int
    behind: int
    pe: int
    bits: int
    signed: bool

    module: ClassVar[str] = "column_window"

    def __post_init__(self) -> None:
        for name in ("height", "width", "kernel_rows", "kernel_columns"):
            check_positive(name, getattr(self, name))
        check_lanes(self.channels, self.pe)
        check_bits("bits", self.bits)
        for pads, side in ((("above", "below"), "kernel_rows"), (("before", "behind"), "kernel_columns")):
            for name in pads:
                if not 0 <= getattr(self, name) < getattr(self, side):
                    raise ValueError(
                        f"need 0 <= {name} < {side}={getattr(self, side)}, got {name}={getattr(self, name)}"
                    )
        if min(self.windows) < 1:
            raise ValueError(
                f"need a window of {self.kernel_rows}x{self.kernel_columns} in the padded map, got {self.height}x"
                f"{self.width} with {self.above}, {self.before}, {self.below} and {self.behind}"
            )

    @property
    def windows(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        return (
            self.height + self.above + self.below - self.kernel_rows + 1,
            self.width + self.before + self.behind - self.kernel_columns + 1,
        )

    @property
    def fold(self) -> int:
        """Beats of a pixel."""
        return self.channels // self.pe

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The map."""
        return (Port("s_axis", self.height * self.width, self.channels, self.pe, self.bits, self.signed),)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Windows, each as one pixel: by column, group of pe channels, row, channel."""
        rows, columns = self.windows
        elements = self.kernel_rows * self.kernel_columns * self.channels
        return (Port("m_axis", rows * columns, elements, self.kernel_rows * self.pe, self.bits, self.signed),)

    def model(self, *inputs: Integers) -> Integers:
        """Windows of x, integers of shape (N, H, W, C), of shape (N, rows, columns, elements of a window)."""
        (x,) = inputs
        padded = np.pad(x, ((0, 0), (self.above, self.below), (self.before, self.behind), (0, 0)))
        kernel = (self.kernel_rows, self.kernel_columns)
        found = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))  # (N, rows, columns, C, kr, kc)
        groups = found.reshape(*found.shape[:3], self.fold, self.pe, *kernel)
        return groups.transpose((0, 1, 2, 6, 3, 5, 4)).reshape(*found.shape[:3], -1)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of column_window.sv, which knows no signs."""
        return {
            "HEIGHT": self.height,
            "WIDTH": self.width,
            "FOLD": self.fold,
            "LANES_BITS": self.pe * self.bits,
            "KERNEL_ROWS": self.kernel_rows,
            "KERNEL_COLUMNS": self.kernel_columns,
            "ABOVE": self.above,
            "BEFORE": self.before,
            "BELOW": self.below,
            "BEHIND": self.behind,
        }

    def cycles(self) -> int:
        """Return the cycles per frame: one per beat of a row that is taken, below the map too, and one per column."""
        rows, columns = self.windows
        return ((self.height + self.below) * self.width + rows * columns * self.kernel_columns) * self.fold

    @property
    def fill(self) -> int:
        """Cycles of a frame before its first window, in which nothing is given."""
        kernel, pads = (self.kernel_rows, self.kernel_columns), (self.above, self.before, self.below, self.behind)
        return rules.column_window_fill_beats(self.width, self.channels, kernel, pads, self.pe)

    @property
    def latency(self) -> int:
        """What comes before the first window, and the output's register."""
        return self.fill + 1

    def resources(self) -> Resources:
        """Estimate: as many rows of LUT memory as a window has, a register of the output, counters."""
        width = self.outputs[0].width
        row, columns = self.width * self.fold, self.windows[1]
        counts = (
            log2(self.height + self.below)
            + log2(row + 1)
            + log2((self.before + self.width + self.behind) * self.fold)
            + 1
            + log2(self.kernel_columns * self.fold)
            + log2(columns)
            + log2(self.fold)
        )
        return Resources(
            lut=single_port_luts(row, width) + round(CONTROL_LUT + self.kernel_rows + COUNT_LUT * counts),
            ff=width + self.kernel_rows + counts + CONTROL_FF,
        )
