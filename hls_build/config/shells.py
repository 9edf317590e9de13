# SPDX-License-Identifier: Apache-2.0
"""The shells that a build may have between processor and accelerator, and what each takes of the device."""

from __future__ import annotations

from collections.abc import Mapping

from hls_build.cost.resources import Resources

FINN_SHELL, OWN_SHELL, LEAN_SHELL = "finn", "auflow", "auflow-lean"
"""FINN's DMAs by Vitis HLS; hls_build/shell with all its parts; the same without counters, checks and self-test."""
INTERCONNECT = Resources(lut=2320, ff=2408)
"""Of AUFlow's shells besides their own RTL: 910 LUTs and 904 flip-flops for either memory port, what AMD's SmartConnect
takes for one master at one port of a Zynq-7000 (Vivado 2023.1, https://github.com/analogdevicesinc/hdl/pull/1054), and
500 and 600 for the way from the processor's port to AXI4-Lite and the resets, which are assumed."""
ALLOWANCES: Mapping[str, Resources] = {
    FINN_SHELL: Resources(lut=5000, ff=7000, bram18=8),
    OWN_SHELL: INTERCONNECT + Resources(lut=4648, ff=2620, bram18=1),
    LEAN_SHELL: INTERCONNECT + Resources(lut=1500, ff=1100),
}
"""What each takes beside the accelerator, none of it measured with Vivado: of FINN's an assumption; of ours
INTERCONNECT and what Yosys counts (docs/shell.md), of the lean one rounded up. The estimate of an accelerator has its
own streams of weights."""


def default_shell(dram: bool) -> str:
    """The shell of a folding search that is told none: FINN's, which cannot read weights from DRAM, or ours."""
    return OWN_SHELL if dram else FINN_SHELL
