# SPDX-License-Identifier: Apache-2.0
"""Explanation of one face: HiResCAM or Grad-CAM heat maps per AU and emotion, and the spatial attention gates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from board.core.decoding import RENDERED
from board.core.facs import AUS, EMOTIONS, PROTOTYPES
from board.core.outputs import MARK, MARKED
from board.executors.executor import planes
from qnn.network.checkpoint import Card
from qnn.network.inference import Prediction, batch_logits
from qnn.network.quantized import QuantCbamCnn

POOLS = 4
"""Max poolings of the network; the last reads what the last convolution gives."""

NEUTRAL = EMOTIONS.index("neutral")

HIRESCAM, GRADCAM = "HiResCAM", "Grad-CAM"
METHODS = (HIRESCAM, GRADCAM)
"""How maps are made. HiResCAM shows what each pixel adds to a score. Grad-CAM, the paper's, averages gradients over the
pixels, as if the layers after them treated all pixels alike: dense layers do not, and it may light what adds nothing.
"""


@dataclass(frozen=True)
class Explanation:
    """What a network sees in one face, and where.

    Attributes:
        aus: FACS numbers of the outputs.
        validity: What each AU's output learned from, see board.core.decoding.VALIDITIES.
        probabilities: Of each AU, to the last bit those that the host computes, float64 (AUs,).
        present: AUs at or above their threshold, bool (AUs,).
        emotions: Probability of each of facs.EMOTIONS, float64 (7,), see board.core.decoding.Decoded; None where the
            network has no outputs for emotions and its AUs are not Table 2's thirteen.
        own_emotions: Whether they are by such outputs.
        method: One of METHODS.
        au_maps: Evidence for each AU, float32 (AUs, 6, 6), 0 or above, in logits; of Grad-CAM up to a factor.
        emotion_maps: Evidence for each emotion, (7, 6, 6): for its own logit; without such outputs for the sum of its
            AUs' logits, and for neutral, which has none, for minus the sum of all. None where `emotions` is.
        gates: The spatial gates of both attention blocks, (24, 24) and (3, 3), between 0 and 1; none without attention.
    """

    aus: tuple[int, ...]
    validity: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    present: npt.NDArray[np.bool_]
    emotions: npt.NDArray[np.float64] | None
    own_emotions: bool
    method: str
    au_maps: npt.NDArray[np.float32]
    emotion_maps: npt.NDArray[np.float32] | None
    gates: tuple[npt.NDArray[np.float32], ...]

    @property
    def emotion(self) -> str | None:
        """The likeliest."""
        return None if self.emotions is None else EMOTIONS[int(self.emotions.argmax())]

    @property
    def names(self) -> tuple[str, ...]:
        """Such as "AU12", with a mark where the output learned from rendered faces alone."""
        marks = (MARK if validity == RENDERED else "" for validity in self.validity)
        return tuple(f"AU{au}{mark}" for au, mark in zip(self.aus, marks, strict=True))

    @property
    def remark(self) -> str:
        """What a mark means; empty where there is none."""
        return MARKED if RENDERED in self.validity else ""

    def ranked(self, count: int) -> tuple[int, ...]:
        """The AUs with the highest probabilities, highest first."""
        return tuple(self.aus[index] for index in np.argsort(-self.probabilities, kind="stable")[:count])

    def summary(self) -> str:
        """One line: the AUs that are present, and the emotion."""
        found = [f"{au} {p:.2f}" for au, p, on in zip(self.names, self.probabilities, self.present, strict=True) if on]
        kind = "emotion" if self.own_emotions else "nearest emotion"
        emotion = "" if self.emotion is None else f"; {kind} {self.emotion}"
        return f"{', '.join(found) or 'no AU'} present{emotion}"

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        names = [f"AU{au}" for au in self.aus]
        return {
            "probabilities": dict(zip(names, self.probabilities.tolist(), strict=True)),
            "present": [name for name, present in zip(names, self.present, strict=True) if present],
            "validity": dict(zip(names, self.validity, strict=True)),
            "emotion": self.emotion,
            "emotions": None if self.emotions is None else dict(zip(EMOTIONS, self.emotions.tolist(), strict=True)),
            "emotion_outputs": self.own_emotions,
            "method": self.method,
            "au_maps": dict(zip(names, self.au_maps.tolist(), strict=True)),
            "emotion_maps": None
            if self.emotion_maps is None
            else dict(zip(EMOTIONS, self.emotion_maps.tolist(), strict=True)),
            "spatial_gates": [gate.tolist() for gate in self.gates],
        }


def explain(network: nn.Module, card: Card, face: npt.NDArray[np.uint8], method: str = HIRESCAM) -> Explanation:
    """Explain what a network says of a face.

    The maps of the last convolution, after ReLU and before pooling, times the score's gradient, summed, negative sums
    cut off. HiResCAM (Draelos and Carin 2020) takes each pixel's gradient, Grad-CAM (Selvaraju et al. 2017; the paper's
    section V.C) their mean. Through quantizers gradients go straight, as in training.

    Args:
        network: In eval mode, a quantized one frozen; see qnn.evaluation.measuring.load_network.
        card: Its card.
        face: uint8 (48, 48, 3), in the card's colour.
        method: One of METHODS.

    Raises:
        ValueError: Another method.
    """
    pixels = torch.from_numpy(planes(face[np.newaxis]))
    weights, taps = _weights(network, pixels, method)
    activation, aus = taps.activation.detach(), len(card.aus)
    prediction = Prediction.of(batch_logits(network, pixels), card.aus)
    found, own = prediction.decoded(card), prediction.emotion_logits is not None
    of_emotions = weights[:, aus:] if own else _of_table(weights) if card.aus == AUS else None
    return Explanation(
        aus=card.aus,
        validity=card.validities,
        probabilities=found.probabilities[0],
        present=found.probabilities[0] >= np.array(card.decision_thresholds),
        emotions=None if found.emotion_probabilities is None else found.emotion_probabilities[0],
        own_emotions=own,
        method=method,
        au_maps=_evidence(weights[:, :aus], activation)[0],
        emotion_maps=None if of_emotions is None else _evidence(of_emotions, activation)[0],
        gates=tuple(gate[0, 0].detach().numpy() for gate in taps.gates),
    )


def au_maps(network: nn.Module, pixels: Tensor, aus: int, method: str = HIRESCAM) -> npt.NDArray[np.float32]:
    """Evidence for each of the network's AUs in many faces, (B, aus, 6, 6) of pixels (B, 3, 48, 48); see `explain`."""
    weights, taps = _weights(network, pixels, method, aus)
    return _evidence(weights, taps.activation.detach())


def _weights(network: nn.Module, pixels: Tensor, method: str, outputs: int | None = None) -> tuple[Tensor, _Taps]:
    """What each element of the last maps weighs in the logits, (B, outputs, C, 6, 6), and what the pass gave.

    Args:
        network: See `explain`.
        pixels: Of shape (B, 3, 48, 48).
        method: One of METHODS.
        outputs: How many of the logits, the first ones; None for all.
    """
    if method not in METHODS:
        raise ValueError(f"a method must be one of {', '.join(METHODS)}, got {method!r}")
    with torch.enable_grad(), _tapped(network) as taps:
        logits = network(pixels).sum(0)[:outputs]  # no face changes another's logits
        gradients = [torch.autograd.grad(logit, taps.activation, retain_graph=True)[0] for logit in logits]
    weights = torch.stack(gradients, 1)
    return (weights.mean((3, 4), keepdim=True).expand_as(weights) if method == GRADCAM else weights), taps


def _of_table(weights: Tensor) -> Tensor:
    """What each element weighs in the score of each emotion by Table 2, (B, 7, C, 6, 6) of (B, 13, C, 6, 6)."""
    return torch.einsum("ea,bachw->bechw", emotion_rows(), weights)


def emotion_rows() -> Tensor:
    """What each AU's logit adds to the score of each emotion by Table 2, (7, 13)."""
    rows = torch.from_numpy(PROTOTYPES).clone()
    rows[NEUTRAL] = -1
    return rows


def _evidence(weights: Tensor, activation: Tensor) -> npt.NDArray[np.float32]:
    """Maps (B, scores, 6, 6) of weights (B, scores, C, 6, 6) and activation (B, C, 6, 6)."""
    return torch.relu((weights * activation[:, None]).sum(2)).numpy()


@dataclass
class _Taps:
    """What one pass of a network gave on its way.

    Attributes:
        activation: The last convolution's, (B, C, 6, 6); the logits' gradients reach it.
        gates: Spatial gates, (B, 1, H, W) each.
    """

    activation: Tensor = field(default_factory=lambda: torch.empty(0))
    gates: list[Tensor] = field(default_factory=list)


@contextmanager
def _tapped(network: nn.Module) -> Iterator[_Taps]:
    """Record one pass of a network."""
    taps = _Taps()
    pools = 0

    def before_pool(_module: nn.Module, inputs: tuple[Any]) -> tuple[Any] | None:
        """Cut the graph before the last pooling: what comes after is all that gradients must cross."""
        nonlocal pools
        pools += 1
        if pools < POOLS:
            return None
        (x,) = inputs
        if isinstance(x, Tensor):
            taps.activation = x.detach().requires_grad_()
            return (taps.activation,)
        taps.activation = x.value.detach().requires_grad_()  # a QuantTensor, whose scale the next layer needs
        return (x.set(value=taps.activation),)

    assert isinstance(network.pool, nn.Module)
    handles = [network.pool.register_forward_pre_hook(before_pool)]
    for block in (network.attention1, network.attention2):
        assert isinstance(block, nn.Module)
        if isinstance(block, nn.Identity):
            continue
        if isinstance(network, QuantCbamCnn):
            gate = block.get_submodule("spatial_gate_q")
            handles.append(gate.register_forward_hook(lambda _m, _i, result: taps.gates.append(result)))
        else:
            gate = block.get_submodule("spatial")
            handles.append(gate.register_forward_hook(lambda _m, _i, result: taps.gates.append(torch.sigmoid(result))))
    try:
        yield taps
    finally:
        for handle in handles:
            handle.remove()
