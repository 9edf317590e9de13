# SPDX-License-Identifier: Apache-2.0
"""FakeQuantizer: Brevitas' IntQuant in a third of the passes over memory, which bound the speed of QAT."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from brevitas.core.quant import IntQuant
from torch import Tensor


class FakeQuantizer(IntQuant):
    """Round x / scale to an integer of the bits, times scale: in the place of IntQuant, with its results.

    For activations: one scale, no zero point, bits that stay; gradients pass the rounding and stop at the clamp.
    """

    _range: tuple[float, float] | None = None

    def forward(self, scale: Tensor, zero_point: Tensor, bit_width: Tensor, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(scale, zero_point, bit_width, x)
        if self._range is None:  # as numbers: a clamp between tensors takes eight times as long
            self._range = float(self.min_int(bit_width)), float(self.max_int(bit_width))
        return _FakeQuantized.apply(x, scale, *self._range)


class _FakeQuantized(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, least: float, greatest: float) -> Tensor:
        ratio = x / scale
        codes = ratio.round().clamp_(least, greatest)
        ctx.save_for_backward(ratio, codes)
        ctx.range = least, greatest
        return codes * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        ratio, codes = ctx.saved_tensors
        least, greatest = ctx.range
        below, above = _beyond(least, -math.inf, ratio.dtype), _beyond(greatest, math.inf, ratio.dtype)
        inside = torch.ops.aten.hardtanh_backward(gradients[0], ratio, below, above)
        of_scale = None
        if ctx.needs_input_grad[1]:
            of_scale = (inside * (codes - ratio)).sum(dtype=torch.float32)
            of_scale = of_scale + ((gradients[0] - inside) * codes).sum(dtype=torch.float32)
        return inside, of_scale, None, None


@cache
def _beyond(bound: float, outwards: float, dtype: torch.dtype) -> float:
    """The first number outside of those that round to codes up to this bound; a tie goes to the even one."""
    edge = torch.tensor(bound + math.copysign(0.5, outwards), dtype=dtype)
    return float(edge if edge.round() != bound else torch.nextafter(edge, torch.tensor(outwards, dtype=dtype)))
