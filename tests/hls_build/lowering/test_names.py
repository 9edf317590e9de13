# SPDX-License-Identifier: Apache-2.0
"""A layer keeps its name from torch to RTL, up to `identifier`."""

import re
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from torch import nn

from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.gate import Gate
from board.core.layers.threshold import Threshold
from board.core.node import identifier
from hls_build.compiler import compile_graph, lower_file
from hls_build.config.build import BUILDS, load_build
from hls_build.rtl import stitch
from qnn.export.export import MODEL, export, frozen_network
from qnn.export.qonnx_graph import layers

ROOT = Path(__file__).parents[3]


def named(network: nn.Module, *kinds: type[nn.Module]) -> set[str]:
    """Identifiers of a network's modules of some types."""
    return {identifier(name) for name, module in network.named_modules() if isinstance(module, kinds)}


@dataclass(frozen=True)
class Forms:
    """One network in torch, QONNX, integers and RTL (the names of the top's instances)."""

    network: nn.Module
    model: onnx.ModelProto
    graph: IntegerGraph
    instances: set[str]


@pytest.fixture(scope="module", params=["tiny", "w4a4"])
def forms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Forms:
    out = tmp_path_factory.mktemp(request.param)
    checkpoint = ROOT / "qnn" / "checkpoints" / f"{request.param}.safetensors"
    export(checkpoint, out)
    graph = lower_file(out / MODEL)
    build = load_build(BUILDS / f"pynq-z2_{request.param}.toml")
    stitch.stitch(compile_graph(graph, build), out / "rtl", build.board.part, build.clk_period_ns)
    top = (out / "rtl" / f"{stitch.TOP}.sv").read_text()
    instances = {module for module, instance in re.findall(r"^  (\w+) (\w+)_i \($", top, re.M) if module == instance}
    return Forms(frozen_network(checkpoint)[0], onnx.load(out / MODEL), graph, instances)


def test_a_layer_is_called_alike_from_torch_to_rtl(forms: Forms) -> None:
    quantizers = {node.name for node in forms.graph.nodes if isinstance(node, Threshold | Gate)}
    weighted = {node.name for node in forms.graph.nodes if isinstance(node, Conv)}
    assert quantizers | {"pixels_q"} == named(forms.network, QuantIdentity)  # the pixels are quantized already
    assert quantizers | {"pixels_q"} == {identifier(layer) for layer in layers(forms.model)}
    assert weighted == named(forms.network, QuantConv2d, QuantLinear)
    assert quantizers | weighted <= forms.instances


def test_layers_without_a_module_are_called_after_what_they_serve(forms: Forms) -> None:
    others = [node.name for node in forms.graph.nodes if not isinstance(node, Conv | Threshold | Gate)]
    assert others == [
        "pool1", "conv3_q_fork", "attention1_channel_descriptors", "attention1_fc2_sum", "attention1_channel_q_fork",
        "attention1_spatial_descriptors", "pool2", "pool3", "pool4", "pool4_fork", "attention2_channel_descriptors",
        "attention2_fc2_sum", "attention2_channel_q_fork", "attention2_spatial_descriptors", "flatten",
    ]  # fmt: skip
    assert set(others) - {"flatten"} <= forms.instances
    in_onnx = {identifier(node.name) for node in forms.model.graph.node}
    assert {name for name in others if not name.endswith("_fork")} <= in_onnx
