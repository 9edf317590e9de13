# SPDX-License-Identifier: Apache-2.0
"""The `auflow` command as a user meets it: a tiny build from checkpoint to verdict, and what it refuses."""

import base64
import csv
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import refused as told
from commands import run_cli
from netlists import timed
from packages import small_contract
from rich.console import Console

from board.core.contract import Contract
from board.core.facs import AUS
from board.core.graph import IntegerGraph
from board.core.lock import lock_in, locked
from board.core.outputs import Attention
from board.detector import AUDetector
from board.executors.numpy_executor import NumpyExecutor
from board.parity import Compared, Difference, Level, Parity, compare
from hls_build.build import flow, proof
from hls_build.build_folder import BuildFolder
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, load_build
from hls_build.cost.resources import Resources
from hls_build.report import facts
from hls_build.report.charts import BLUE, ORANGE
from hls_build.report.timeline import Timeline
from hls_build.timing import report as timing
from qnn.data.example import example_faces, example_picture
from qnn.export.export import export
from qnn.network import checkpoint
from qnn.network.presets import shipped_checkpoint as shipped

TINY = BUILDS / "pynq-z2_tiny.toml"
COMMAND = [sys.executable, "-m", "hls_build.cli.main"]


def auflow(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, **options)  # type: ignore[call-overload] # options of run


def refused(*arguments: object, **options: object) -> str:
    """The one sentence of a command that must fail."""
    done = auflow(*arguments, **options)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("auflow: ")]
    assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return lines[0]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build of the tiny network."""
    out = tmp_path_factory.mktemp("build") / "tiny"
    done = auflow("build", "--config", TINY, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no bitstream, since Vivado is not on PATH" in done.stdout
    assert "AU12 Lip corner puller" in done.stdout
    said = " ".join(done.stdout.split())
    assert "Equal, 0 differences: 2 faces and 6 test patterns in torch, qonnx, onnx, numpy, dataflow and rtl." in said
    assert f"auflow detect PICTURE --deploy {out}/deploy" in done.stdout
    return out


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the example face and variations of it."""
    path = tmp_path_factory.mktemp("faces") / "faces.npy"
    np.save(path, example_faces(12, seed=3))
    return path


@pytest.mark.verilator
def test_a_build_leaves_what_it_promises(build: Path) -> None:
    for name in (
        "model.onnx",
        "standard.onnx",
        "integer.npz",
        "rtl/accelerator.sv",
        "sim/accelerator.so",
        "build.log",
    ):
        assert (build / name).is_file(), name
    contract = Contract.read(build / "accelerator.json")
    contract.check_model(build / "model.onnx")
    simulation = json.loads((build / "report/simulation.json").read_text())
    assert (simulation["frames"], simulation["mismatches"]) == (8, 0)
    parity = json.loads((build / "report/parity.json").read_text())
    names = [one["executor"] for one in parity["executors"]]
    assert names == ["torch", "qonnx", "onnx", "numpy", "dataflow", "rtl"] and parity["baseline"] == "torch"
    assert all((one["faces"], one["mismatches"]) == (8, 0) for one in parity["executors"])
    assert json.loads((build / "report/bitstream.json").read_text())["made"] is False


@pytest.mark.verilator
def test_attention_leaves_with_the_accumulators(build: Path, faces: Path, tmp_path: Path) -> None:
    """Exact in every executor, at the rate of the build without, and with random stalls."""
    out = tmp_path / "appended"
    done = auflow("build", "--config", TINY, "--attention", "--out", out, "--sim-frames", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "Equal, 0 differences: 2 faces and 6 test patterns in torch, qonnx, onnx, numpy, dataflow and rtl." in said
    contract, plain = (Contract.read(folder / "accelerator.json") for folder in (out, build))
    assert contract.attention == Attention(24, 24, 4, False) and plain.attention is None
    assert (contract.output_stream.elements, contract.output_stream.lanes) == (plain.accumulators + 576, 1)
    assert (contract.accumulator, contract.action_units) == (plain.accumulator, plain.action_units)
    free, held = (json.loads((folder / "report/simulation.json").read_text()) for folder in (out, build))
    assert free["interval_cycles"] == held["interval_cycles"]
    assert free["first_out_cycles"] <= held["first_out_cycles"] + 3  # a fork and a register
    done = auflow("simulate", "--build", out, "--faces", faces, "--frames", 4, "--stalls", 7)
    assert done.returncode == 0 and "0 of 4 faces differ" in done.stdout, done.stdout + done.stderr
    crops = example_faces(2)
    with AUDetector(build / "deploy", "numpy") as software:
        maps, accumulators = software.attention(crops), software.accumulators(crops)
    for name in ("numpy", "onnx", "rtl"):
        with AUDetector(out / "deploy", name) as detector:
            np.testing.assert_array_equal(detector.attention(crops), maps, name)
            np.testing.assert_array_equal(detector.accumulators(crops), accumulators, name)
    assert "begun from another configuration" in refused("build", "--config", TINY, "--out", out, "--resume")


def test_the_contract_decides_by_the_cards_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    for source in (shipped("tiny"), checkpoint.card_path(shipped("tiny"))):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    thresholds = tuple(0.05 * (index + 1) for index in range(13))
    checkpoint.write_card(path, replace(checkpoint.read_card(path), thresholds=thresholds))
    units = export(path, tmp_path / "out").action_units
    assert tuple(unit.threshold for unit in units) == thresholds
    assert (units[0].name, units[-1].name) == ("AU1 Inner brow raiser", "AU26 Jaw drop")


@pytest.mark.verilator
def test_simulate_counts_cycles_and_survives_stalls(build: Path, faces: Path, tmp_path: Path) -> None:
    free, stalled = tmp_path / "free.json", tmp_path / "stalled.json"
    for out, more in ((free, ()), (stalled, ("--stalls", 7))):
        done = auflow("simulate", "--build", build, "--faces", faces, "--frames", 6, "--json", out, *more)
        assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(free.read_text())
    assert (result["frames"], result["mismatches"]) == (6, 0)
    assert result["interval_cycles"] <= 1.01 * result["slowest_layer_cycles"]
    assert result["sim_cycles_per_second"] > 0 and result["streams"]
    held = json.loads(stalled.read_text())
    assert held["mismatches"] == 0 and held["cycles"] > result["cycles"]


@pytest.mark.verilator
def test_the_fast_simulation_counts_the_beats_of_the_rtl(build: Path, faces: Path, tmp_path: Path) -> None:
    """Of every stream, inner ones too, over several faces; and it finds a stream that is too narrow."""
    quick, slow = tmp_path / "fast.json", tmp_path / "rtl.json"
    for out, more in ((quick, ("--fast",)), (slow, ())):
        done = auflow("simulate", "--build", build, "--faces", faces, "--frames", 3, "--json", out, *more)
        assert done.returncode == 0 and "0 of 3 faces differ" in done.stdout, done.stdout + done.stderr
    found, counted = (json.loads(path.read_text())["streams"] for path in (quick, slow))
    assert len(found) > 50 and list(found) == [*list(counted)[:1], *list(counted)[2:], list(counted)[1]]
    for name, about in found.items():  # behind the last face padding stands ready for another one
        assert 0 <= counted[name]["beats"] - about["beats"] < about["beats"] / 3, name
    assert sum(counted[name]["beats"] == about["beats"] for name, about in found.items()) > len(found) / 2
    said = "--fast has no cycles: leave --stalls and --trace out, or --fast"
    assert said in refused("simulate", "--build", build, "--faces", faces, "--frames", 1, "--fast", "--stalls", 3)


@pytest.mark.verilator
def test_parity_compares_every_executor(build: Path, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "parity.json"
    done = auflow(
        "parity", "--build", build, "--faces", faces, "--count", 12, "--rtl-count", 3, "--stalls", 5, "--json", out
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(out.read_text())
    assert result["difference"] is None
    counts = {one["executor"]: one["faces"] for one in result["executors"]}
    assert counts == {
        "torch": 18, "qonnx": 18, "onnx": 18, "numpy": 18, "dataflow": 18, "rtl": 9, "rtl, both stalling": 9
    }  # fmt: skip


@pytest.mark.verilator
def test_parity_names_the_first_difference_and_fails(build: Path, faces: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["cp", "-r", build, other], check=True)
    with np.load(other / "integer.npz") as archive:
        arrays = dict(archive)
    arrays["conv2_q.thresholds"] = arrays["conv2_q.thresholds"] + 40
    np.savez(other / "integer.npz", **arrays)
    out = tmp_path / "parity.json"
    done = auflow("parity", "--build", other, "--faces", faces, "--count", 4, "--json", out)
    assert done.returncode == 1, done.stdout + done.stderr
    difference = json.loads(out.read_text())["difference"]
    assert (difference["executor"], difference["layer"]) == ("numpy", "conv2_q")
    assert difference["expected"] != difference["actual"]


@pytest.mark.verilator
def test_faces_are_cut_and_coloured_as_the_contract_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The astronaut's face in a build of a colour network with a margin: in its proof, and where a picture is named."""
    weights = tmp_path / "colour.safetensors"
    weights.write_bytes(shipped("tiny").read_bytes())
    card = checkpoint.read_card(shipped("tiny"))
    checkpoint.write_card(weights, replace(card, colour="rgb", crop_margin=0.25))
    path = config(tmp_path, ('preset = "tiny"', 'preset = "tiny"\ncheckpoint = "colour.safetensors"'))
    out, picture = tmp_path / "colour", tmp_path / "astronaut.png"
    cv2.imwrite(str(picture), cv2.cvtColor(example_picture(), cv2.COLOR_RGB2BGR))
    executor = NumpyExecutor(IntegerGraph.load(build_of(path, out, "simulate") / "integer.npz"))
    right, grey = (executor.accumulators(example_faces(1, colour=c, margin=m)) for c, m in (("rgb", 0.25), ("grey", 0)))
    assert (right != grey).any()
    assert shown_accumulators((out / "shown.txt").read_text()) == right[0, : len(AUS)].tolist()
    done = auflow("simulate", "--build", out, "--faces", picture, "--frames", 1)
    assert done.returncode == 0, done.stderr
    assert shown_accumulators(done.stdout) == right[0, : len(AUS)].tolist()
    asked: list[np.ndarray] = []

    def watched(levels: Sequence[Level], faces: np.ndarray, *rest: Any) -> Parity:
        asked.append(faces)
        return compare(levels, faces, *rest)

    monkeypatch.setattr(proof, "compare", watched)
    proof.parity(out, picture, 1, 0, None, Console(quiet=True))
    np.testing.assert_array_equal(asked, [example_faces(1, colour="rgb", margin=0.25)])


def build_of(path: Path, out: Path, step: str) -> Path:
    """A build up to a step; shown.txt keeps what a person saw."""
    done = auflow("build", "--config", path, "--out", out, "--sim-frames", 1, "--stop-after", step)
    assert done.returncode == 0, done.stdout + done.stderr
    (out / "shown.txt").write_text(done.stdout)
    return out


def shown_accumulators(text: str) -> list[int]:
    """The accumulators in a table of action units."""
    return [int(value) for value in re.findall(r"^│ AU\d+ [^│]*│ +(-?\d+) │", text, re.MULTILINE)]


def listen_to_ctrl_c() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so do these tests' programs, unless told."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_build_leaves_nothing_half_done_and_resumes(tmp_path: Path) -> None:
    out = tmp_path / "tiny"
    command = [*COMMAND, "build", "--config", str(TINY), "--out", str(out), "--stop-after", "compile"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen_to_ctrl_c
    )
    deadline = time.monotonic() + 300
    while not (out / "integer.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 130 and "goes on with --resume" in errors, errors
    steps = json.loads((out / "build.json").read_text())["steps"]
    assert "export" in steps and "compile" not in steps
    assert not (out / "rtl").exists() and not (out / "accelerator.json").exists()
    done = auflow(*command[3:], "--resume")
    assert done.returncode == 0, done.stderr
    assert "export: done before" in done.stdout and (out / "rtl/accelerator.sv").is_file()
    go_on = f"auflow build --config {TINY} --out {out} --resume --sim-frames 2"
    assert f"Stopped after compile. Go on with: {go_on}" in done.stdout


def test_resume_begins_where_there_is_no_build(tmp_path: Path) -> None:
    """It once missed the folder of its log."""
    done = run_cli("build", "--config", TINY, "--out", tmp_path / "new", "--resume", "--stop-after", "export")
    assert done.status == 0, done.stderr
    assert (tmp_path / "new/model.onnx").is_file()


def test_a_state_of_another_program_is_told_and_overwritten(tmp_path: Path) -> None:
    (tmp_path / "build.json").write_text("{}")
    said = f"of the form that this version knows, got no 'steps' in {tmp_path}/build.json: build again without --resume"
    assert said in told("build", "--config", TINY, "--out", tmp_path, "--resume")
    assert said in told("parity", "--build", tmp_path, "--faces", tmp_path)
    assert run_cli("build", "--config", TINY, "--out", tmp_path, "--stop-after", "export").status == 0


def test_resume_refuses_another_configuration(tmp_path: Path) -> None:
    out = tmp_path / "tiny"
    assert auflow("build", "--config", TINY, "--out", out, "--stop-after", "export").returncode == 0
    other = tmp_path / "other.toml"
    other.write_text(TINY.read_text() + "\n")
    assert "begun from another configuration" in refused("build", "--config", other, "--out", out, "--resume")


def test_all_that_a_build_is_made_from_is_in_its_fingerprint(tmp_path: Path) -> None:
    """Without one of them, --resume would go on with what was made of another."""
    weights = [tmp_path / name for name in ("one.safetensors", "other.safetensors", "none.safetensors")]
    for path in weights[:2]:
        path.write_text(path.name)
    file = tmp_path / "same.toml"
    file.write_text(TINY.read_text())
    changed = tmp_path / "changed.toml"
    changed.write_text(TINY.read_text() + "\n")
    config = load_build(TINY)
    other = replace(config, board=load_board("PYNQ-Z1"))
    keys = [
        flow._fingerprint(TINY, config, weights[0]),
        flow._fingerprint(changed, config, weights[0]),
        flow._fingerprint(TINY, other, weights[0]),
        flow._fingerprint(TINY, replace(config, attention=True), weights[0]),
        flow._fingerprint(TINY, config, weights[1]),
        flow._fingerprint(TINY, config, weights[2]),
    ]
    assert len(set(keys)) == len(keys)
    assert flow._fingerprint(file, config, weights[0]) == keys[0]


def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first step write a file, where what it does takes long and does not matter."""

    def write(job: flow.Job) -> None:
        (job.folder.root / "model.onnx").touch()

    monkeypatch.setitem(flow.STEPS, "export", replace(flow.STEPS["export"], do=write))


def test_a_build_from_elsewhere_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its RTL becomes a program that runs here."""
    out = tmp_path / "tiny"
    words = ("build", "--config", TINY, "--out", out, "--stop-after", "export")
    without_export(monkeypatch)
    assert run_cli(*words).status == 0
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "of another computer"))
    said = told(*words, "--resume")
    assert f"the build of {out}/build.json is program code, and no build of this user on this computer made it" in said
    assert "or build without --resume" in said
    steps = json.loads((out / "build.json").read_text())
    steps["steps"]["verilate"] = {"seconds": 1.0, "files": {}}
    (out / "build.json").write_text(json.dumps(steps))
    for command in (("parity", "--build", out, "--faces", out), ("simulate", "--build", out, "--faces", out)):
        assert "say --trust if you trust who made it" in told(*command)


@pytest.mark.parametrize("error", [RuntimeError("no more"), KeyboardInterrupt()])
def test_a_step_that_fails_keeps_none_of_its_files(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next step, or a person, would take half of them for whole."""
    out = tmp_path / "tiny"

    def fail(job: flow.Job) -> None:
        job.folder.integer.write_text("half")
        raise error

    without_export(monkeypatch)
    monkeypatch.setitem(flow.STEPS, "lower", replace(flow.STEPS["lower"], do=fail))
    assert run_cli("build", "--config", TINY, "--out", out).status == (1 if isinstance(error, RuntimeError) else 130)
    assert (out / "model.onnx").is_file() and not (out / "integer.npz").exists()
    assert list(json.loads((out / "build.json").read_text())["steps"]) == ["export"]


def test_a_build_whose_executors_differ_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it says in which layer, keeps no report, and packs nothing."""
    out = tmp_path / "tiny"
    difference = Difference(
        executor="rtl", layer="conv2_q", output="stream out0", face=1, pattern=None, element=(0, 0, 3),
        action_unit=None, expected=4, actual=5, agreed=("numpy",),
    )  # fmt: skip
    found = Parity(2, (Compared("numpy", "", 2, 0, 0.1, None), Compared("rtl", "", 2, 1, 0.1, difference)))
    monkeypatch.setattr(flow.proof, "prove", lambda *_: (found, [None]))
    monkeypatch.setattr(flow.Contract, "read", lambda path: small_contract())
    for name, step in list(flow.STEPS.items()):
        if name != "simulate":
            monkeypatch.setitem(flow.STEPS, name, replace(step, do=lambda job: None))
    assert "parity failed: " in (said := told("build", "--config", TINY, "--out", out)) and "conv2_q" in said
    assert not (out / "report/parity.json").exists() and not (out / "deploy").exists()


def test_a_resumed_build_makes_again_what_is_no_longer_what_it_made(tmp_path: Path) -> None:
    """It once went on with what was cut short: a traceback, or exit status 0 on RTL that nobody had made."""
    out = tmp_path / "tiny"
    words = ("build", "--config", TINY, "--out", out)
    assert run_cli(*words, "--stop-after", "lower").status == 0
    whole = (out / "integer.npz").read_bytes()
    (out / "integer.npz").write_bytes(whole[:-100])
    done = run_cli(*words, "--resume", "--stop-after", "lower")
    assert done.status == 0, done.stderr
    assert "integer.npz is not what step lower made: the build goes on from there" in done.stdout
    assert "export: done before" in done.stdout and "lower: done before" not in done.stdout
    assert (out / "integer.npz").read_bytes() == whole
    (out / "model.onnx").unlink()
    assert "model.onnx is not what step export made" in run_cli(*words, "--resume", "--stop-after", "export").stdout
    assert not (out / "integer.npz").exists()


def test_one_build_at_a_time_in_a_folder(tmp_path: Path) -> None:
    """Two at once once ended in a segmentation fault."""
    out = tmp_path / "tiny"
    with locked(lock_in(out), "the build"):
        said = told("build", "--config", TINY, "--out", out)
        assert list(out.iterdir()) == [lock_in(out)]
    assert f"the build {out} is in use by this process already" in said


def test_the_command_that_goes_on_can_be_copied(tmp_path: Path) -> None:
    """Without the board that was named, the build once refused the command that it had printed itself."""
    given = ("--config", TINY, "--board", "PYNQ-Z1", "--out", tmp_path / "my build", "--no-simulation", "--attention")
    done = run_cli("build", *given, "--stop-after", "export")
    assert done.status == 0, done.stderr
    (printed,) = re.findall(r"Go on with: auflow (.*)", done.stdout)
    again = run_cli(*shlex.split(printed), "--stop-after", "lower")
    assert again.status == 0, again.stderr
    assert "export: done before" in again.stdout and {"--no-simulation", "--attention"} <= set(shlex.split(printed))


def config(folder: Path, change: tuple[str, str] = ("", ""), extra: str = "") -> Path:
    """The tiny configuration with a change."""
    path = folder / "changed.toml"
    path.write_text(extra + TINY.read_text().replace(*change))
    return path


def test_refuses_a_checkpoint_of_another_preset(tmp_path: Path) -> None:
    path = config(tmp_path, ('preset = "tiny"', f'preset = "w3a3"\ncheckpoint = "{shipped("tiny")}"'))
    said = refused("build", "--config", path, "--out", tmp_path / "out")
    assert "is of preset tiny, need w3a3" in said


def test_refuses_a_truncated_checkpoint(tmp_path: Path) -> None:
    content = shipped("tiny").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    (tmp_path / "cut.json").write_text(shipped("tiny").with_suffix(".json").read_text())
    path = config(tmp_path, ('preset = "tiny"', 'preset = "tiny"\ncheckpoint = "cut.safetensors"'))
    said = refused("build", "--config", path, "--out", tmp_path / "out")
    assert "must have its card's sha256" in said
    assert not (tmp_path / "out/model.onnx").exists()


def test_refuses_an_illegal_folding_with_the_legal_values(tmp_path: Path) -> None:
    path = tmp_path / "folded.toml"
    path.write_text('name = "folded"\npreset = "tiny"\nboard = "Pynq-Z2"\nclock_mhz = 100\n[folding.conv2]\npe = 3\n')
    said = refused("build", "--config", path, "--out", tmp_path / "out")
    assert "pe of conv2 must divide its 8 " in said and "(one of [1, 2, 4, 8]), got 3" in said
    assert not (tmp_path / "out/rtl").exists()


def test_refuses_an_unknown_key(tmp_path: Path) -> None:
    said = refused("build", "--config", config(tmp_path, extra="speed = 9\n"), "--out", tmp_path / "out")
    assert "got 'speed'" in said


def test_refuses_an_unknown_step_and_an_unknown_board(tmp_path: Path) -> None:
    assert "must be one of export, lower" in refused("build", "--config", TINY, "--stop-after", "fly")
    assert "need a board out of" in refused("build", "--config", TINY, "--board", "Abacus", "--out", tmp_path / "o")


def test_refuses_a_folder_it_cannot_write() -> None:
    said = refused("build", "--config", TINY, "--out", "/proc/auflow")
    assert said.startswith("auflow: cannot write /proc/auflow: ")


def test_begins_in_a_folder_that_a_killed_build_left_empty(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".lock").write_text("process 1 (auflow)\n")
    (out / ".build.1.partial.json").write_text('{"key"')
    done = run_cli("build", "--config", TINY, "--out", out, "--stop-after", "export")
    assert done.status == 0, done.stderr


def test_refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    assert "holds files but no build" in refused("build", "--config", TINY, "--out", tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_a_full_disk_is_one_sentence_and_leaves_no_partial_file(tmp_path: Path) -> None:
    def small_files_only() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    out = tmp_path / "out"
    said = refused("build", "--config", TINY, "--out", out, preexec_fn=small_files_only, env={**os.environ})
    assert "model.onnx" in said
    assert not list(out.glob("*.onnx")) and not list(out.glob("*partial*")) and not list(out.glob(".*partial*"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.png", b"", "a picture must hold data, got the empty file"),
        ("corrupt.jpg", b"\xff\xd8\xff\xe0 no picture", "a picture must be a file OpenCV reads"),
    ],
)
@pytest.mark.verilator
def test_refuses_a_bad_picture(name: str, content: bytes, said: str, build: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in refused("simulate", "--build", build, "--faces", tmp_path / name, "--frames", 1)


@pytest.mark.verilator
def test_refuses_an_array_of_another_shape(build: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((2, 48, 64), np.uint8))
    assert "(2, 48, 64)" in refused("simulate", "--build", build, "--faces", tmp_path / "wide.npy", "--frames", 1)


@pytest.mark.verilator
def test_refuses_a_picture_without_a_face(build: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((300, 400, 3), 127, np.uint8))
    said = refused("simulate", "--build", build, "--faces", tmp_path / "grey.png", "--frames", 1)
    assert "must show a face, found none" in said


def test_refuses_a_folder_without_a_build(tmp_path: Path, faces: Path) -> None:
    assert "no build in" in refused("simulate", "--build", tmp_path, "--faces", faces, "--frames", 1)


@pytest.mark.verilator
def test_the_report_shows_synthesis_where_it_was_done(build: Path) -> None:
    nodes = json.loads((build / "report" / "estimate.json").read_text())["nodes"]
    counts = {name: {"lut": 7, "memory_lut": 0, "ff": 5, "bram18": 0, "dsp": 0} for name in nodes}
    counts["conv2_memory"] = {"lut": 100, "memory_lut": 90, "ff": 10, "bram18": 3, "dsp": 0}
    path = build / "report" / "synthesis.json"
    path.write_text(json.dumps({"nodes": counts}))
    try:
        found = facts.read(build)
    finally:
        path.unlink()
    assert found.synthesised
    assert found.resources == Resources(7 * len(nodes) + 100, 5 * len(nodes) + 10, 3, 0)
    assert not facts.read(build).synthesised


@pytest.mark.verilator
def test_the_report_shows_the_slack_where_it_was_timed(build: Path) -> None:
    folder = BuildFolder(build)
    timing.write(folder, timed(clock_mhz=1000.0))  # of two endpoints one has none
    try:
        assert auflow("report", "--build", build).returncode == 0
        page = (build / "report/index.html").read_text()
        rows = re.findall(r'<tr( class="over")?><td>(conv1\w*)</td><td>1</td>\s*<td>(1?)</td><td>(-?[\d.]+)</td>', page)
        assert rows == [(' class="over"', "conv1", "1", "-0.50"), ("", "conv1_q_fork", "", "0.19")]
        assert "1 of 2 endpoints take longer than their\nclock, the least slack is -0.50 ns" in page
        (shown,) = re.findall(r'alt="Slack" src="data:image/png;base64,([^"]+)"', page)
        assert base64.b64decode(shown) == (build / "report/slack.png").read_bytes()
        picture = cv2.imread(str(build / "report/slack.png"))
        assert picture is not None
        pixels = picture.reshape(-1, 3)[:, ::-1]
        colours = {colour: (pixels == list(bytes.fromhex(colour[1:]))).all(axis=1).sum() for colour in (ORANGE, BLUE)}
        assert min(colours.values()) > 100, "a bar that fails and one that does not"
    finally:
        folder.report_file("timing").unlink()
        folder.timing_rows.unlink()
    assert auflow("report", "--build", build).returncode == 0
    assert "Slack" not in (build / "report/index.html").read_text()


@pytest.mark.verilator
def test_the_report_tells_what_was_simulated(build: Path) -> None:
    done = auflow("report", "--build", build, "--without", build)
    assert done.returncode == 0, done.stderr
    report = build / "report"
    page = (report / "index.html").read_text()
    figures = json.loads((report / "simulation.json").read_text())
    estimate = json.loads((report / "estimate.json").read_text())
    assert f"<b>{1e8 / figures['interval_cycles']:,.0f}</b>frames per second" in page
    assert "<td>latency in ms</td>" in page and "<td>+0.00</td>" in page  # the cost of attention, against itself
    assert not re.search(r"""(src|href)=["'](?!data:)""", page), "the page needs other files"
    with (report / "layers.csv").open() as file:
        layers = list(csv.DictReader(file))
    assert {row["layer"] for row in layers} > {"conv1", "attention2_spatial_q", "fc3"}
    for key in ("lut", "ff", "dsp"):
        assert sum(int(row[key]) for row in layers) == estimate["total"][key]
    for picture in ("waterfall", "stalls", "fifos", "resources", "roofline"):
        pixels = cv2.imread(str(report / f"{picture}.png"))
        assert pixels is not None and pixels.shape[0] > 300 and pixels.shape[1] > 900
    timeline = Timeline.load(report / "timeline.npz")
    ends = [timeline.end("out0", frame) for frame in range(timeline.frames)]
    step = figures["interval_cycles"] // 400
    np.testing.assert_allclose(np.diff(ends), figures["interval_cycles"], rtol=0, atol=step + 1)
    assert timeline.begin("out0", 0) - figures["first_out_cycles"] in range(step + 2)


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("file", "step"),
    [
        *(("report/simulation.json", "simulate"), ("report/estimate.json", "compile"), ("accelerator.json", "compile")),
        *(("dataflow.onnx", "compile"), ("integer.npz", "lower")),
    ],
)
def test_a_report_refuses_a_build_that_was_damaged(build: Path, file: str, step: str) -> None:
    """These once ended in sixteen different tracebacks."""
    whole = (build / file).read_bytes()
    try:
        (build / file).write_bytes(whole[: len(whole) // 2])
        said = told("report", "--build", build)
    finally:
        (build / file).write_bytes(whole)
    assert (
        said == f"{build / file} is not what step {step} made: give the same `auflow build` with --resume, which"
        " makes it anew"
    )


@pytest.mark.verilator
@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"nodes": {}}', '{"nodes": {"conv1": {"lut": "many"}}}', "[" * 99_999]
)
def test_a_report_refuses_a_damaged_synthesis(build: Path, content: str) -> None:
    path = build / "report/synthesis.json"
    try:
        path.write_text(content)
        said = told("report", "--build", build)
    finally:
        path.unlink()
    assert said.startswith("the synthesis report of a build must be ") or said.startswith("invalid literal")
    assert said.endswith(f"in {path}: run `auflow synth` again")


@pytest.mark.verilator
@pytest.mark.parametrize("command", ["parity", "simulate"])
def test_rtl_that_was_changed_does_not_run(build: Path, faces: Path, command: str) -> None:
    """It is program code, and what the build remembers of it is a digest."""
    path = build / "rtl/accelerator.sv"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole + b"// not ours\n")
        said = told(command, "--build", build, "--faces", faces)
    finally:
        path.write_bytes(whole)
    assert f"{path} is not what step compile made" in said


def test_a_report_needs_a_simulated_build(tmp_path: Path) -> None:
    assert "no build in" in refused("report", "--build", tmp_path)
