# SPDX-License-Identifier: Apache-2.0
"""PumpedMvu: a DspMvu at twice the clock, and so with half the slices."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from hls_build.cost.resources import Resources
from hls_build.kernels.dsp_mvu.spec import DspMvuSpec

CONTROL_LUT, CONTROL_FF = 13, 11
"""Of both crossings and the reset."""


@dataclass(frozen=True)
class PumpedMvuSpec(DspMvuSpec):
    """A matrix-vector product on DSP slices at twice the clock of its streams.

    Attributes:
        simd: Activations at once in the streams, even: half of them in a cycle of the doubled clock.
    """

    module: ClassVar[str] = "pumped_mvu"
    shared_sources: ClassVar[tuple[str, ...]] = (
        *DspMvuSpec.shared_sources,
        *("dsp_mvu/dsp_mvu.sv", "pumped_mvu/to_clk2x.sv", "pumped_mvu/from_clk2x.sv"),
    )
    has_doubled_clock: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.simd % 2:
            raise ValueError(f"need an even simd at twice the clock, got simd={self.simd}")
        assert self.inner.folds == 2 * self.folds

    @cached_property
    def inner(self) -> DspMvuSpec:
        """What runs at twice the clock."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return DspMvuSpec(**{**fields, "simd": self.simd // 2})

    def rtl_parameters(self) -> dict[str, int | str]:
        """Return the parameters of pumped_mvu.sv."""
        return {**self.inner.rtl_parameters(), "SIMD": self.simd}

    @property
    def latency(self) -> int:
        """A register in front of the doubled clock, one of half a beat, the inner multiplier, and one behind."""
        return 1 + (3 + self.inner.latency) // 2

    def resources(self) -> Resources:
        """Estimate: the inner multiplier; registers of two beats and a half and a multiplexer before it, one behind."""
        x, y = self.inputs[0].width, self.outputs[0].width
        return self.inner.resources() + Resources(x // 2 + CONTROL_LUT, 2 * x + x // 2 + y + CONTROL_FF)
