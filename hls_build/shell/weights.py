# SPDX-License-Identifier: Apache-2.0
"""The DMA of weights (weight_dma.sv): round and round regions of memory into streams, one per layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from board.core.weights import ALIGNMENT, Weights
from hls_build.cost.weight_stream import DEPTH, MOST_STREAMS
from hls_build.shell.dma import LONGEST_BURST, LONGEST_WORD, PARTS, RTL

MODULE = "weight_dma"


@dataclass(frozen=True)
class WeightDmaSpec:
    """Geometry of the DMA, shared by RTL, cost and tests.

    Attributes:
        weights: The file and its regions.
        word_bytes: Of memory, a power of two up to 128.
        addr_bits: Of memory, 32 to 64.
        burst: Words of the longest burst, a power of two up to 16.
        depth: Words that each stream has ahead, a power of two and at least two bursts.
    """

    weights: Weights
    word_bytes: int = 8
    addr_bits: int = 32
    burst: int = LONGEST_BURST
    depth: int = DEPTH

    def __post_init__(self) -> None:
        if len(self.weights.streams) > MOST_STREAMS:
            raise ValueError(f"need at most {MOST_STREAMS} streams of weights, got {len(self.weights.streams)}")
        for key, most in (("word_bytes", LONGEST_WORD), ("burst", LONGEST_BURST), ("depth", ALIGNMENT)):
            value = getattr(self, key)
            if not 1 <= value <= most or value & (value - 1):
                raise ValueError(f"need {key} to be a power of two up to {most}, got {value}")
        if not 32 <= self.addr_bits <= 64:
            raise ValueError(f"need 32 <= addr_bits <= 64, got {self.addr_bits}")
        if self.depth < 2 * self.burst:
            raise ValueError(f"need depth >= 2 * burst, got {self.depth} and {self.burst}")
        if odd := [stream.size for stream in self.weights.streams if stream.size % self.word_bytes]:
            raise ValueError(f"need regions of whole words of {self.word_bytes} bytes, got one of {odd[0]}")

    @property
    def beats_bytes(self) -> int:
        """Bytes of a beat of all streams together."""
        return sum(stream.bytes_per_beat for stream in self.weights.streams)

    def rtl_parameters(self) -> dict[str, int | str]:
        """Parameters of the module."""
        streams = self.weights.streams
        return {
            "ADDR_BITS": self.addr_bits,
            "WORD_BYTES": self.word_bytes,
            "BURST": self.burst,
            "DEPTH": self.depth,
            "STREAMS": len(streams),
            "BEATS": self.beats_bytes,
            "BEAT_BYTES": packed([stream.bytes_per_beat for stream in streams]),
            "OFFSETS": packed([stream.offset for stream in streams]),
            "WORDS": packed([stream.size // self.word_bytes for stream in streams]),
        }

    @property
    def sources(self) -> list[Path]:
        """SystemVerilog files of the module, those it shares first."""
        return [*PARTS, RTL / "weight_reader.sv", RTL / f"{MODULE}.sv"]


def packed(values: Sequence[int], places: int = 0) -> str:
    """Numbers of 32 bits as one literal, the first least significant, zeros behind them up to so many places."""
    filled = [*values, *[0] * (places - len(values))]
    return f"{32 * len(filled)}'h" + "".join(f"{value:08x}" for value in reversed(filled))
