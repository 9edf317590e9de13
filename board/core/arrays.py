# SPDX-License-Identifier: Apache-2.0
"""Names for the element types of arrays; shapes stand where an array is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # their import takes a board's time
    from typing import Any

    import numpy as np
    import numpy.typing as npt

Pixels: TypeAlias = "npt.NDArray[np.uint8]"
"""Pictures, grey (H, W) or RGB (H, W, 3), and faces (N, 48, 48, 3)."""
Bytes: TypeAlias = "npt.NDArray[np.uint8]"
"""Memory as a stream's beats fill it."""
Integers: TypeAlias = "npt.NDArray[np.integer[Any]]"
"""What the accelerator computes with: exact, whatever the width."""
Accumulators: TypeAlias = "npt.NDArray[np.int64]"
"""What leaves the accelerator, (N, AUs)."""
Reals: TypeAlias = "npt.NDArray[np.float64]"
"""Logits and probabilities."""
Flags: TypeAlias = "npt.NDArray[np.bool_]"
"""Which action units are present."""
