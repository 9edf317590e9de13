# SPDX-License-Identifier: Apache-2.0
"""The DMAs: frames from memory to a stream (read_dma.sv) and from a stream to memory (write_dma.sv)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from hls_build.kernels.kernel_spec import FOLDER as KERNELS

RTL = Path(__file__).resolve().parent / "rtl"
PARTS = (
    KERNELS / "skid_buffer.sv",
    KERNELS / "lane_converter" / "lane_converter.sv",
    RTL / "axi_lite_slave.sv",
    RTL / "dma_control.sv",
)
"""What both DMAs are made of."""
READ, WRITE = "read_dma", "write_dma"
LONGEST_BURST, LONGEST_WORD = 16, 128
"""Words of a burst that every port of a Zynq takes (AXI3, AMD UG585); bytes of the widest AXI4 bus (ARM IHI 0022)."""


@dataclass(frozen=True)
class DmaSpec:
    """Geometry of one DMA, shared by RTL, cost and tests.

    Attributes:
        module: READ or WRITE.
        beat_bytes: Of the stream, at least 1.
        frame_beats: Beats per frame, at least 1.
        word_bytes: Of memory, a power of two up to 128.
        addr_bits: Of memory, 32 to 64.
        burst: Words of the longest burst, 1 to 16.
    """

    module: str
    beat_bytes: int
    frame_beats: int
    word_bytes: int = 8
    addr_bits: int = 32
    burst: int = LONGEST_BURST

    def __post_init__(self) -> None:
        if self.module not in (READ, WRITE):
            raise ValueError(f"need module {READ} or {WRITE}, got {self.module!r}")
        if self.beat_bytes < 1 or self.frame_beats < 1:
            raise ValueError(f"need beat_bytes >= 1 and frame_beats >= 1, got {self.beat_bytes} and {self.frame_beats}")
        if not 1 <= self.word_bytes <= LONGEST_WORD or self.word_bytes & (self.word_bytes - 1):
            raise ValueError(f"need word_bytes to be a power of two up to {LONGEST_WORD}, got {self.word_bytes}")
        if not 32 <= self.addr_bits <= 64:
            raise ValueError(f"need 32 <= addr_bits <= 64, got {self.addr_bits}")
        if not 1 <= self.burst <= LONGEST_BURST:
            raise ValueError(f"need 1 <= burst <= {LONGEST_BURST}, got {self.burst}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame in memory."""
        return self.beat_bytes * self.frame_beats

    @property
    def unit_bytes(self) -> int:
        """Bytes that move per cycle at most."""
        return math.gcd(self.word_bytes, self.beat_bytes)

    def cycles(self) -> int:
        """Least cycles per frame that the DMA takes where nobody holds it back, what memory takes aside."""
        return self.frame_bytes // self.unit_bytes

    def rtl_parameters(self) -> dict[str, int | str]:
        """Parameters of the module."""
        return {
            "ADDR_BITS": self.addr_bits,
            "WORD_BYTES": self.word_bytes,
            "BEAT_BYTES": self.beat_bytes,
            "FRAME_BEATS": self.frame_beats,
            "BURST": self.burst,
        }

    @property
    def sources(self) -> list[Path]:
        """SystemVerilog files of the module, those it shares first."""
        return [*PARTS, RTL / f"{self.module}.sv"]
