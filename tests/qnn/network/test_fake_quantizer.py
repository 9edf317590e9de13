# SPDX-License-Identifier: Apache-2.0
"""FakeQuantizer against Brevitas' own IntQuant: values, and gradients to input and scale."""

import pytest
import torch
from brevitas.core.function_wrapper import Identity
from brevitas.core.quant import IntQuant
from brevitas.nn import QuantIdentity
from hypothesis import given
from hypothesis import strategies as st

from qnn.network.fake_quantizer import FakeQuantizer
from qnn.network.model import Architecture
from qnn.network.presets import PRESETS
from qnn.network.quantized import QuantCbamCnn

ZERO = torch.tensor(0.0)


def answers(quantizer: IntQuant, x: torch.Tensor, scale: float, bits: int) -> tuple[torch.Tensor, ...]:
    """What it makes of x, and the gradients of a sum with weights that differ, to x and to the scale."""
    x = x.clone().requires_grad_()
    factor = torch.tensor(scale, requires_grad=True)
    quantized = quantizer(factor, ZERO, torch.tensor(float(bits)), x)
    (quantized.float() * torch.arange(1, x.numel() + 1).reshape(x.shape) / x.numel()).sum().backward()
    assert x.grad is not None and factor.grad is not None
    return quantized.detach(), x.grad, factor.grad


def quantizers(signed: bool) -> tuple[IntQuant, FakeQuantizer]:
    settings = {"narrow_range": False, "signed": signed, "input_view_impl": Identity()}
    return IntQuant(**settings), FakeQuantizer(**settings)


@given(
    codes=st.lists(st.integers(-1200, 1200), min_size=1, max_size=60),
    signed=st.booleans(),
    bits=st.integers(2, 8),
    exponent=st.integers(-9, 3),
)
def test_it_gives_what_brevitas_gives(codes: list[int], signed: bool, bits: int, exponent: int) -> None:
    """Quarters of codes, ties among them, from far below the range to far above."""
    x = torch.tensor(codes) / 4 * 2.0**exponent
    theirs, ours = (answers(quantizer, x, 2.0**exponent, bits) for quantizer in quantizers(signed))
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    torch.testing.assert_close(ours[2], theirs[2], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_ties_at_the_ends_of_the_range_go_the_same_way_at_half_precision(
    dtype: torch.dtype, signed: bool, bits: int
) -> None:
    x = (torch.arange(-80, 81) / 4).to(dtype)
    theirs, ours = (answers(quantizer, x, 1.0, bits) for quantizer in quantizers(signed))
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])


def test_every_activation_of_the_network_is_quantized_by_it() -> None:
    model = QuantCbamCnn(Architecture(divisor=8), PRESETS["w4a4"])
    activations = [module for module in model.modules() if isinstance(module, QuantIdentity)]
    assert len(activations) == 22
    for activation in activations:
        assert any(isinstance(part, FakeQuantizer) for part in activation.modules())
