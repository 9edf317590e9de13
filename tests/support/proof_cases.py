# SPDX-License-Identifier: Apache-2.0
"""All proofs: of the buffer that kernels share, and of every kernel's CASES."""

from __future__ import annotations

from pathlib import Path

from kernel_cases import all_cases
from prover import Proof

_BUFFERS = ((1, 1, False), (8, 3, False), (72, 1, True), (32, 4, True))
"""Width, copies and whether it is slow."""


def _proofs() -> list[Proof]:
    sources = (Path("skid_buffer.sv"),)
    found = [
        Proof("skid_buffer", {"WIDTH": width, "COPIES": copies}, sources, slow) for width, copies, slow in _BUFFERS
    ]
    for cases in all_cases().values():
        found += [Proof.of(spec) for spec in cases.proved]
        found += [Proof.of(spec, slow=True) for spec in cases.proved_slowly]
    return found


PROOFS = tuple(_proofs())
FAST = tuple(proof for proof in PROOFS if not proof.slow)
"""Those of the default run."""
