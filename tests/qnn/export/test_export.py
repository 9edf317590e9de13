# SPDX-License-Identifier: Apache-2.0
"""torch, qonnx and ONNX Runtime compute the same integers from what export writes, for the whole family."""

from __future__ import annotations

import hashlib
import json
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from brevitas.nn import QuantIdentity
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from quantized_networks import save_network, varied_faces
from safetensors.torch import load_file, save_file

from board.core.files import sha256
from board.executors.executor import LayerExecutor, planes
from qnn.data.loading import load
from qnn.export import export as exporting
from qnn.export import sigmoids
from qnn.export.executors import OnnxLayerExecutor, QonnxExecutor, TorchExecutor
from qnn.export.export import export, frozen_network, read_report
from qnn.export.qonnx_graph import accumulator_bounds
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import CHECKPOINTS, FLOAT, shipped_checkpoint
from qnn.network.quantized import Affine, QuantCbamCnn

FAMILY = [
    ("w4a4", True, 13), ("w3a3", True, 7), ("w2a4", True, 12), ("w2a2", True, 5),
    ("w4a4", False, 7), ("w3a3", False, 13), ("w2a4", False, 5), ("w2a2", False, 12),
]  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """One network of the family, exported."""

    checkpoint: Path
    out: Path
    report: exporting.ExportReport
    network: QuantCbamCnn

    def executors(self) -> tuple[LayerExecutor, ...]:
        return executors(self.network, self.out)


def executors(network: QuantCbamCnn, out: Path) -> tuple[LayerExecutor, ...]:
    """Of an export, the network in torch first."""
    return TorchExecutor(network), QonnxExecutor(out / "model.onnx"), OnnxLayerExecutor(out / "standard.onnx")


def exported(folder: Path, preset: str, attention: bool, aus: int) -> Exported:
    path = save_network(folder, Architecture(aus, attention, divisor=8), preset)
    report = export(path, folder / "out")
    return Exported(path, folder / "out", report, frozen_network(path)[0])


@pytest.fixture(scope="module", params=FAMILY, ids=lambda p: f"{p[0]}-{'attention' if p[1] else 'plain'}-{p[2]}")
def member(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Each member of the family in turn."""
    return exported(tmp_path_factory.mktemp("member"), *request.param)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """One member for all that is the same in every member."""
    return exported(tmp_path_factory.mktemp("tiny"), "w4a4", True, 13)


def test_attention_in_the_output_is_the_spatial_gate(tiny: Exported, tmp_path: Path) -> None:
    """Every executor gives the accumulators and the codes of its own layer, and the models without stay as they are."""
    report = export(tiny.checkpoint, tmp_path, attention=True)
    assert (report.scale, report.accumulator_bounds) == (tiny.report.scale, tiny.report.accumulator_bounds)
    assert report.model_sha256 != tiny.report.model_sha256
    faces = varied_faces(24)
    expected, layers = TorchExecutor(tiny.network).accumulators(faces), TorchExecutor(tiny.network).layers(faces)
    codes = layers["attention1_spatial_gate_q"].reshape(24, -1)
    assert codes.shape == (24, 576) and (np.ptp(codes, axis=0) > 0).any()
    both = (
        TorchExecutor(tiny.network, attention=True),
        QonnxExecutor(tmp_path / "model.onnx"),
        OnnxLayerExecutor(tmp_path / "standard.onnx"),
    )
    np.testing.assert_array_equal(assert_equal(both, faces), np.concatenate([expected, codes], axis=1))


def test_attention_of_a_network_without_is_refused(tmp_path: Path) -> None:
    path = save_network(tmp_path, Architecture(5, False, divisor=8), "w4a4")
    with pytest.raises(ValueError, match="attention in the output needs a network with attention, got one without"):
        export(path, tmp_path / "out", attention=True)
    assert not list((tmp_path / "out").iterdir())


def assert_equal(executors: tuple[LayerExecutor, ...], faces: np.ndarray) -> np.ndarray:
    """Every executor gives the first one's integers, at every layer."""
    first, *others = executors
    expected, layers = first.accumulators(faces), first.layers(faces)
    for executor in others:
        np.testing.assert_array_equal(executor.accumulators(faces), expected, executor.name)
        found = executor.layers(faces)
        assert list(found) == list(layers)
        for layer, value in layers.items():
            assert value.dtype == np.int64 and value.shape[0] == len(faces) and value.ndim == 4, layer
            np.testing.assert_array_equal(found[layer], value, f"{executor.name}, {layer}")
    return expected


def test_every_executor_gives_the_same_integers(member: Exported) -> None:
    accumulators = assert_equal(member.executors(), varied_faces(24))
    assert accumulators.dtype == np.int64
    assert accumulators.shape == (24, len(member.report.aus))
    assert len(np.unique(accumulators, axis=0)) > 12  # the networks do look at the faces


def test_corrected_sigmoids_give_the_same_integers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigmoids, "_candidates", lambda: iter([np.float32(3e-4)]))
    member = exported(tmp_path, "w4a4", True, 13)
    assert [check.correction for check in member.report.sigmoids] == [float(np.float32(3e-4))] * 4
    assert member.report.corrected == 4
    ops = [node.op_type for node in onnx.load(member.out / "model.onnx").graph.node]
    assert ops.count("Add") == 5  # four corrections beside batch norm's offset
    assert_equal(member.executors(), varied_faces(12))


def test_exporting_twice_gives_the_same_bytes(tiny: Exported, tmp_path: Path) -> None:
    assert export(tiny.checkpoint, tmp_path) == tiny.report
    assert (tmp_path / "model.onnx").read_bytes() == (tiny.out / "model.onnx").read_bytes()


def test_the_folder_holds_three_files(tiny: Exported) -> None:
    assert sorted(path.name for path in tiny.out.iterdir()) == ["export.json", "model.onnx", "standard.onnx"]


def test_the_model_keeps_its_contract(tiny: Exported) -> None:
    model = onnx.load(tiny.out / "model.onnx")
    wrapper = ModelWrapper(model)
    assert [i.name for i in model.graph.input] == ["pixels"]
    assert [o.name for o in model.graph.output] == ["accumulators"]
    assert wrapper.get_tensor_shape("pixels") == [1, 3, 48, 48]
    assert wrapper.get_tensor_shape("accumulators") == [1, 13]
    assert wrapper.get_tensor_datatype("pixels").name == "UINT8"
    assert wrapper.check_all_tensor_shapes_specified()


def test_the_model_names_its_layers(tiny: Exported) -> None:
    model = onnx.load(tiny.out / "model.onnx")
    quants = {node.name: node.output[0] for node in model.graph.node if node.op_type == "Quant"}
    quantizers = {name for name, module in tiny.network.named_modules() if isinstance(module, QuantIdentity)}
    assert quantizers < set(quants)
    assert all(name == output for name, output in quants.items())
    assert {"conv1.weight", "conv1.bias", "attention2.fc2.weight", "fc3.weight"} < set(quants)
    assert len({node.name for node in model.graph.node}) == len(model.graph.node)


def test_the_model_says_nothing_of_where_it_was_made(tiny: Exported) -> None:
    for name in ("model.onnx", "standard.onnx"):
        content = (tiny.out / name).read_bytes()
        assert str(Path.cwd()).encode() not in content
        assert b"site-packages" not in content


def test_standard_onnx_uses_standard_operators_and_takes_any_batch(tiny: Exported) -> None:
    model = onnx.load(tiny.out / "standard.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert [entry.domain for entry in model.opset_import] == [""]
    session = onnxruntime.InferenceSession(tiny.out / "standard.onnx")
    expected = TorchExecutor(tiny.network).accumulators(varied_faces(7))
    for count in (1, 2, 7):
        (result,) = session.run(None, {"pixels": planes(varied_faces(7)[:count])})
        assert result.dtype == np.int32
        np.testing.assert_array_equal(result, expected[:count])


def test_optimising_standard_onnx_changes_nothing(tiny: Exported) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(tiny.out / "standard.onnx", options)
    faces = varied_faces(12)
    expected = OnnxLayerExecutor(tiny.out / "standard.onnx").accumulators(faces)
    np.testing.assert_array_equal(plain.run(None, {"pixels": planes(faces)})[0], expected)


def test_the_report_gives_the_logits(tiny: Exported) -> None:
    faces = varied_faces(12)
    accumulators = OnnxLayerExecutor(tiny.out / "standard.onnx").accumulators(faces)
    scale, offset = (np.array(x, np.float32) for x in (tiny.report.scale, tiny.report.offset))
    logits = tiny.network(torch.from_numpy(planes(faces))).numpy()
    np.testing.assert_array_equal(accumulators.astype(np.float32) * scale + offset, logits)


def test_the_report_counts_what_was_checked(tiny: Exported) -> None:
    assert [check.layer for check in tiny.report.sigmoids] == [
        f"attention{block}.{part}_sigmoid" for block in (1, 2) for part in ("channel", "spatial")
    ]
    assert all(check.values > 1000 for check in tiny.report.sigmoids)
    assert read_report(tiny.out) == tiny.report
    digest = hashlib.sha256((tiny.out / "model.onnx").read_bytes()).hexdigest()
    assert tiny.report.model_sha256 == json.loads((tiny.out / "export.json").read_text())["model_sha256"] == digest
    assert tiny.report.colour == "grey"
    assert tiny.report.thresholds == (0.5,) * 13


def test_the_report_carries_the_cards_thresholds_and_colour(tmp_path: Path) -> None:
    path = save_network(tmp_path, Architecture(3, False, 8), "w2a2")
    card = checkpoint.read_card(path)
    checkpoint.write_card(path, replace(card, thresholds=(0.25, 0.5, 0.75), colour="rgb"))
    report = export(path, tmp_path / "out")
    assert (report.thresholds, report.colour) == ((0.25, 0.5, 0.75), "rgb")
    assert read_report(tmp_path / "out") == report


def test_batch_norm_is_the_same_bits_everywhere(tiny: Exported) -> None:
    """Gain and offset on every reachable accumulator of conv3: two roundings, alike in torch and ONNX Runtime."""
    affine = tiny.network.bn
    assert isinstance(affine, Affine)
    bound = tiny.report.accumulator_bounds["conv3"]
    scale = tiny.network.conv3.quant_weight().scale.detach() * tiny.network.conv2_q.act_quant.scale()
    values = torch.relu(torch.arange(-bound, bound + 1) * scale.reshape(-1, 1, 1)).float()[None]  # (1, C, 1, V)
    nodes = [helper.make_node("Mul", ["x", "gain"], ["scaled"]), helper.make_node("Add", ["scaled", "offset"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "affine",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(getattr(affine, name).numpy(), name) for name in ("gain", "offset")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    np.testing.assert_array_equal(session.run(None, {"x": values.numpy()})[0], affine(values).numpy())
    assert (affine.gain < 0).any() and (affine.gain > 0).any()


def test_a_float_checkpoint_is_refused(tmp_path: Path) -> None:
    architecture = Architecture(divisor=8)
    checkpoint.save(tmp_path / "f.safetensors", CbamCnn(architecture), Card("float", architecture))
    with pytest.raises(ValueError, match=r"needs a quantized checkpoint, got the float one .*quantize it first"):
        export(tmp_path / "f.safetensors", tmp_path / "out")


def test_another_preset_is_refused(tiny: Exported, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is of preset w4a4, need w2a2"):
        export(tiny.checkpoint, tmp_path, preset="w2a2")


@pytest.mark.parametrize(
    ("parameter", "node"),
    [
        ("attention1.fc1.weight_quant.tensor_quant", "attention1.fc1.weight"),
        ("attention1.channel_q.act_quant.fused_activation_quant_proxy.tensor_quant", "attention1.channel_q"),
    ],
)
def test_a_checkpoint_whose_scales_are_none_is_named(tmp_path: Path, parameter: str, node: str) -> None:
    """It once said that something has scale inf, and neither what nor where."""
    path, source = tmp_path / "x.safetensors", shipped_checkpoint("tiny")
    state = load_file(source)
    state[f"{parameter}.scaling_impl.value"].fill_(1e38)
    save_file(state, path)
    card = {**json.loads(checkpoint.card_path(source).read_text()), "sha256": sha256(path)}
    checkpoint.card_path(path).write_text(json.dumps(card))
    said = rf"node {node} \(Quant\) has scale inf, need a positive number in checkpoint .*: train again"
    with pytest.raises(ValueError, match=said):
        export(path, tmp_path / "out")


def test_a_card_with_too_few_aus_is_refused(tiny: Exported, tmp_path: Path) -> None:
    for path in (tiny.checkpoint, checkpoint.card_path(tiny.checkpoint)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    card = tmp_path / checkpoint.card_path(tiny.checkpoint).name
    card.write_text(json.dumps({**json.loads(card.read_text()), "aus": [1, 2]}))
    with pytest.raises(ValueError, match="must name 13 AUs, got 2"):
        export(tmp_path / tiny.checkpoint.name, tmp_path / "out")


def test_an_output_that_is_no_folder_is_refused(tiny: Exported, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RuntimeError, match=r"cannot write to folder .*file/out: Not a directory"):
        export(tiny.checkpoint, tmp_path / "file" / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_read_only_folder_is_refused(tiny: Exported, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RuntimeError, match=r"cannot write to folder .*Permission denied"):
        export(tiny.checkpoint, tmp_path)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files end at 64 KiB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_no_half_model(tiny: Exported, tmp_path: Path, small_files: None) -> None:
    with pytest.raises(RuntimeError, match=r"cannot write .*model\.onnx: File too large"):
        exporting._write_model(tmp_path / "model.onnx", onnx.load(tiny.out / "model.onnx"))
    assert list(tmp_path.iterdir()) == []


def test_accumulators_beyond_float32_are_refused(tiny: Exported) -> None:
    model = onnx.load(tiny.out / "model.onnx")
    assert accumulator_bounds(model) == tiny.report.accumulator_bounds
    (bias,) = (i for i in model.graph.initializer if i.name == "conv1.bias.float")
    bias.CopyFrom(numpy_helper.from_array(np.full(bias.dims, 1e4, np.float32), bias.name))
    with pytest.raises(ValueError, match=r"must stay below 2\*\*24, .* in conv1"):
        accumulator_bounds(model)


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"an export's report must be a file, got none at .*run `auflow export` first"):
        read_report(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("export.json", b"{", "must be JSON"),
        ("export.json", b"{}", "is not of format"),
        ("export.json", b'{"format": "auflow-export-5", "sigmoids": []}', "of the form that this version knows"),
        ("model.onnx", b"", r"model\.onnx is missing or not the one"),
        ("standard.onnx", b"", r"standard\.onnx is missing or not the one"),
    ],
)
def test_a_damaged_export_is_refused(tiny: Exported, tmp_path: Path, file: str, content: bytes, message: str) -> None:
    for path in tiny.out.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_report(tmp_path)


def test_a_constant_of_no_type_is_refused(tiny: Exported, tmp_path: Path) -> None:
    """qonnx looks at every constant before anything else, and raised a TypeError."""
    model = onnx.load(tiny.out / "model.onnx")
    model.graph.initializer[0].data_type = onnx.TensorProto.UNDEFINED
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(ValueError, match=r"must be QONNX that qonnx runs, got .* in .*damaged\.onnx: export again"):
        QonnxExecutor(tmp_path / "damaged.onnx")


@pytest.mark.parametrize("wrong", [np.zeros((2, 48, 48), np.uint8), np.zeros((2, 48, 48, 3)), np.zeros((0, 48, 48, 3))])
def test_faces_of_another_shape_are_refused(tiny: Exported, wrong: np.ndarray) -> None:
    for executor in tiny.executors():
        with pytest.raises(ValueError, match="faces must be uint8 of shape"):
            executor.accumulators(wrong)


SHIPPED = {path.stem: checkpoint.read_card(path).preset for path in sorted(CHECKPOINTS.glob("*.safetensors"))}


@pytest.mark.parametrize("name", [name for name, preset in SHIPPED.items() if preset != FLOAT])
def test_shipped_checkpoints_give_the_same_integers(name: str, tmp_path: Path) -> None:
    """Faces of FER2013Valid where AUFLOW_FERPLUS names it, else variations of the example face."""
    path = shipped_checkpoint(name)
    ferplus = os.environ.get("AUFLOW_FERPLUS")
    count = 500 if name in ("tiny", "w4a4") else 100
    faces = load("ferplus", Path(ferplus), splits=("valid",)).rgb[:count] if ferplus else varied_faces(40)
    report = export(path, tmp_path, preset=SHIPPED[name])
    assert report.sigmoids
    expected, *others = [one.accumulators(faces) for one in executors(frozen_network(path)[0], tmp_path)]
    assert len(np.unique(expected, axis=0)) > 0.9 * len(faces)
    for found in others:
        np.testing.assert_array_equal(found, expected)
