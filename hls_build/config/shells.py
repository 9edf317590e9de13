# SPDX-License-Identifier: Apache-2.0
"""The shells that a build may have between processor and accelerator, and what each takes of the device."""

from __future__ import annotations

from board.core.parts import is_zynqmp
from hls_build.cost.resources import Resources

SHELLS = FINN_SHELL, OWN_SHELL, LEAN_SHELL = "finn", "auflow", "auflow-lean"
"""FINN's DMAs by Vitis HLS; hls_build/shell with all its parts; the same without counters, checks and self-test."""
_FINN = Resources(lut=5000, ff=7000, bram18=8)
_OWN, _LEAN = Resources(lut=4648, ff=2620, bram18=1), Resources(lut=1500, ff=1100)
_CONTROL, _MEMORY_PORT = Resources(lut=500, ff=600), Resources(lut=910, ff=904)


def allowance(shell: str, part: str) -> Resources:
    """What a shell takes of a device beside the accelerator, none of it measured with Vivado; docs/shell.md has more.

    FINN's is an assumption. Of ours Yosys counted the RTL, of the lean one rounded up, without the streams of weights,
    which the accelerator's estimate has. The way from the processor's port to AXI4-Lite and the resets are assumed. On
    a Zynq UltraScale+ two memory ports take what AMD's SmartConnect took for one on a Zynq-7000 with Vivado 2023.1
    (https://github.com/analogdevicesinc/hdl/pull/1054); on a Zynq-7000 they need none.
    """
    if shell == FINN_SHELL:
        return _FINN
    ports = _MEMORY_PORT + _MEMORY_PORT if is_zynqmp(part) else Resources()
    return (_LEAN if shell == LEAN_SHELL else _OWN) + _CONTROL + ports


def default_shell(dram: bool) -> str:
    """The shell of a folding search that is told none: FINN's, which cannot read weights from DRAM, or ours."""
    return OWN_SHELL if dram else FINN_SHELL
