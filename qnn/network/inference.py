# SPDX-License-Identifier: Apache-2.0
"""Inference: run a trained network over prepared faces, for logits and probabilities of AUs and emotions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from board.core.decoding import Decoded, decode
from board.core.facs import AUS, EMOTIONS
from qnn.data.faces import Faces
from qnn.network.checkpoint import Card
from qnn.network.pixels import channels_first, network_input
from qnn.network.quantized import QuantCbamCnn

BATCH = 32
"""Faces at once. Larger maps are fresh pages of the system's every time: at 256 a CPU takes more than twice as long."""


def logits(model: nn.Module, faces: Faces, done: Callable[[int], None] = lambda faces: None) -> npt.NDArray[np.float64]:
    """Logits (N, outputs) of N faces; a quantized network runs frozen, as exported, and its logits are the contract's.

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
    """Logits (B, outputs) of pixels (B, 3, 48, 48), the network in eval mode and a quantized one frozen.

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
        emotion_logits: Of each of facs.EMOTIONS, (N, 7); None where the network has no outputs for emotions.
    """

    logits: npt.NDArray[np.float64]
    aus: tuple[int, ...]
    emotion_logits: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(cls, rows: npt.NDArray[np.float64], aus: tuple[int, ...]) -> Prediction:
        """Logits (N, outputs) taken apart: those of the AUs, and those of the emotions where such follow.

        Raises:
            ValueError: Another number of columns.
        """
        if rows.shape[1] not in (len(aus), len(aus) + len(EMOTIONS)):
            raise ValueError(f"need {len(aus)} logits, or {len(EMOTIONS)} more of emotions, got {rows.shape[1]}")
        return cls(rows[:, : len(aus)], aus, rows[:, len(aus) :] if rows.shape[1] > len(aus) else None)

    def decoded(self, card: Card) -> Decoded:
        """What the host computes of the same logits by the card's decoding and calibration, to the last bit.

        Raises:
            ValueError: A card of other outputs.
        """
        rows = self.logits if self.emotion_logits is None else np.hstack([self.logits, self.emotion_logits])
        if rows.shape[1] != card.outputs:
            raise ValueError(f"the card must describe the network's {rows.shape[1]} outputs, got {card.outputs}")
        return decode(rows, len(self.aus), card.decoding, np.array(card.slopes_and_shifts).T, self.aus == AUS)

    def probabilities(self, card: Card) -> npt.NDArray[np.float64]:
        """Of each AU, (N, AUs); see `decoded`."""
        return self.decoded(card).probabilities

    def emotions(self, card: Card) -> npt.NDArray[np.int64] | None:
        """Index into facs.EMOTIONS of each face's emotion, (N,); see board.core.decoding.Decoded."""
        return self.decoded(card).emotions


def predict(model: nn.Module, faces: Faces, done: Callable[[int], None] = lambda faces: None) -> Prediction:
    """Run a network over faces; see `logits`."""
    return Prediction.of(logits(model, faces, done), faces.aus)
