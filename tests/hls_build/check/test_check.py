# SPDX-License-Identifier: Apache-2.0
"""Untrained modules are judged node by node, and what has hardware is folded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import refused, run_cli

from hls_build.check.tracing import load_module, trace
from hls_build.check.verdicts import Checked, check
from hls_build.compiler import RULES

NETS = '''
import torch
from torch import nn
from brevitas.nn import QuantConv2d, QuantLinear, QuantReLU
from brevitas.quant import Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPoint
from qnn.network.quantized import fraction

WEIGHTS = dict(weight_quant=Int8WeightPerTensorFixedPoint, weight_bit_width=4, bias=False)


def activation():
    return QuantReLU(act_quant=Uint8ActPerTensorFixedPoint, bit_width=4)


class Net(nn.Module):
    """Everything in it has hardware."""

    def __init__(self, dilation=1, act=activation):
        super().__init__()
        self.pixels_q = fraction(8)
        self.conv1 = QuantConv2d(3, 4, 3, padding=1, **WEIGHTS)
        self.q1 = activation()
        self.pool = nn.MaxPool2d(2)
        self.conv2 = QuantConv2d(4, 8, 3, padding=1, dilation=dilation, **WEIGHTS)
        self.q2 = act()
        self.fc = QuantLinear(8 * (10 - 2 * dilation) ** 2, 5, **WEIGHTS)

    def forward(self, pixels):
        x = self.pool(self.q1(self.conv1(self.pixels_q(pixels / 256))))
        return self.fc(self.q2(self.conv2(x)).flatten(1))


class Two(Net):
    """A dilation that no kernel has, and no quantizer behind it: two layers are to blame, no third."""

    def __init__(self):
        super().__init__(2, nn.Sigmoid)


class Plain(nn.Module):
    """Of torch alone."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, pixels):
        return self.fc(torch.softmax(self.conv(pixels).amax((2, 3)), 1))


class Broken(nn.Module):
    def __init__(self, size):
        super().__init__()


def number():
    return 3


def leaves():
    raise SystemExit(3)
'''


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return path


def judged(path: Path, name: str) -> Checked:
    return check(trace(load_module(f"{path}:{name}"), (3, 16, 16)), RULES)


def test_a_network_with_hardware_for_all_becomes_an_integer_graph(nets: Path) -> None:
    found = judged(nets, "Net")
    assert found.refused == 0 and found.graph is not None, found
    names = [layer.name for layer in found.graph.nodes]
    assert names == ["pixels_q", "conv1", "q1", "pool", "conv2", "q2", "Reshape", "fc"]
    shapes = {one.node: one.shape for one in found.verdicts}
    assert (shapes["conv2"], shapes["pool"], shapes["fc"]) == ((1, 8, 8, 8), (1, 4, 8, 8), (1, 5))


def test_each_layer_is_blamed_for_its_own_and_no_other(nets: Path) -> None:
    found = judged(nets, "Two")
    told = {one.node: one.refusal for one in found.verdicts if one.refusal}
    assert list(told) == ["conv2", "Reshape"], told
    assert "dilations" in told["conv2"] and "not quantized" in told["Reshape"]
    assert found.graph is None and found.refused == 2


def test_a_network_without_quantizers_is_told_so_layer_by_layer(nets: Path) -> None:
    told = {one.node: one.refusal for one in judged(nets, "Plain").verdicts if one.refusal}
    assert "weights conv.weight that are not quantized" in told["conv"]
    assert "has no hardware, as every node of its type" in told["Softmax"]
    assert "not quantized" in told["fc"]


def test_the_command_folds_what_has_hardware(nets: Path, tmp_path: Path) -> None:
    ran = run_cli("check", f"{nets}:Net", "--input", 3, 16, 16, "--fps", 1000, 1e6, "--json", tmp_path / "check.json")
    assert ran.status == 0 and "every node has hardware" in ran.stdout, ran
    content = json.loads((tmp_path / "check.json").read_text())
    assert content["refused"] == 0 and {node["refusal"] for node in content["nodes"]} == {""}
    slow, fast = content["rates"]
    assert slow["fits"] and slow["frames_per_second"] >= 1000 and slow["resources"]["lut"] > 0
    assert not fast["fits"] and "cannot be that fast" in fast["why_not"]
    ours = ("--multiplier", "dsp", "--json", tmp_path / "ours.json")
    assert run_cli("check", f"{nets}:Net", "--input", 3, 16, 16, "--fps", 1000, *ours).status == 0
    (one,) = json.loads((tmp_path / "ours.json").read_text())["rates"]
    assert one["fits"] and one["resources"] != slow["resources"]
    assert run_cli("check", f"{nets}:Plain", "--input", 3, 16, 16).status == 1


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("nets.py", "a module must be named as FILE.py:NAME, got 'nets.py'"),
        ("none.py:Net", "a module must lie in a Python file, got none at none.py"),
        ("{nets}:Other", "must define Other, got nothing of this name"),
        ("{nets}:Broken", "must make a network without arguments, got TypeError"),
        ("{nets}:number", "must make a torch.nn.Module, got int"),
        ("{nets}:leaves", "must make a network without arguments, got SystemExit: 3"),
        ("{nets}:Net", "the network must take pixels (1, 3, 48, 48) and export, got"),
    ],
)
def test_what_is_no_network_is_refused_in_a_sentence(nets: Path, module: str, said: str) -> None:
    assert said in refused("check", module.format(nets=nets))
