# SPDX-License-Identifier: Apache-2.0
"""Surfaces: every reader of a file that a user can hand over, with a whole file of its kind to damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt
from au_faces import PER_HEAD, write_rendered
from damage import Damage, of_arrays, of_bytes, of_json, packed_arrays
from observed import CONTRACT as CONTRACT_OF_ROWS
from observed import face, frame
from packages import pack, plain_contract, seal, small_contract, small_graph, write_package
from qonnx_models import model, quant
from teachers import soft_labels
from trees import tree

from board.core.contract import Contract, StreamPacking
from board.core.facs import AUS
from board.core.files import sha256
from board.core.graph import IntegerGraph
from board.core.plain_contract import read_contract
from board.deployment import CONTRACT, INTEGER, MANIFEST, Deployment
from board.driver.debug import Watched
from board.driver.overlay import check_overlay
from board.emulator import write_overlay
from board.executors.onnx_executor import OnnxExecutor
from board.live.guard import read_token
from board.outputs import CsvOutput, JsonlOutput
from board.outputs.record import record_name
from board.sources.open_source import open_source
from hls_build.build_folder import BuildFolder
from hls_build.compiler import lower_file
from hls_build.config import board as boards
from hls_build.config.build import BUILDS, load_build
from hls_build.cost.resources import Resources
from hls_build.parity.model_executor import ModelExecutor
from hls_build.report.timeline import Timeline
from hls_build.rtl.stitch import Stitched
from hls_build.yosys import synthesis_report
from qnn.data import soft_labels as label_file
from qnn.data.datasets import find
from qnn.data.indexing import index
from qnn.evaluation.aus.sources import rendered_faces
from qnn.export.executors import QonnxExecutor
from qnn.network import checkpoint, presets
from qnn.network.presets import shipped_checkpoint
from qnn.training import run_settings, runs
from qnn.training.recipes import Recipe


@dataclass(frozen=True)
class Surface:
    """One reader.

    Attributes:
        file: Name of the file that is damaged, in the folder that `make` fills.
        make: Fills an empty folder with whole files.
        read: Reads the folder.
        damage: How the file is damaged.
        seal: Makes the digests that guard the file those of the damaged one, so that its reader gets it.
    """

    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    damage: Damage = of_bytes
    seal: Callable[[Path], object] = lambda folder: None


def _deployment(folder: Path) -> None:
    write_package(folder / "deploy")


def _archive(folder: Path) -> None:
    pack(write_package(folder / "deploy"))
    shutil.rmtree(folder / "deploy")


def _unpacked(folder: Path) -> None:
    try:
        Deployment(folder / "package.zip").integer_graph()
    finally:
        shutil.rmtree(folder / "package", ignore_errors=True)


def _sealed(folder: Path) -> None:
    seal(folder / "deploy")


def _checkpoint(folder: Path) -> None:
    source = shipped_checkpoint("tiny")
    for path in (source, checkpoint.card_path(source)):
        shutil.copy(path, folder / path.name)


def _weights_sealed(folder: Path) -> None:
    card = folder / "tiny.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": sha256(folder / "tiny.safetensors")}))


def _qonnx(folder: Path) -> None:
    from onnx import helper, save

    nodes = [
        quant("pixels", "pixels_q", 8),
        helper.make_node("Flatten", ["pixels_q"], ["flat"], name="flatten"),
        quant("w", "w_q", 2, signed=1, narrow=1),
        helper.make_node("Gemm", ["flat", "w_q"], ["accumulators"], name="dense", transB=1),
    ]
    weights = np.random.default_rng(0).integers(-1, 2, (3, 48)).astype(np.float32)
    save(model(nodes, {"w": weights}, 4, "accumulators", (1, 3)), folder / "model.onnx")


def _standard_onnx(folder: Path) -> None:
    from onnx import TensorProto, helper, save

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 12]) for name in ("pixels", "accumulators")]
    graph = helper.make_graph([helper.make_node("Relu", ["pixels"], ["accumulators"])], "test", ends[:1], ends[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / "model.onnx")


def _build(folder: Path) -> None:
    steps = {"export": {"seconds": 1.5, "files": {"model.onnx": "0" * 64}}, "lower": {"seconds": 0.5, "files": {}}}
    (folder / "build.json").write_text(json.dumps({"key": "0" * 64, "checkpoint": "x.safetensors", "steps": steps}))


def _dataflow(folder: Path) -> None:
    _qonnx(folder)
    (folder / "model.onnx").rename(BuildFolder(folder).dataflow)


def _synthesis(folder: Path) -> None:
    build = BuildFolder(folder)
    build.report.mkdir()
    build.write_report(
        "synthesis",
        {"nodes": {"conv1": Resources(lut=100, ff=200).as_json(), "conv1_memory": Resources(bram18=1).as_json()}},
    )


def _rtl(folder: Path) -> None:
    packing = StreamPacking.of_frame(12, lanes=3, bits=8, signed=False)
    Stitched(("a.sv", "accelerator.sv"), "monitor", ("a->b",), ("a_fifo",), packing, packing).save(folder)


def _timeline(folder: Path) -> None:
    Timeline(2, np.arange(5), {"a->b": np.arange(5) * 2, "b->c": np.arange(5)}).save(folder / "timeline.npz")


def _overlay(folder: Path) -> None:
    write_overlay(folder, small_contract())


def _overlay_read(folder: Path) -> None:
    bitfile = next(folder.glob("*.bit"))
    contract = small_contract()
    from dataclasses import replace

    check_overlay(bitfile, replace(contract, bitfile_sha256=sha256(bitfile)))


def _picture(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        colours = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"face{suffix}"), cv2.GaussianBlur(colours, (5, 5), 0))

    return make


def _video(suffix: str, codec: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        writer = cv2.VideoWriter(str(folder / f"clip{suffix}"), cv2.VideoWriter.fourcc(*codec), 25, (64, 48))
        for shade in range(8):
            writer.write(np.full((48, 64, 3), 20 * shade, np.uint8))
        writer.release()

    return make


def _frames(name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        return sum(1 for _ in zip(open_source(str(folder / name)).frames(), range(500)))  # noqa: B905 # at most so many

    return read


def _labels(folder: Path) -> None:
    for split in ("FER2013Train", "FER2013Valid"):
        (folder / split).mkdir()
        _picture(".png")(folder / split)
        (folder / split / "face.png").rename(folder / split / "fer0000000.png")
        (folder / split / "label.csv").write_text('fer0000000.png,"(0, 0, 48, 48)",0,9,0,0,0,0,0,0,1,0\n')


def _rendered(folder: Path) -> None:
    faces: dict[str, npt.NDArray[Any]] = {
        "pixels": np.zeros((3, 48, 48), np.uint8),
        "weights": np.zeros((3, len(AUS)), np.float32),
        "aus": np.array(AUS),
        "identity": np.arange(3, dtype=np.int32),
    }
    (folder / "rendered.json").write_text("{}")
    for split in ("train", "valid"):
        (folder / f"{split}.npz").write_bytes(packed_arrays(faces))


def _dataset(name: str) -> Callable[[Path], object]:
    return lambda folder: tree(name, folder)


def _table(kind: type[CsvOutput] | type[JsonlOutput], name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        out = kind(folder / name, CONTRACT_OF_ROWS)
        for number in range(4):
            out.write(frame(number), [face(number)])
        out.abandon()

    return make


def _resumed(kind: type[CsvOutput] | type[JsonlOutput], name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        try:
            kind(folder / name, CONTRACT_OF_ROWS, resume=True).abandon()
        finally:  # a resumed table is cut where it goes on
            for left, content in before.items():
                (folder / left).write_bytes(content)

    return read


def _unrecorded(kind: type[CsvOutput] | type[JsonlOutput], name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        _table(kind, name)(folder)
        record_name(folder / name).unlink()

    return make


def _proven(kind: type[CsvOutput] | type[JsonlOutput], name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        before = (folder / f"{name}.partial").read_bytes()
        out = kind(folder / name, CONTRACT_OF_ROWS, resume=True)
        try:
            for number in range(4):
                out.write(frame(number), [face(number)])
        finally:
            out.abandon()
            record_name(folder / name).unlink(missing_ok=True)
            (folder / f"{name}.partial").write_bytes(before)

    return read


def _board(folder: Path) -> None:
    with patch.object(boards, "BOARDS", folder):
        boards.load_board("x")


def _settings(folder: Path) -> None:
    run_settings.check(folder, SETTINGS)


def _stage(folder: Path) -> None:
    import torch

    torch.save({"state_dict": {"weight": torch.zeros(3)}, "epoch": 1}, folder / "state.ckpt")


def _indexed(name: str, labels: str = "paper") -> Callable[[Path], object]:
    return lambda folder: index(find(name), folder, labels)


SETTINGS = {"preset": "tiny", "recipe": asdict(Recipe(epochs=2, batch=16, learning_rate=1e-3)), "teachers": None}
"""What a stage was begun with."""
SURFACES: dict[str, Surface] = {
    "contract": Surface(
        CONTRACT, lambda f: small_contract().write(f / CONTRACT), lambda f: Contract.read(f / CONTRACT), of_json
    ),
    "contract with emotions": Surface(
        CONTRACT,
        lambda f: small_contract(emotions=True).write(f / CONTRACT),
        lambda f: Contract.read(f / CONTRACT),
        of_json,
    ),
    "plain contract": Surface(
        CONTRACT, lambda f: plain_contract().write(f / CONTRACT), lambda f: read_contract(f / CONTRACT), of_json
    ),
    "integer graph": Surface(
        INTEGER, lambda f: small_graph().save(f / INTEGER), lambda f: IntegerGraph.load(f / INTEGER), of_arrays
    ),
    "manifest": Surface(f"deploy/{MANIFEST}", _deployment, lambda f: Deployment(f / "deploy").integer_graph(), of_json),
    "deployment's contract": Surface(
        f"deploy/{CONTRACT}", _deployment, lambda f: Deployment(f / "deploy").integer_graph(), of_json, _sealed
    ),
    "deployment's graph": Surface(
        f"deploy/{INTEGER}", _deployment, lambda f: Deployment(f / "deploy").integer_graph(), of_arrays, _sealed
    ),
    "archive": Surface("package.zip", _archive, _unpacked),
    "card": Surface("tiny.json", _checkpoint, lambda f: checkpoint.load(f / "tiny.safetensors"), of_json),
    "weights": Surface(
        "tiny.safetensors", _checkpoint, lambda f: checkpoint.load(f / "tiny.safetensors"), of_bytes, _weights_sealed
    ),
    "presets": Surface(
        "x.toml", lambda f: shutil.copy(presets.FILE, f / "x.toml"), lambda f: presets.load(f / "x.toml")
    ),
    "build's TOML": Surface(
        "x.toml", lambda f: shutil.copy(BUILDS / "pynq-z2_tiny.toml", f / "x.toml"), lambda f: load_build(f / "x.toml")
    ),
    "build's state": Surface("build.json", _build, lambda f: BuildFolder(f).read_state(), of_json),
    "dataflow graph": Surface("dataflow.onnx", _dataflow, lambda f: BuildFolder(f).read_dataflow()),
    "synthesis report": Surface(
        "report/synthesis.json", _synthesis, lambda f: synthesis_report.read(BuildFolder(f)), of_json
    ),
    "RTL's manifest": Surface("stitch.json", _rtl, Stitched.load, of_json),
    "timeline": Surface("timeline.npz", _timeline, lambda f: Timeline.load(f / "timeline.npz"), of_arrays),
    "QONNX to lower": Surface("model.onnx", _qonnx, lambda f: lower_file(f / "model.onnx")),
    "QONNX to run": Surface("model.onnx", _qonnx, lambda f: QonnxExecutor(f / "model.onnx")),
    "QONNX to compare with": Surface("model.onnx", _qonnx, lambda f: ModelExecutor(f / "model.onnx", plain_contract())),
    "ONNX": Surface("model.onnx", _standard_onnx, lambda f: OnnxExecutor(f / "model.onnx")),
    "bitfile": Surface("accelerator.bit", _overlay, _overlay_read),
    "hardware handoff": Surface("accelerator.hwh", _overlay, _overlay_read),
    "PNG": Surface("face.png", _picture(".png"), _frames("face.png")),
    "JPEG": Surface("face.jpg", _picture(".jpg"), _frames("face.jpg")),
    "TIFF": Surface("face.tif", _picture(".tif"), _frames("face.tif")),
    "WebP": Surface("face.webp", _picture(".webp"), _frames("face.webp")),
    ".npy": Surface(
        "faces.npy", lambda f: np.save(f / "faces.npy", np.zeros((3, 48, 48), np.uint8)), _frames("faces.npy")
    ),
    ".npz": Surface(
        "faces.npz",
        lambda f: (f / "faces.npz").write_bytes(packed_arrays({"faces": np.zeros((3, 48, 48), np.uint8)})),
        _frames("faces.npz"),
        of_arrays,
    ),
    "AVI": Surface("clip.avi", _video(".avi", "MJPG"), _frames("clip.avi")),
    "MP4": Surface("clip.mp4", _video(".mp4", "mp4v"), _frames("clip.mp4")),
    "rendered faces to measure on": Surface(
        "valid.npz",
        lambda f: write_rendered(f, np.zeros((2 * PER_HEAD, 48, 48), np.uint8)),
        rendered_faces,
        of_arrays,
    ),
    "labels": Surface("FER2013Train/label.csv", _labels, _indexed("ferplus")),
    "CK+'s AUs": Surface("FACS/S005/001/S005_001_00000005_facs.txt", _dataset("ckplus"), _indexed("ckplus")),
    "CK+'s emotions": Surface("Emotion/S005/001/S005_001_00000005_emotion.txt", _dataset("ckplus"), _indexed("ckplus")),
    "DISFA's AUs": Surface("ActionUnit_Labels/SN001/SN001_au12.txt", _dataset("disfa"), _indexed("disfa")),
    "BP4D's AUs": Surface("AUCoding/AU_OCC/F001_T1.csv", _dataset("bp4d"), _indexed("bp4d", "usual")),
    "BP4D's intensities": Surface("AUCoding/AU_INT/AU06/F001_T1_AU06.csv", _dataset("bp4d"), _indexed("bp4d")),
    "RAF-DB's emotions": Surface("EmoLabel/list_patition_label.txt", _dataset("rafdb"), _indexed("rafdb")),
    "CSV to resume": Surface("aus.csv.partial", _table(CsvOutput, "aus.csv"), _resumed(CsvOutput, "aus.csv")),
    "JSONL to resume": Surface(
        "aus.jsonl.partial", _table(JsonlOutput, "aus.jsonl"), _resumed(JsonlOutput, "aus.jsonl")
    ),
    "CSV without a record": Surface(
        "aus.csv.partial", _unrecorded(CsvOutput, "aus.csv"), _proven(CsvOutput, "aus.csv")
    ),
    "JSONL without a record": Surface(
        "aus.jsonl.partial", _unrecorded(JsonlOutput, "aus.jsonl"), _proven(JsonlOutput, "aus.jsonl")
    ),
    "a table's record": Surface(
        ".aus.csv.run.json", _table(CsvOutput, "aus.csv"), _resumed(CsvOutput, "aus.csv"), of_json
    ),
    "board": Surface("x.toml", lambda f: shutil.copy(boards.BOARDS / "Pynq-Z2.toml", f / "x.toml"), _board),
    "what a shell watches": Surface(
        "shell.json",
        lambda f: (f / "shell.json").write_text('{"streams": ["a->b"], "fifos": ["a_fifo"]}'),
        lambda f: Watched.read(f / "shell.json"),
        of_json,
    ),
    "live page's token": Surface("token", lambda f: read_token(f / "token"), lambda f: read_token(f / "token")),
    "a stage's settings": Surface(
        "settings.json", lambda f: (f / "settings.json").write_text(json.dumps(SETTINGS)), _settings, of_json
    ),
    "a stage's state": Surface("state.ckpt", _stage, runs._resumes),
    "soft labels": Surface(
        "labels.npz",
        lambda f: soft_labels(60).save(f / "labels.npz"),
        lambda f: label_file.targets(label_file.read(f / "labels.npz"), soft_labels(60)),
        of_arrays,
    ),
    "rendered faces": Surface("train.npz", _rendered, _indexed("rendered"), of_arrays),
}
"""By name."""
