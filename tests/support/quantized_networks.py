# SPDX-License-Identifier: Apache-2.0
"""Random networks whose quantizers have seen faces: what the tests of this package export and compare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from brevitas.core.scaling import ParameterFromRuntimeStatsScaling
from torch import nn

from board.core.decoding import CODED, REAL_AND_RENDERED, RENDERED
from board.core.facs import AUS, EMOTIONS
from board.executors.executor import planes
from qnn.data.example import example_faces
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture
from qnn.network.presets import PRESETS
from qnn.network.quantized import QuantCbamCnn

FACES = 16
MAX_SEEDS = 30
CALIBRATION_STEPS = 6
SATURATION = 4
"""Activation scales are so much smaller than the largest value asks for: codes spread, and some saturate."""


def calibrated_network(architecture: Architecture, preset: str) -> QuantCbamCnn:
    """A random network that tells faces apart: of some seeds the first whose network does not go dead."""
    pixels = torch.from_numpy(planes(example_faces(FACES)))
    for seed in range(MAX_SEEDS):
        network = _random_network(architecture, preset, pixels, seed)
        with torch.no_grad():
            distinct = len(network.accumulators(pixels).unique(dim=0))
        if distinct >= FACES - 2:
            return network
    raise AssertionError(f"all of {MAX_SEEDS} random networks are dead")


def _random_network(architecture: Architecture, preset: str, pixels: torch.Tensor, seed: int) -> QuantCbamCnn:
    """Random weights and biases, batch norm gains of either sign, and scales that fit some faces."""
    torch.manual_seed(seed)
    network = QuantCbamCnn(architecture, PRESETS[preset])
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=0.1)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias, std=0.3)
                module.momentum = 0.9  # a few steps are all it gets
        nn.init.normal_(network.fc3_bias)
        network.train()
        for _ in range(CALIBRATION_STEPS):
            network(pixels)
        for module in network.modules():
            if isinstance(module, ParameterFromRuntimeStatsScaling):
                module.buffer /= SATURATION
    return network.eval()


def save_network(folder: Path, architecture: Architecture, preset: str) -> Path:
    """A checkpoint of a calibrated network."""
    path = folder / f"{preset}.safetensors"
    checkpoint.save(path, calibrated_network(architecture, preset), Card(preset, architecture, AUS[: architecture.aus]))
    return path


def varied_faces(count: int, seed: int = 0) -> np.ndarray:
    """Real faces, and at their end noise, black and white: uint8 (count, 48, 48, 3)."""
    faces = example_faces(count, seed)
    faces[-1], faces[-2] = 255, 0
    faces[-3] = np.random.default_rng(seed).integers(0, 256, faces[-3].shape)
    return faces


def save_with_emotions(folder: Path) -> Path:
    """A checkpoint of a tiny network with outputs for emotions, calibrated, whose AUs learned from different faces."""
    architecture = Architecture(divisor=PRESETS["tiny"].divisor, emotions=len(EMOTIONS))
    of_aus = [(0.25 + index / 16, (index % 5 - 2) / 8) for index in range(len(AUS))]
    of_emotions = [(4.0, -8.0 if name == "neutral" else 0.0) for name in EMOTIONS]  # none is shown by all faces
    learned = tuple((REAL_AND_RENDERED, RENDERED, CODED)[index % 3] for index in range(len(AUS)))
    thresholds = tuple(0.3 + index / 32 for index in range(len(AUS)))
    card = Card("tiny", architecture, thresholds=thresholds, calibration=(*of_aus, *of_emotions), validity=learned)
    path = folder / "twenty.safetensors"
    checkpoint.save(path, calibrated_network(architecture, "tiny"), card)
    return path
