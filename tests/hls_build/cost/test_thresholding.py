# SPDX-License-Identifier: Apache-2.0
"""Cost of thresholding: thresholds that need no selection cost none. hls_build.yosys compares with synthesis."""

import numpy as np
import pytest

from hls_build.cost.thresholding import threshold


@pytest.mark.parametrize("channels", [48, 64])
def test_thresholds_that_all_channels_share_are_no_logic(channels: int) -> None:
    alike = np.tile(np.arange(-7, 8), (channels, 1))
    apart = alike * np.random.default_rng(0).integers(1, 60, (channels, 1))
    same, other = (threshold(table, pe=1, width=10, block_from=1 << 20).lut for table in (alike, apart))
    assert same < other / 2
    assert same == threshold(alike[:1], pe=1, width=10, block_from=1 << 20).lut
