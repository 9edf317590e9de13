# SPDX-License-Identifier: Apache-2.0
"""Starts: a network without emotion outputs answers its emotions all the same once it has them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from board.core.facs import AUS, nearest_emotions
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import FLOAT, PRESETS
from qnn.network.quantized import QuantCbamCnn
from qnn.training.starting import begin, begin_at_shares, widened

NARROW, WIDE = Architecture(divisor=8), Architecture(divisor=8, emotions=7)


def pixels() -> torch.Tensor:
    return torch.rand(32, 3, 48, 48, generator=torch.Generator().manual_seed(1)) * 255


def test_emotion_outputs_answer_as_table_2_did() -> None:
    torch.manual_seed(0)
    before, after = CbamCnn(NARROW).eval(), CbamCnn(WIDE).eval()
    fresh = after.fc3.weight.detach().clone()
    after.load_state_dict(widened(before.state_dict(), after.state_dict()))
    with torch.no_grad():
        aus, both = before(pixels()), after(pixels())
    assert both[:, 13:].argmax(1).tolist() == nearest_emotions(aus.numpy()).tolist()
    assert torch.equal(after.fc3.weight[:13], fresh[:13])
    assert widened(after.state_dict(), before.state_dict() | after.state_dict()).keys() == after.state_dict().keys()


def test_a_quantized_start_of_the_same_bits_brings_its_scales() -> None:
    torch.manual_seed(0)
    before, after = QuantCbamCnn(NARROW, PRESETS["w4a4"]), QuantCbamCnn(WIDE, PRESETS["tiny"])
    other = QuantCbamCnn(WIDE, PRESETS["w2a2"])
    with torch.no_grad():
        for _ in range(42):
            before.train()(pixels()[:4])  # its scales are set
        before.eval()
        for network, same in ((after, True), (other, False)):
            network.load_quantized(before, widened(before.state_dict(), network.state_dict()))
            assert network.has_scales == same
            assert (network.state_dict().keys() == before.state_dict().keys()) == same
        aus, both = before(pixels()), after.eval()(pixels())
    scales = [float(each.conv2_q.act_quant.scale().detach()) for each in (before, after)]
    assert scales[0] == scales[1]
    agree = (both[:, 13:].argmax(1) == torch.from_numpy(nearest_emotions(aus.numpy()))).float().mean()
    assert agree > 0.5  # but for fc3's own quantizer, which sums have to pass


def test_aus_begin_at_their_mean_label() -> None:
    model = CbamCnn(WIDE)
    labels = torch.full((4, 13), 0.2)
    labels[:, 1], labels[:, 2], labels[0, 0] = torch.nan, 0.0, torch.nan
    begin_at_shares(model, labels)
    found = torch.sigmoid(model.fc3.bias.detach()[:13])
    assert found[:4].tolist() == pytest.approx([0.2, 0.01, 0.01, 0.2], rel=1e-5)


def test_only_the_emotion_outputs_may_be_missing(tmp_path: Path) -> None:
    path, card = tmp_path / "narrow.safetensors", Card(FLOAT, NARROW)
    checkpoint.save(path, CbamCnn(NARROW), card)
    assert begin(path, Card(FLOAT, WIDE), FLOAT)[1].architecture == NARROW
    with pytest.raises(ValueError, match=r"got divisor=8 emotions=0 in .* and divisor=4 emotions=7 asked for"):
        begin(path, Card(FLOAT, Architecture(divisor=4, emotions=7)), FLOAT)
    odd = Card(FLOAT, NARROW, tuple(reversed(AUS)))
    checkpoint.save(path, CbamCnn(NARROW), odd)
    with pytest.raises(ValueError, match="got emotions=0 in"):
        begin(path, Card(FLOAT, WIDE), FLOAT)
