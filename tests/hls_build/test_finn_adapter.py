# SPDX-License-Identifier: Apache-2.0
"""What we put in place of FINN+'s own functions gives what they give."""

from pathlib import Path

import numpy as np
import pytest
from finn.custom_op.fpgadataflow import matrixvectoractivation
from finn.custom_op.fpgadataflow.rtl import thresholding_rtl
from finn.util.data_packing import pack_innermost_dim_as_hex_string
from finn.util.settings import get_settings
from qonnx.core.datatype import DataType

from hls_build import finn_adapter


@pytest.mark.parametrize("name", ["INT2", "INT3", "INT4", "INT8", "UINT4", "INT14", "UINT17"])
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_packing_equals_finns(name: str, count: int, reverse: bool, rng: np.random.Generator) -> None:
    dtype = DataType[name]
    values = rng.integers(int(dtype.min()), int(dtype.max()) + 1, (2, 5, count))
    width = -(-count * dtype.bitwidth() // 4) * 4
    for padded in (width, width + 4, width + 8):
        ours = finn_adapter.pack_hex(values, dtype, padded, reverse, prefix="")
        theirs = pack_innermost_dim_as_hex_string(values, dtype, padded, reverse, prefix="")
        np.testing.assert_array_equal(ours, theirs)


def test_packing_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="need integers of type INT2, got 0 to 2"):
        finn_adapter.pack_hex(np.array([0, 2]), DataType["INT2"], 4)
    with pytest.raises(ValueError, match="need words of at least 8 bits, got 4"):
        finn_adapter.pack_hex(np.array([0, 1]), DataType["INT4"], 4)


def test_finn_uses_our_packing() -> None:
    for module in (matrixvectoractivation, thresholding_rtl):
        assert module.pack_innermost_dim_as_hex_string is finn_adapter.pack_hex


def test_the_build_folder_is_made_and_used(tmp_path: Path) -> None:
    before = get_settings().finn_build_dir
    try:
        finn_adapter.use_build_folder(tmp_path / "finn")
        assert get_settings().finn_build_dir == tmp_path / "finn"
        assert (tmp_path / "finn").is_dir()
    finally:
        get_settings().finn_build_dir = before
