# SPDX-License-Identifier: Apache-2.0
"""numba's compiler for loops over triangles and pixels; without numba they run as they are, a thousand times slower."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])

try:
    from numba import njit
except ModuleNotFoundError:

    def njit(**options: object) -> Callable[[Function], Function]:
        """Leave a function as it is."""
        return lambda function: function


compiled = njit(cache=True, fastmath=True)
