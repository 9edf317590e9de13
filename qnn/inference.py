# SPDX-License-Identifier: Apache-2.0
"""Run a trained network over prepared faces."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from qnn.data.faces import Faces
from qnn.quantised import QuantCbamCnn
from qnn.training import network_input, planes

BATCH = 256


def logits(model: nn.Module, faces: Faces) -> npt.NDArray[np.float32]:
    """Logits (N, AUs) of N faces; a twin runs as it is exported, on a frozen copy.

    Raises:
        ValueError: A logit is not finite.
    """
    network = copy.deepcopy(model).freeze() if isinstance(model, QuantCbamCnn) else model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        pixels = torch.from_numpy(faces.pixels).split(BATCH)
        found = torch.cat([network(network_input(planes(batch.to(device)))).cpu() for batch in pixels]).numpy()
    if not np.isfinite(found).all():
        row = int(np.argwhere(~np.isfinite(found))[0, 0])
        raise ValueError(f"logits must be finite, got {found[row].tolist()} for face {row}: the weights are broken")
    return found


def predict(model: nn.Module, faces: Faces) -> npt.NDArray[np.float64]:
    """Probabilities (N, AUs) of N faces, computed from the logits as the host computes them."""
    return 0.5 * (1 + np.tanh(0.5 * logits(model, faces).astype(np.float64)))
