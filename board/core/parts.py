# SPDX-License-Identifier: Apache-2.0
"""FPGA parts: which family one belongs to, and what its memory is like."""


def is_zynqmp(part: str) -> bool:
    """Whether a part such as "xczu3eg-sbva484-1-e" is a Zynq UltraScale+, not a Zynq-7000 such as "xc7z020clg400-1"."""
    return not part.startswith("xc7z")


def memory_port(part: str) -> tuple[int, int]:
    """Bytes of a word and bits of an address of a part's high-performance ports to memory (AMD UG585, UG1085)."""
    return (16, 40) if is_zynqmp(part) else (8, 32)
