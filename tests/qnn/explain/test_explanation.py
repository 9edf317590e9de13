# SPDX-License-Identifier: Apache-2.0
"""Heat maps are what their formulas say, gates are the network's own, and pictures show both, float and quantized."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from commands import refused, run_cli
from quantized_networks import calibrated_network
from torch import nn

from board.core.facs import AUS, EMOTIONS
from board.executors.executor import planes
from board.faces.crop import Box, cut_face
from board.faces.load import locate_face
from board.sources.pictures import read_picture
from qnn.data.example import example_faces, example_picture
from qnn.data.finder import finder
from qnn.evaluation.measuring import load_network
from qnn.explain import heatmaps
from qnn.explain.explanation import METHODS, Explanation, emotion_rows, explain
from qnn.explain.heatmaps import SHOWN_PX, enlarged, explain_pictures, overlay, panels
from qnn.network.checkpoint import Card
from qnn.network.inference import batch_logits
from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import shipped_checkpoint
from qnn.network.quantized import QuantCbamCnn

TINY = Architecture(divisor=8)
PLAIN = Architecture(attention=False, divisor=8)


def float_network(architecture: Architecture = TINY) -> CbamCnn:
    torch.manual_seed(3)
    return CbamCnn(architecture).eval()


def network(kind: str) -> tuple[nn.Module, Card]:
    """A float or a quantized network, with and without attention."""
    architecture = PLAIN if kind.endswith("plain") else TINY
    if kind.startswith("float"):
        return float_network(architecture), Card("float", architecture)
    return calibrated_network(architecture, "w4a4").freeze(), Card("w4a4", architecture)


@pytest.fixture(scope="module", params=["float", "float-plain", "quantized", "quantized-plain"])
def explained(request: pytest.FixtureRequest) -> tuple[nn.Module, Card, Explanation]:
    """Each kind of network with its explanation of the example face."""
    model, card = network(request.param)
    return model, card, explain(model, card, example_faces()[0])


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example picture as a file."""
    path = tmp_path_factory.mktemp("picture") / "astronaut.png"
    assert cv2.imwrite(str(path), cv2.cvtColor(example_picture(), cv2.COLOR_RGB2BGR))
    return path


def conv5_activation(model: CbamCnn, pixels: torch.Tensor) -> torch.Tensor:
    """The last convolution's maps after ReLU, (1, C, 6, 6), by the float network's own layers."""
    x = torch.relu(model.conv2(torch.relu(model.conv1(pixels / 256))))
    x = model.bn(torch.relu(model.conv3(model.pool(x))))
    x = torch.relu(model.conv4(model.pool(model.attention1(x))))
    return torch.relu(model.conv5(model.pool(x)))


def rest(model: CbamCnn, activation: torch.Tensor) -> torch.Tensor:
    """Logits from those maps."""
    x = model.attention2(model.pool(activation)).flatten(1)
    return model.fc3(torch.relu(model.fc2(torch.relu(model.fc1(x)))))[0]


@pytest.mark.parametrize("method", METHODS)
def test_maps_by_finite_differences(method: str) -> None:
    """The weight of a pixel is how the logit changes when it rises; Grad-CAM's the mean of these over the map."""
    model = float_network().double()
    face = example_faces()[0]
    with torch.no_grad():
        nn.init.constant_(
            model.get_parameter("conv5.bias"), 1
        )  # no pixel is 0, where pooling would have a choice between equals
        activation = conv5_activation(model, torch.from_numpy(planes(face[np.newaxis])).double())
        base, step = rest(model, activation), 1e-7
        weights = torch.zeros(len(base), *activation.shape[1:], dtype=torch.float64)
        for channel, row, column in np.ndindex(*activation.shape[1:]):
            moved = activation.clone()
            moved[0, channel, row, column] += step
            weights[:, channel, row, column] = (rest(model, moved) - base) / step
        if method == "Grad-CAM":
            weights[:] = weights.mean((2, 3), keepdim=True)
        expected = torch.relu(torch.einsum("achw,chw->ahw", weights, activation[0])).numpy()
    found = explain(model.float(), Card("float", TINY), face, method).au_maps
    assert expected.max() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max())


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_a_linear_head_by_hand(method: str) -> None:
    """With pooling that averages and a linear rest, a pixel's weight is a quarter of its head weight."""

    class Linear(nn.Module):
        """Four poolings before a linear head; the last one's input is the picture's brightness, shrunk."""

        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.AvgPool2d(2)
            self.attention1 = self.attention2 = nn.Identity()
            self.head = nn.Linear(27, 2, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(4):
                x = self.pool(x)
            return self.head(x.flatten(1))

    torch.manual_seed(0)
    model = Linear()
    face = example_faces(colour="rgb")[0]
    found = explain(model, Card("float", Architecture(2, False, 8), (1, 2), colour="rgb"), face, method)
    activation = face.astype(np.float64).reshape(6, 8, 6, 8, 3).mean((1, 3))  # (6, 6, 3)
    weights = model.head.weight.detach().numpy().reshape(2, 3, 3, 3).repeat(2, 2).repeat(2, 3) / 4
    if method == "Grad-CAM":
        weights = np.broadcast_to(weights.mean((2, 3), keepdims=True), weights.shape)
    else:  # all of the evidence, for and against, is the logit
        signed = np.einsum("achw,hwc->a", weights, activation)
        np.testing.assert_allclose(signed, model(torch.from_numpy(planes(face[np.newaxis])))[0].detach(), rtol=1e-4)
    expected = np.maximum(np.einsum("achw,hwc->ahw", weights, activation), 0)
    np.testing.assert_allclose(found.au_maps, expected, rtol=1e-4, atol=1e-4)
    assert found.emotions is None and found.emotion_maps is None and found.emotion is None


def test_another_method_is_refused() -> None:
    with pytest.raises(ValueError, match="a method must be one of HiResCAM, Grad-CAM, got 'LIME'"):
        explain(float_network(), Card("float", TINY), example_faces()[0], "LIME")


def test_every_kind_of_network_is_explained(explained: tuple[nn.Module, Card, Explanation]) -> None:
    _, card, found = explained
    assert found.au_maps.shape == (13, 6, 6)
    assert found.emotion_maps is not None and found.emotion_maps.shape == (7, 6, 6)
    assert (found.au_maps >= 0).all() and (found.au_maps.max((1, 2)) > 0).sum() > 4  # gradients do flow
    shapes = [(24, 24), (3, 3)] if card.architecture.attention else []
    assert [gate.shape for gate in found.gates] == shapes


def test_probabilities_are_the_deployed_networks(explained: tuple[nn.Module, Card, Explanation]) -> None:
    model, _, found = explained
    logits = batch_logits(model, torch.from_numpy(planes(example_faces())))[0]
    np.testing.assert_array_equal(found.probabilities, 0.5 * (1 + np.tanh(0.5 * logits)))
    np.testing.assert_array_equal(found.present, found.probabilities >= 0.5)


def test_the_cards_thresholds_decide_what_is_present() -> None:
    model = float_network()
    half = explain(model, Card("float", TINY), example_faces()[0])
    thresholds = tuple(float(p) for p in np.where(np.arange(13) % 2, half.probabilities, half.probabilities + 1e-9))
    found = explain(model, Card("float", TINY, thresholds=thresholds), example_faces()[0])
    assert found.present.tolist() == [bool(index % 2) for index in range(13)]


def test_explaining_leaves_the_network_as_it_was(explained: tuple[nn.Module, Card, Explanation]) -> None:
    model, card, first = explained
    again = explain(model, card, example_faces()[0])
    np.testing.assert_array_equal(again.au_maps, first.au_maps)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("kind", ["float", "quantized"])
def test_gates_are_the_networks_own(kind: str) -> None:
    """Each block's output is its channel-gated input times the gate: what the gate says is what was applied."""
    model, card = network(kind)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    for block in (model.attention1, model.attention2):
        assert isinstance(block, nn.Module)
        if kind == "quantized":
            quantizer = block.get_submodule("spatial_q")
            gated = block.get_submodule("channel_q")
            outputs: list[torch.Tensor] = []
            gated.register_forward_hook(lambda _m, _i, result, kept=outputs: kept.append(result))
            quantizer.register_forward_pre_hook(lambda _m, inputs, kept=outputs: seen.append((kept[-1], inputs[0])))
        else:
            block.register_forward_hook(lambda m, inputs, result: seen.append((channel_gated(m, inputs[0]), result)))
    with torch.no_grad():
        model(torch.from_numpy(planes(example_faces())))
    passed = list(seen)
    gates = explain(model, card, example_faces()[0]).gates
    for gate, (before, after) in zip(gates, passed, strict=True):
        product = before[0] * torch.from_numpy(gate)
        assert before.abs().max() > 0
        torch.testing.assert_close(product, after[0].detach(), rtol=0, atol=0)


def channel_gated(block: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the float block's channel attention leaves of x."""
    descriptors = torch.stack([x.mean((2, 3)), x.amax((2, 3))], 1)
    hidden = torch.relu(block.get_submodule("fc1")(descriptors))
    return x * torch.sigmoid(block.get_submodule("fc2")(hidden).sum(1))[:, :, None, None]


def test_an_emotions_score_is_the_sum_of_its_aus() -> None:
    rows = emotion_rows().numpy()
    happiness = rows[EMOTIONS.index("happiness")]
    assert [au for au, on in zip(AUS, happiness, strict=True) if on] == [6, 12]
    assert (rows[EMOTIONS.index("neutral")] == -1).all()  # evidence against every AU
    model = float_network()
    found = explain(model, Card("float", TINY), example_faces()[0])
    assert found.emotions is not None and found.emotions.sum() == pytest.approx(1)
    assert found.emotion == EMOTIONS[int(found.emotions.argmax())]


def test_an_emotion_of_its_own_has_its_own_logit_s_evidence() -> None:
    """The same weights under a card of twenty AUs: maps of outputs 14 to 20 are the emotions'."""
    plain = Architecture(aus=20, divisor=8)
    model = float_network(plain)
    face, card = example_faces()[0], Card("float", Architecture(divisor=8, emotions=7), validity=("rendered",) * 13)
    found = explain(model, card, face)
    every = explain(model, Card("float", plain, tuple(range(20))), face)
    assert found.emotion_maps is not None and found.emotion_maps.max() > 0
    np.testing.assert_array_equal(found.emotion_maps, every.au_maps[13:])
    np.testing.assert_array_equal(found.au_maps, every.au_maps[:13])
    assert found.emotions is not None and found.emotions.sum() == pytest.approx(1)
    logits = model(torch.from_numpy(planes(face[np.newaxis])))[0]
    assert found.emotion == EMOTIONS[int(logits[13:].argmax())]
    assert found.summary().endswith(f"present; emotion {found.emotion}")
    content = found.to_json()
    assert content["emotion_outputs"] and set(content["validity"].values()) == {"rendered"}
    assert found.names[0] == "AU1*" and found.remark == "* learned from rendered faces alone"


def test_the_paper_s_network_sees_the_smile() -> None:
    model, card = load_network(shipped_checkpoint("w4a4-paper"))
    found = explain(model, card, example_faces()[0])
    assert found.emotion == "happiness"
    assert set(found.ranked(2)) == {6, 12}
    smile = found.au_maps[AUS.index(12)]
    assert smile[2:].sum() > smile[:2].sum()  # below the eyes
    assert "AU12" in found.summary() and "happiness" in found.summary()


def test_an_overlay_has_the_faces_shape_and_the_maps_colours() -> None:
    face = np.full((90, 120, 3), 128, np.uint8)
    heat = np.array([[0, 1], [0, 0]], np.float32)
    shown = overlay(face, heat)
    assert (shown.shape, shown.dtype) == (face.shape, np.uint8)
    red, green, blue = shown[5, 110].astype(int)
    assert red > blue + 30 and red > green + 30  # warm where there is most
    red, green, blue = shown[85, 5].astype(int)
    assert blue > green  # cold where there is nothing
    np.testing.assert_array_equal(overlay(face, np.zeros((6, 6), np.float32)), face)  # no evidence leaves the face
    squares = overlay(face, heat, smooth=False)
    assert len(np.unique(squares.reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("heat", [np.full((3, 3), 1.5), np.full((3, 3), np.nan), np.zeros(9), -np.ones((3, 3))])
def test_a_map_that_is_none_is_refused(heat: np.ndarray) -> None:
    with pytest.raises(ValueError, match="heat must be finite numbers"):
        overlay(np.zeros((48, 48, 3), np.uint8), heat.astype(np.float32))


def test_the_shown_square_is_the_networks() -> None:
    picture = example_picture()
    (face,) = finder().search_still(picture)
    for square in (face.box, Box(-20, -10, 200), Box(400, 450, 150)):  # also beyond the picture's edges
        shown = enlarged(picture, square, face.roll_deg)
        assert shown.shape == (SHOWN_PX, SHOWN_PX, 3)
        small = cv2.resize(shown, (48, 48), interpolation=cv2.INTER_AREA)
        difference = np.abs(small.astype(int) - cut_face(picture, square, colour="rgb", roll_deg=face.roll_deg))
        assert difference.mean() < 2


def test_the_crop_margin_of_the_card_is_explained_and_shown(astronaut: Path) -> None:
    """Both were cut without it once, whatever the network was trained on."""
    model, picture = float_network(), example_picture()
    card = Card("float", TINY, colour="rgb", crop_margin=0.3)
    (shown,) = explain_pictures(model, card, [astronaut], (12,))
    (face,) = finder().search_still(picture)
    cut = cut_face(picture, face.box, 0.3, "rgb", face.roll_deg)
    expected = explain(model, card, cut)
    np.testing.assert_array_equal(shown.explanation.au_maps, expected.au_maps)
    small = cv2.resize(shown.picture, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - cut).mean() < 2


def test_a_small_picture_is_a_face(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    face = example_faces(colour="rgb")[0]
    cv2.imwrite(str(path), cv2.cvtColor(face, cv2.COLOR_RGB2BGR))
    picture, found = locate_face(path, finder().search_still)
    np.testing.assert_array_equal(cut_face(picture, found.box, colour="rgb"), face)


def test_panels_are_the_emotion_the_aus_and_the_gates(astronaut: Path) -> None:
    model, card = float_network(), Card("float", TINY)
    (shown,) = explain_pictures(model, card, [astronaut], (12, 1))
    keys = [panel.key for panel in panels(shown)]
    assert keys == [shown.explanation.emotion, "AU12", "AU1", "attention1", "attention2"]
    assert all(panel.overlay.shape == (SHOWN_PX, SHOWN_PX, 3) for panel in panels(shown))
    title = panels(shown)[1].title
    assert f"AU12 {shown.explanation.probabilities[AUS.index(12)]:.2f}" in title and "Lip corner puller" in title
    (by_default,) = explain_pictures(model, card, [astronaut])
    assert len(by_default.aus) == max(3, int(by_default.explanation.present.sum()))


def test_pictures_of_one_name_do_not_overwrite_each_other(astronaut: Path) -> None:
    shown = explain_pictures(float_network(), Card("float", TINY), [astronaut] * 3, (12,))
    assert [one.name for one in shown] == ["astronaut", "astronaut-2", "astronaut-3"]


def test_many_faces_fill_several_figures(astronaut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmaps, "ROWS", 2)
    shown = explain_pictures(float_network(PLAIN), Card("float", PLAIN), [astronaut] * 3, (12,))
    assert [path.name for path in heatmaps.write(shown, tmp_path)] == ["figure_1.png", "figure_2.png"]


def test_the_command_writes_pictures_and_numbers(astronaut: Path, tmp_path: Path) -> None:
    ran = run_cli(
        "explain",
        astronaut,
        "--checkpoint",
        "w4a4-paper",
        "--out",
        tmp_path / "deep" / "out",
        "--aus",
        "12,6",
        "--json",
    )
    assert ran.status == 0, ran.stderr
    assert "astronaut: AU6 1.00, AU12 1.00 present; nearest emotion happiness" in ran.stdout
    out = tmp_path / "deep" / "out"
    parts = ["AU12", "AU6", "attention1", "attention2", "happiness"]
    expected = {*(f"astronaut_{part}.png" for part in parts), "figure.png", "explanation.json"}
    assert {path.name for path in out.iterdir()} == expected
    assert read_picture(out / "astronaut_AU12.png").shape == (SHOWN_PX, SHOWN_PX, 3)
    height, width = read_picture(out / "figure.png").shape[:2]
    assert width > 2 * height  # one row of six
    content = json.loads((out / "explanation.json").read_text())["astronaut"]
    assert content["present"] == ["AU6", "AU12"]
    assert np.array(content["au_maps"]["AU12"]).shape == (6, 6)
    assert np.array(content["spatial_gates"][0]).shape == (24, 24)


@pytest.mark.parametrize(
    ("image", "options", "said"),
    [
        ("blank.png", (), "a picture must show a face, found none in"),
        ("missing.png", (), "a picture must be a file, got"),
        ("astronaut.png", ("--aus", "12,99"), r"the AUs of this checkpoint are 1, 2, .*, got 99"),
        ("astronaut.png", ("--aus", "smile"), "AUs must be FACS numbers with commas between"),
        ("astronaut.png", ("--checkpoint", "none.safetensors"), "no checkpoint at"),
    ],
)
def test_bad_input_is_one_sentence(
    astronaut: Path, tmp_path: Path, image: str, options: tuple[str, ...], said: str
) -> None:
    cv2.imwrite(str(astronaut.parent / "blank.png"), np.full((200, 200, 3), 200, np.uint8))
    if "--checkpoint" not in options:
        options = (*options, "--checkpoint", str(shipped_checkpoint("tiny")))
    assert re.search(said, refused("explain", astronaut.parent / image, "--out", tmp_path / "out", *options))
    assert not (tmp_path / "out").exists()


def test_a_quantized_network_is_explained_frozen() -> None:
    """An unfrozen network would read batch norm in another form than the one that is deployed."""
    model, _ = load_network(shipped_checkpoint("tiny"))
    assert isinstance(model, QuantCbamCnn) and not isinstance(model.bn, nn.BatchNorm2d)
