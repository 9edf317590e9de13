# SPDX-License-Identifier: Apache-2.0
"""FPGA parts: which family one belongs to."""


def is_zynqmp(part: str) -> bool:
    """Whether a part such as "xczu3eg-sbva484-1-e" is a Zynq UltraScale+, not a Zynq-7000 such as "xc7z020clg400-1"."""
    return not part.startswith("xc7z")
