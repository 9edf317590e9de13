# SPDX-License-Identifier: Apache-2.0
"""Run a trained network over prepared faces."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from board.core.decoding import INDEPENDENT, probabilities
from board.core.facs import AUS, nearest_emotions
from qnn.data.faces import Faces
from qnn.network.pixels import channels_first, network_input
from qnn.network.quantized import QuantCbamCnn

BATCH = 32
"""Faces at once. Larger maps are fresh pages of the system's every time: at 256 a CPU takes more than twice as long."""


def logits(model: nn.Module, faces: Faces, done: Callable[[int], None] = lambda faces: None) -> npt.NDArray[np.float64]:
    """Logits (N, AUs) of N faces; a quantized network runs frozen, as exported, and its logits are the contract's.

    Args:
        model: Float or quantized network.
        faces: Faces.
        done: Called with the number of faces of each batch.

    Raises:
        ValueError: A logit is not finite.
    """
    network = copy.deepcopy(model).freeze() if isinstance(model, QuantCbamCnn) else model.eval()
    device = next(model.parameters()).device
    found = []
    for batch in torch.from_numpy(faces.pixels).split(BATCH):
        found.append(batch_logits(network, network_input(channels_first(batch.to(device)))))
        done(len(batch))
    rows = np.concatenate(found)
    if not np.isfinite(rows).all():
        row = int(np.argwhere(~np.isfinite(rows))[0, 0])
        raise ValueError(f"logits must be finite, got {rows[row].tolist()} for face {row}: the weights are broken")
    return rows


def batch_logits(network: nn.Module, pixels: torch.Tensor) -> npt.NDArray[np.float64]:
    """Logits (B, AUs) of pixels (B, 3, 48, 48), the network in eval mode and a quantized one frozen.

    A quantized network's offset is added to its exact sums in float64, as board.core.contract does.
    """
    with torch.inference_mode():
        if isinstance(network, QuantCbamCnn):
            return (network.scaled_accumulators(pixels).double() + network.fc3_bias.double()).cpu().numpy()
        return network(pixels).double().cpu().numpy()


@dataclass(frozen=True)
class Prediction:
    """What a network says of N faces.

    Attributes:
        logits: Of each AU, (N, AUs); see `logits`.
        aus: FACS numbers of the columns.
    """

    logits: npt.NDArray[np.float64]
    aus: tuple[int, ...]

    def probabilities(self, decoding: str = INDEPENDENT) -> npt.NDArray[np.float64]:
        """Of each AU, (N, AUs), to the last bit those that the host computes by this board.core.decoding."""
        return probabilities(self.logits, decoding)

    @property
    def nearest(self) -> npt.NDArray[np.int64] | None:
        """Index into facs.EMOTIONS of the best-matching prototype, (N,); None where AUs are not Table 2's thirteen."""
        return nearest_emotions(self.logits) if self.aus == AUS else None


def predict(model: nn.Module, faces: Faces, done: Callable[[int], None] = lambda faces: None) -> Prediction:
    """Run a network over faces; see `logits`."""
    return Prediction(logits(model, faces, done), faces.aus)
