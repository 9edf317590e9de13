# SPDX-License-Identifier: Apache-2.0
"""Names for the element types of arrays; shapes stand where an array is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    """Pictures, grey (H, W) or RGB (H, W, 3), and faces (N, 48, 48, 3)."""
    Bytes = npt.NDArray[np.uint8]
    """Memory as a stream's beats fill it."""
    Integers = npt.NDArray[np.integer[Any]]
    """What the accelerator computes with: exact, whatever the width."""
    Accumulators = npt.NDArray[np.int64]
    """What leaves the accelerator, (N, outputs)."""
    Reals = npt.NDArray[np.float64]
    """Logits and probabilities."""
    Flags = npt.NDArray[np.bool_]
    """Which action units are present."""
else:  # which takes a board's time to import; some are evaluated at run time
    Pixels = Bytes = Integers = Accumulators = Reals = Flags = np.ndarray
