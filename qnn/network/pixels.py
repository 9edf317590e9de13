# SPDX-License-Identifier: Apache-2.0
"""Pixels as the network takes them: from uint8 faces to float32 tensors with the channels first."""

from __future__ import annotations

import torch
from torch import Tensor


def channels_first(faces: Tensor) -> Tensor:
    """uint8 faces (B, 48, 48) or (B, 48, 48, 3) as float32 (B, 1 or 3, 48, 48)."""
    return (faces[:, None] if faces.ndim == 3 else faces.permute(0, 3, 1, 2)).float()


def network_input(planes: Tensor) -> Tensor:
    """Planes (B, 1 or 3, 48, 48) as the network takes them, (B, 3, 48, 48), channels last: the faster layout."""
    return planes.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
