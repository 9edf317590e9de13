# SPDX-License-Identifier: Apache-2.0
"""What a stage starts from: a checkpoint of its architecture, or one without emotion outputs, which it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from board.core.facs import AUS, PROTOTYPES
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture, CbamCnn
from qnn.network.quantized import QuantCbamCnn

OUTPUT_WEIGHT, OUTPUT_BIASES = "fc3.weight", ("fc3.bias", "fc3_bias")
"""Names of the last layer's parameters, whose rows are the outputs: the bias as in the float or quantized network."""
LEAST_SHARE = 0.01
"""Of faces with an AU, as far as the first bias goes."""


def begin(path: Path, card: Card, preset: str | None = None) -> tuple[CbamCnn | QuantCbamCnn, Card]:
    """A checkpoint to start from, and its card.

    Raises:
        ValueError: Neither the card's architecture nor, for Table 2's AUs, the same without emotion outputs.
    """
    model, found = checkpoint.load(path, preset)
    narrow = replace(card.architecture, emotions=0)
    if found.architecture != card.architecture and not (found.architecture == narrow and found.aus == AUS):
        named = [field.name for field in fields(card.architecture)]
        unlike = [name for name in named if getattr(found.architecture, name) != getattr(card.architecture, name)]
        raise ValueError(
            f"a start must have the architecture that is trained, got {_listed(found.architecture, unlike)} in {path}"
            f" and {_listed(card.architecture, unlike)} asked for: start from another checkpoint, or train that"
            " architecture"
        )
    return model, found


def _listed(architecture: Architecture, names: Sequence[str]) -> str:
    """Some of its values, by name."""
    return " ".join(f"{name}={getattr(architecture, name)}" for name in names)


def widened(state: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state whose last layer has the outputs of a fresh network.

    The AUs of a network without emotion outputs are Table 2's: its emotions' logits are sums over them, and so become
    emotion outputs that answer the same. The AU outputs begin anew.

    Args:
        state: Of the network to start from; one of the same outputs comes back as it is.
        fresh: Of an untrained network.
    """
    if len(state[OUTPUT_WEIGHT]) == len(fresh[OUTPUT_WEIGHT]):
        return dict(state)
    sums = torch.from_numpy(PROTOTYPES)  # (7, 13)
    wide = {name: value for name, value in state.items() if not name.startswith("fc3.weight_quant.")}
    for name in (OUTPUT_WEIGHT, *OUTPUT_BIASES):
        if name in state:
            own = fresh[name if name in fresh else next(each for each in OUTPUT_BIASES if each in fresh)]
            wide[name] = torch.cat([own[: len(AUS)], sums @ state[name]])
    return wide


@torch.no_grad()
def begin_at_shares(model: nn.Module, labels: Tensor) -> None:
    """Let AU outputs that begin anew answer each AU's mean label (N, AUs) where all else says nothing."""
    shares = labels.nanmean(0).nan_to_num(LEAST_SHARE).clamp(LEAST_SHARE, 1 - LEAST_SHARE)
    bias = next(value for name, value in model.named_parameters() if name in OUTPUT_BIASES)
    bias[: len(shares)] = torch.logit(shares)
