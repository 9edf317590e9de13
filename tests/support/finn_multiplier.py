# SPDX-License-Identifier: Apache-2.0
"""The sources of FINN+'s multiplier, whose top is mvu_vvu_axi."""

from pathlib import Path

import finn

RTL = Path(next(iter(finn.__path__))) / "finn-rtllib" / "mvu"
FILES = ("mvu_pkg.sv", "add_multi.sv", "mvu.sv", "replay_buffer.sv", "mvu_vvu_axi.sv", "mvu_vvu_8sx9_dsp58.sv")
SOURCES = [RTL / name for name in FILES]
