# SPDX-License-Identifier: Apache-2.0
"""How long a net takes, before anything is placed: by its fan-out, and nothing where both ends share a slice."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

NET_PS, DOUBLING_PS = 450.0, 150.0
"""Of a net to one pin, and more for every doubling of its pins."""
_CASCADES = {("CO", "CI"), ("PCOUT", "PCIN"), ("Q31", "D")}
"""Outputs and inputs with a wire of their own between neighbours."""


@dataclass(frozen=True)
class NetModel:
    """Delay of nets; nobody has placed them, so the scale says how well that is taken to go.

    Attributes:
        scale: Times the nominal delay; 0 leaves the cells' own.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.scale >= 0:
            raise ValueError(f"need a net scale >= 0, got {self.scale}")

    def ps(self, fan_out: int) -> float:
        """Picoseconds of a net to so many pins."""
        return self.scale * (NET_PS + DOUBLING_PS * log2(max(1, fan_out)))


def is_local(driver: str, output: str, fan_out: int, sink: str, pin: str) -> bool:
    """Whether a net stays within a slice, or has a wire of its own, and so takes no time.

    A table feeds the flip-flop behind it, the carry chain over it and the multiplexer after it without leaving the
    slice, if it feeds nothing else of the kind; carry chains and shift registers go on from slice to slice.

    Args:
        driver: Type of the cell that drives the net.
        output: Its pin.
        fan_out: Pins of this kind that the net feeds.
        sink: Type of the cell that is fed.
        pin: Its pin.
    """
    if (output, pin) in _CASCADES:
        return True
    if fan_out != 1:
        return False
    if sink.startswith("FD"):
        return pin == "D" and driver.startswith(("LUT", "INV", "CARRY", "MUX"))
    if sink == "CARRY4":
        return pin == "S" and driver.startswith(("LUT", "INV"))
    return (sink, pin[0]) in (("MUXF7", "I"), ("MUXF8", "I"))
