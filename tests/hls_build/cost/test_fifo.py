# SPDX-License-Identifier: Apache-2.0
"""Cost of FIFOs: what is not modelled is refused. hls_build.yosys compares with synthesis."""

import pytest

from hls_build.cost.fifo import Fifo


def test_ultra_ram_is_not_modelled() -> None:
    with pytest.raises(ValueError, match="need a FIFO of shift registers, LUTs or block RAM, got style ultra"):
        Fifo(4000, 8, "ultra").resources()
