# SPDX-License-Identifier: Apache-2.0
"""Checkpoints at the edge: dead, huge and saturated weights compile to the same integers, others are one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from quantized_networks import save_network, varied_faces
from torch import Tensor

from board.executors.numpy_executor import NumpyExecutor
from hls_build.compiler import compile_graph, lower_file
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.parity.executors import DataflowExecutor
from qnn.export import export
from qnn.export.executors import TorchExecutor
from qnn.network import checkpoint
from qnn.network.model import Architecture
from qnn.network.quantized import QuantCbamCnn

LAYERS = ("conv2", "conv3", "conv4", "conv5", "fc1", "fc2")
Edit = Callable[[QuantCbamCnn], None]


def all_of(value: float, *names: str) -> Edit:
    """Every element of some parameters."""

    def edit(network: QuantCbamCnn) -> None:
        for name in names:
            tensor(network, name).fill_(value)

    return edit


def one_of(value: float, name: str) -> Edit:
    """The first element of a parameter."""

    def edit(network: QuantCbamCnn) -> None:
        tensor(network, name).view(-1)[0] = value

    return edit


def times(factor: float, name: str) -> Edit:
    """A parameter, scaled."""

    def edit(network: QuantCbamCnn) -> None:
        tensor(network, name).mul_(factor)

    return edit


def tensor(network: QuantCbamCnn, name: str) -> Tensor:
    """A parameter or buffer by its name."""
    found: Tensor = dict([*network.named_parameters(), *network.named_buffers()])[name].data
    return found


def zero_channels(network: QuantCbamCnn) -> None:
    """An output of three layers and an input of a fourth that are nothing."""
    for name, channel in (("conv2", 0), ("conv3", 1), ("conv4", 1)):
        tensor(network, f"{name}.weight")[channel] = 0
    tensor(network, "conv5.weight")[:, 0] = 0


def extremes(network: QuantCbamCnn) -> None:
    """Every weight the largest or the smallest."""
    for name in LAYERS:
        weights = tensor(network, f"{name}.weight")
        weights.copy_(torch.where(weights >= 0, 1.0, -1.0) * weights.abs().max())


EXACT: Mapping[str, Edit] = {
    "negative gain": times(-1.0, "bn.weight"),
    "no gain": all_of(0.0, "bn.weight"),
    "one channel without gain": one_of(0.0, "bn.weight"),
    "huge gain": all_of(1e20, "bn.weight"),
    "no variance": all_of(0.0, "bn.running_var"),
    "huge offset": all_of(1e9, "bn.bias"),
    "channels of zeros": zero_channels,
    "a layer of zeros": all_of(0.0, "conv4.weight"),
    "weights at their ends": extremes,
    "huge bias": all_of(1e6, "conv2.bias"),
    "a bias beyond 32 bits": all_of(1e12, "conv2.bias"),
    "no ReLU ever open": all_of(-1e5, "conv2.bias", "conv4.bias"),
    "one channel never open": one_of(-1e4, "conv1.bias"),
    "weights next to nothing": times(1e-30, "conv3.weight"),
}
REFUSED: Mapping[str, tuple[Edit, str]] = {
    "infinite gain": (one_of(np.inf, "bn.weight"), "weights must be finite, got inf in bn.weight of checkpoint"),
    "negative variance": (all_of(-1.0, "bn.running_var"), "a variance must not be negative, got -1 in bn.running_var"),
    "NaN weight": (one_of(np.nan, "conv3.weight"), "weights must be finite, got nan in conv3.weight of checkpoint"),
    "infinite weight": (one_of(np.inf, "conv3.weight"), "weights must be finite, got inf in conv3.weight"),
    "NaN bias": (one_of(np.nan, "fc1.bias"), "weights must be finite, got nan in fc1.bias"),
    "NaN mean": (one_of(np.nan, "bn.running_mean"), "weights must be finite, got nan in bn.running_mean"),
    "NaN in the last bias": (one_of(np.nan, "fc3_bias"), "weights must be finite, got nan in fc3_bias"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("trained"), Architecture(5, attention=False, divisor=8), "w4a4")


def edited(trained: Path, edit: Edit, folder: Path) -> Path:
    """A copy of the checkpoint with other weights."""
    network, card = checkpoint.load(trained, "w4a4")
    assert isinstance(network, QuantCbamCnn)
    with torch.no_grad():
        edit(network)
    checkpoint.save(folder / "edited.safetensors", network, card)
    return folder / "edited.safetensors"


QUICK = tuple(EXACT)[:4]
"""Of the default run."""


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXACT]
)
def test_they_are_exact(name: str, trained: Path, tmp_path: Path) -> None:
    path = edited(trained, EXACT[name], tmp_path)
    export.export(path, tmp_path / "out")
    graph = lower_file(tmp_path / "out" / export.MODEL)
    faces = varied_faces(6)
    expected = TorchExecutor(export.frozen_network(path)[0]).accumulators(faces)
    np.testing.assert_array_equal(NumpyExecutor(graph).accumulators(faces), expected)
    dataflow = compile_graph(graph, BuildConfig("edge", "w4a4", load_board("Pynq-Z2"), 100.0))
    np.testing.assert_array_equal(DataflowExecutor(dataflow).accumulators(faces[-3:]), expected[-3:])


@pytest.mark.parametrize("name", REFUSED)
def test_they_are_refused_in_a_sentence(name: str, trained: Path, tmp_path: Path) -> None:
    edit, said = REFUSED[name]
    with pytest.raises(ValueError, match=said) as caught:
        export.export(edited(trained, edit, tmp_path), tmp_path / "out")
    assert "\n" not in str(caught.value)
