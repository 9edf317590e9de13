# SPDX-License-Identifier: Apache-2.0
"""`auflow compile`: networks that are not ours are exact in every executor, or refused in a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from commands import refused, run_cli
from foreign_models import FOREIGN, ForeignModel

import hls_build
from board.core.frames import random_frames
from board.core.plain_contract import PlainContract
from board.deployment import Deployment
from board.executors import open_executor
from hls_build.build import model_flow
from hls_build.build.compiled import Compiled
from hls_build.config.build import load_build
from hls_build.lowering import activation_thresholds, scalars

THROUGH_RTL = ("real scales, mlp",)
"""Of FOREIGN, those that go through simulated RTL by default; the others do so among the slow tests."""
SLOW_RTL = sorted(FOREIGN.keys() - set(THROUGH_RTL))


def written(folder: Path, model: onnx.ModelProto) -> Path:
    """A model's file."""
    onnx.save(model, folder / "network.onnx")
    return folder / "network.onnx"


def small(folder: Path) -> Path:
    """The file of a network with one convolution and one dense layer."""
    return written(folder, ForeignModel((2, 4, 5), 3).conv(2).flatten().dense(3, bits=None).model())


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_networks_are_exact_in_software(name: str, tmp_path: Path) -> None:
    model = written(tmp_path, FOREIGN[name]())
    out = tmp_path / "out"
    ran = run_cli("compile", model, "--out", out, "--fps", 2000, "--sim-frames", 3, "--stop-after", "check")
    assert ran.status == 0, ran.stderr
    found = json.loads((out / "report/check.json").read_text())
    assert [(one["executor"], one["mismatches"]) for one in found["executors"]] == [
        ("qonnx", 0), ("numpy", 0), ("dataflow", 0)
    ]  # fmt: skip
    contract = PlainContract.load(out / "accelerator.json")
    contract.check_model(out / "model.onnx")
    assert found["faces"] == 3 and len(found["patterns"]) == (6 if contract.shape[2] == 3 else 3)
    build = load_build(out / "build.toml")
    assert build.preset == "model" and build.clock_mhz == 100 and set(build.folding) <= set(contract.folding)


def check_finished(out: Path) -> None:
    """Hold what a finished compilation left against the model in qonnx."""
    parity = json.loads((out / "report/parity.json").read_text())
    assert [(one["executor"], one["mismatches"]) for one in parity["executors"]] == [
        ("qonnx", 0), ("numpy", 0), ("dataflow", 0), ("rtl", 0)
    ]  # fmt: skip
    assert "Equal, 0 differences" in parity["verdict"]
    assert "A network of auflow compile on Pynq-Z2" in (out / "report/index.html").read_text()
    assert json.loads((out / "report/bitstream.json").read_text())["project"].endswith("-vivado.zip")
    deployed, contract = Deployment(out / "deploy"), PlainContract.load(out / "accelerator.json")
    assert deployed.accelerator == contract
    frames = random_frames(2, deployed.accelerator.shape, seed=7)
    answers = []
    for name in ("numpy", "rtl"):
        executor = open_executor(deployed, name)
        answers.append(executor.accumulators(frames))
        executor.close()
    np.testing.assert_array_equal(answers[0], answers[1])
    assert "auflow-network" not in (out / "deploy/bom.json").read_text()
    shapes = [", ".join(map(str, shape)) for shape in (contract.input.shape, contract.output.shape)]
    told = (out / "deploy/README.md").read_text()
    assert f"frames of shape (N, {shapes[0]}), for float64 outputs of shape (N, {shapes[1]})" in told


@pytest.mark.verilator
@pytest.mark.parametrize("name", THROUGH_RTL)
def test_a_foreign_network_from_model_to_deployment(name: str, tmp_path: Path) -> None:
    """By the command, gone on with where it was stopped, and once more from Python, out of the cache."""
    model, out = written(tmp_path, FOREIGN[name]()), tmp_path / "out"
    words = ("compile", model, "--out", out, "--fps", 20000)
    assert run_cli(*words, "--stop-after", "compile").status == 0
    ran = run_cli(*words, "--resume")
    assert ran.status == 0, ran.stderr
    assert "compile: done before" in ran.stdout and "Equal, 0 differences" in ran.stdout
    check_finished(out)
    frames = tmp_path / "frames.npy"
    np.save(frames, random_frames(3, PlainContract.load(out / "accelerator.json").shape, 2))
    ran = run_cli("parity", "--build", out, "--faces", frames, "--count", 3, "--stalls", 7)
    said = " ".join(ran.stdout.split())
    assert ran.status == 0 and "in qonnx, numpy, dataflow, rtl and rtl, both stalling" in said, ran
    ran = run_cli("simulate", "--build", out, "--faces", frames, "--frames", 2)
    assert ran.status == 0 and "0 of 2 frames differ" in ran.stdout, ran


def test_a_compilation_takes_the_multiplier_that_is_asked_for(tmp_path: Path) -> None:
    model, out = written(tmp_path, FOREIGN["real scales, mlp"]()), tmp_path / "out"
    ran = run_cli("compile", model, "--out", out, "--fps", 2000, "--multiplier", "dsp", "--stop-after", "fold")
    assert ran.status == 0 and "--multiplier dsp" in " ".join(ran.stdout.split()), ran
    assert 'multiplier = "dsp"' in (out / "build.toml").read_text()


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("name", SLOW_RTL)
def test_foreign_networks_are_exact_through_rtl(name: str, tmp_path: Path) -> None:
    model, out = written(tmp_path, FOREIGN[name]()), tmp_path / "out"
    ran = run_cli("compile", model, "--out", out, "--fps", 2000)
    assert ran.status == 0, ran.stderr
    check_finished(out)


@pytest.mark.slow
@pytest.mark.verilator
def test_five_lines_of_python(tmp_path: Path) -> None:
    model = written(tmp_path, FOREIGN["real scales, mlp"]())
    frames = random_frames(2, (5, 5, 1), 4)
    built = hls_build.compile(model, board="Pynq-Z2", fps=500, out=tmp_path / "out", inputs=frames)
    assert isinstance(built, Compiled) and "4 frames and 3 test patterns" in built.verdict
    assert built.frames_per_second > 500 and 0 < built.latency_ms < 5 and built.resources.dsp > 0
    np.testing.assert_array_equal(built.run(frames), built.run(frames, "rtl"))
    with pytest.raises(ValueError, match="this needs a network of several outputs, got one: use real"):
        built.run_heads(frames)


@pytest.mark.slow
@pytest.mark.verilator
def test_several_outputs_by_their_names_in_python(tmp_path: Path) -> None:
    model, frames = written(tmp_path, FOREIGN["two outputs"]()), random_frames(2, (6, 6, 3), 4)
    built = hls_build.compile(model, board="Pynq-Z2", fps=500, out=tmp_path / "out")
    heads = built.contract.output.heads
    assert [head.shape for head in heads] == [(6, 6, 4), (1, 1, 5)]
    for executor in ("numpy", "rtl"):
        found = built.run_heads(frames, executor)
        flat = np.concatenate([found[head.name].reshape(2, -1) for head in heads], axis=1)
        np.testing.assert_array_equal(flat, built.run(frames).reshape(2, -1))
    assert all(head.name in (tmp_path / "out/deploy/README.md").read_text() for head in heads)


def test_inputs_are_compared_too(tmp_path: Path) -> None:
    model, out, inputs = small(tmp_path), tmp_path / "out", tmp_path / "frames.npy"
    np.save(inputs, random_frames(4, (4, 5, 2), 9))
    words = ("compile", model, "--out", out, "--fps", 2000, "--inputs", inputs)
    assert "6 frames and 3 test patterns in qonnx" in run_cli(*words, "--stop-after", "check").stdout
    np.save(inputs, random_frames(4, (5, 4, 2), 9))
    assert r"uint8 of shape (N, 4, 5, 2), got uint8 (4, 5, 4, 2)" in refused(*words, "--stop-after", "check")
    assert not (out / "integer.npz").exists()


def test_a_wrong_integer_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, out = small(tmp_path), tmp_path / "out"

    def shifted(*values: Any) -> tuple[Any, Any]:
        falling, thresholds = activation_thresholds.find(*values)
        return falling, thresholds + 300

    monkeypatch.setattr(scalars, "find", shifted)
    said = refused("compile", model, "--out", out, "--fps", 2000, "--stop-after", "check")
    assert said.startswith("parity failed: numpy differs at its output, tensor gemm") and "frame 0, output" in said
    assert not (out / "report/check.json").exists()


def test_what_was_begun_otherwise_is_not_gone_on_with(tmp_path: Path) -> None:
    model, out = small(tmp_path), tmp_path / "out"
    words = ("compile", model, "--out", out, "--stop-after", "lower")
    assert run_cli(*words, "--fps", 2000).status == 0
    again = run_cli(*words, "--fps", 2000, "--resume").stdout
    assert "lower: done before" in again and f"auflow compile {model} --resume --fps 2000" in again
    assert "begun from another configuration" in refused(*words, "--fps", 2001, "--resume")
    assert "begun from another configuration" in refused(*words, "--fps", 2000, "--board", "Ultra96", "--resume")
    onnx.save(FOREIGN["mlp"](), model)
    assert "begun from another configuration" in refused(*words, "--fps", 2000, "--resume")


def test_a_folding_of_before_is_taken(tmp_path: Path) -> None:
    model, out = small(tmp_path), tmp_path / "out"
    assert run_cli("compile", model, "--out", out, "--fps", 2000, "--stop-after", "fold").status == 0
    text = (out / "build.toml").read_text()
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace("clock_mhz = 100", "clock_mhz = 80").replace("Pynq-Z2", "PYNQ-Z1"))
    words = ("compile", model, "--out", tmp_path / "again", "--config", mine, "--stop-after", "fold")
    assert run_cli(*words).status == 0
    build = load_build(tmp_path / "again/build.toml")
    assert (build.clock_mhz, build.board.name) == (80, "PYNQ-Z1") and build.folding == load_build(
        out / "build.toml"
    ).folding
    for flag, *value in (
        ("--fps", 100),
        ("--board", "Pynq-Z2"),
        ("--clock-mhz", 50),
        ("--single-clock",),
        ("--latency", 2.5),
        ("--multiplier", "auto"),
        ("--dram",),
        ("--shell", "auflow"),
    ):
        said = refused(*words, flag, *value)
        assert said == f"{mine} says board, folding and clock: leave it out, or {flag}"


def test_weights_may_come_from_dram_in_the_shell_that_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("compile", small(tmp_path), "--out", out, "--fps", 2000, "--board", "Cora-Z7-10", "--dram")
    for shell, named in (("auflow", ()), ("auflow-lean", ("--shell", "auflow-lean"))):
        ran = run_cli(*words, *named, "--stop-after", "fold")
        assert ran.status == 0, ran.stderr
        assert load_build(out / "build.toml").shell == shell
        (again,) = re.findall("Go on with: (.*)", ran.stdout)
        assert "--dram" in again and ("--shell auflow-lean" in again) == bool(named)
    said = refused(*words, "--shell", "finn", "--stop-after", "fold")
    assert said == "weights from DRAM need a shell of AUFlow's, which reads them, got FINN's: leave --shell out"


def no_layer() -> onnx.ModelProto:
    return ForeignModel((1, 4, 4)).quantize(4, 16.0).model()


def softmax() -> onnx.ModelProto:
    return ForeignModel((1, 4, 4)).flatten().dense(3, bits=None).then("Softmax").model()


def sigmoid() -> onnx.ModelProto:
    return ForeignModel((1, 4, 4)).flatten().dense(3, bits=None).then("Sigmoid").model()


def flattened_map() -> onnx.ModelProto:
    return ForeignModel((2, 4, 4)).conv(3).flatten().model()


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (no_layer, "must have a dense layer or a convolution other than depthwise, got none: nothing to fold"),
        (softmax, "is of type Softmax, which has no hardware"),
        (sigmoid, r"\(Sigmoid\) is behind the last layer, where sums may be scaled and shifted alone"),
        (flattened_map, "output flatten.* takes the elements of a flattened map of 3 channels one by one"),
    ],
)
def test_what_cannot_be_compiled_is_one_sentence(
    model: Callable[[], onnx.ModelProto], complaint: str, tmp_path: Path
) -> None:
    said = refused("compile", written(tmp_path, model()), "--out", tmp_path / "out", "--stop-after", "fold")
    assert re.search(complaint, said), said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("none.onnx",), "a model must be an .onnx file, got none at none.onnx"),
        ((__file__,), "must be a whole ONNX file"),
        (("none.onnx", "--stop-after", "export"), "stop-after must be one of lower, fold, compile, check, verilate"),
        (("none.onnx", "--board", "Pynq-Z9"), "need a board out of"),
    ],
)
def test_wrong_words_are_one_sentence(words: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    assert complaint in refused("compile", *words, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "called"), [("my net.v2", "my_net_v2"), ("résumé", "r_sum"), ("...", "model"), ("ok-1", "ok-1")]
)
def test_a_build_is_called_as_its_file(name: str, called: str) -> None:
    assert model_flow.build_name(Path(f"{name}.onnx")) == called
