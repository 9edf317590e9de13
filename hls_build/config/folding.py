# SPDX-License-Identifier: Apache-2.0
"""The folding of one layer: its parallelism, its memories and its FIFOs."""

from __future__ import annotations

from dataclasses import dataclass

RAM_STYLES = ("auto", "block", "distributed")
"""Ultra RAM is none of them: on UltraScale+ it starts empty (AMD UG573), so it cannot hold weights that come with the
bitstream, and only weights are large here."""

MULTIPLIERS = ("finn", "dsp", "lut")
"""FINN+'s multiplier on DSP slices, ours on DSP slices, and ours of ternary digits in LUTs."""
DEFAULT_MULTIPLIER = "finn"
MULTIPLIER_CHOICES = (*MULTIPLIERS, "auto")
"""What a folding search may be told: one of them where it fits, or whichever costs less, layer by layer."""

DRAM = "dram"
"""Weights that come from memory as a stream, see docs/dram.md."""

WINDOWS = ("finn", "columns")
"""FINN+'s sliding window, an element of a pixel after the other, and ours, all rows of a column at once."""

QUANTIZERS = ("finn", "shift")
"""FINN+'s search among activation thresholds, and ours, which adds and shifts where they lie a power of two apart."""

LATENCY_INTERVALS = 3.0
"""Most intervals from a frame's first pixel to its result, where the folding search is told nothing else."""


@dataclass(frozen=True)
class Folding:
    """How much of one layer works at once; what is None follows from the neighbours.

    Attributes:
        pe: Channels per cycle at the layer's output; outputs per cycle of a convolution or dense layer.
        simd: Inputs per cycle of a convolution or dense layer.
        window_simd: Channels per cycle of a convolution's padding and sliding window.
        ram_style: Memory of weights or thresholds: block RAM, LUTs, or whichever wastes less.
        window: What moves over the map of a convolution, one of WINDOWS; FINN+'s if nothing is said.
        window_ram_style: Memory of a sliding window; ours is of LUTs.
        quantizer: What an activation quantizer is made of, one of QUANTIZERS; FINN+'s if nothing is said.
        multiplier: What multiplies in a convolution or dense layer, one of MULTIPLIERS; FINN+'s if nothing is said.
        weights: DRAM where a layer's weights come from memory as a stream; in the FPGA if nothing is said.
        pumped: Whether a multiplier's DSPs run at twice the clock, so that half of them do; not one in LUTs.
        fifo_depths: Beats of the FIFO before each input, in the order of inputs; 0 leaves it out.
        window_fifo_depth: Beats of the FIFO between a sliding window and its multiplier; 0 leaves it out.
    """

    pe: int | None = None
    simd: int | None = None
    window_simd: int | None = None
    ram_style: str = "auto"
    window: str | None = None
    window_ram_style: str = "auto"
    quantizer: str | None = None
    multiplier: str | None = None
    weights: str | None = None
    pumped: bool = False
    fifo_depths: tuple[int, ...] | None = None
    window_fifo_depth: int | None = None

    def __post_init__(self) -> None:
        for key in ("pe", "simd", "window_simd"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"need {key} >= 1, got {value}")
        for key in ("ram_style", "window_ram_style"):
            if getattr(self, key) not in RAM_STYLES:
                raise ValueError(f"need {key} to be one of {', '.join(RAM_STYLES)}, got {getattr(self, key)!r}")
        if self.window not in (None, *WINDOWS):
            raise ValueError(f"need window to be one of {', '.join(WINDOWS)}, got {self.window!r}")
        if self.window == "columns" and self.window_ram_style == "block":
            raise ValueError("need window_ram_style of auto or distributed with window = \"columns\", got 'block'")
        if self.quantizer not in (None, *QUANTIZERS):
            raise ValueError(f"need quantizer to be one of {', '.join(QUANTIZERS)}, got {self.quantizer!r}")
        if self.multiplier not in (None, *MULTIPLIERS):
            raise ValueError(f"need multiplier to be one of {', '.join(MULTIPLIERS)}, got {self.multiplier!r}")
        if self.multiplier == "lut" and self.pumped:
            raise ValueError("need pumped for a multiplier on DSP slices, got multiplier = 'lut'")
        if self.weights not in (None, DRAM):
            raise ValueError(f"need weights to be {DRAM!r} or left out, got {self.weights!r}")
        if self.weights == DRAM and self.multiplier not in (None, "finn"):
            raise ValueError(f"need FINN+'s multiplier for weights from DRAM, got multiplier = {self.multiplier!r}")
        depths = [("fifo_depths", depth) for depth in self.fifo_depths or ()]
        for key, depth in [*depths, ("window_fifo_depth", self.window_fifo_depth or 0)]:
            if depth < 0 or depth == 1:
                raise ValueError(f"need {key} of 0 or at least 2 beats, got {depth}")
