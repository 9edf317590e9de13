# SPDX-License-Identifier: Apache-2.0
"""The error of lowering."""

from __future__ import annotations


class LoweringError(ValueError):
    """The model is outside the family that the compiler knows; one sentence says where."""
