# SPDX-License-Identifier: Apache-2.0
"""Quantizers as QONNX and Brevitas compute them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qonnx.custom_op.general.quant import quant

from board.core.quantizer import Quantizer
from qnn.export.sigmoids import quantizer_of
from qnn.network.quantized import activation


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_a_quantizer_equals_qonnx(signed: bool, narrow: bool, rng: np.random.Generator) -> None:
    quantizer = Quantizer(np.array(0.25), 3, signed, narrow)
    real = np.concatenate([rng.normal(size=200), np.arange(-40, 41) / 8]).astype(np.float32)
    expected = quant(real, np.float32(0.25), np.float32(0), np.float32(3), signed, narrow, "ROUND")
    np.testing.assert_array_equal(quantizer.real(quantizer.codes(real)), expected)


@pytest.mark.parametrize("signed", [False, True])
def test_a_quantizer_equals_brevitas(signed: bool, rng: np.random.Generator) -> None:
    module = activation(4, signed)
    module(torch.from_numpy(rng.normal(size=(8, 50)).astype(np.float32)))  # sets the scale
    module.eval()
    real = rng.normal(size=200, scale=3).astype(np.float32)
    quantizer = quantizer_of(module)
    with torch.inference_mode():
        expected = module(torch.from_numpy(real)).value.numpy()
    assert len(np.unique(expected)) > 8
    np.testing.assert_array_equal(quantizer.real(quantizer.codes(real)), expected)
