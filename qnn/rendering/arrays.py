# SPDX-License-Identifier: Apache-2.0
"""Types of the renderer's arrays."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int32]
Pixels: TypeAlias = npt.NDArray[np.uint8]
