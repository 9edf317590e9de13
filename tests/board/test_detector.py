# SPDX-License-Identifier: Apache-2.0
"""The detector gives the same answer from every executor, and names what it cannot do."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from packages import faces, seal, small_contract, small_graph, write_package
from scenes import astronaut

from board import executors
from board.core.contract import Contract
from board.core.facs import nearest_emotions
from board.core.graph import IntegerGraph
from board.deployment import CONTRACT, Deployment
from board.detector import AUDetector, Located
from board.executors.numpy_executor import NumpyExecutor
from board.faces.crop import Box, to_input
from board.faces.find import Face
from board.observation import NO_FACE, OK
from board.sources.frame import Frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_package(tmp_path / "deploy")


def test_faces_to_action_units(folder: Path) -> None:
    x = faces(11)
    expected = small_graph().run(x).reshape(11, -1)
    outputs = small_contract().outputs(expected)
    with AUDetector(folder, "numpy") as detector:
        answers = detector.outputs(x)
    assert len(answers) == 11
    for index, answer in enumerate(answers):
        np.testing.assert_array_equal(answer.accumulators, expected[index])
        np.testing.assert_array_equal(answer.probabilities, outputs[index].probabilities)
        np.testing.assert_array_equal(answer.occurrence, outputs[index].occurrence)
    emotions = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
    assert [answer.emotion for answer in answers] == [
        emotions[i] for i in nearest_emotions(np.stack([one.logits for one in outputs]))
    ]


def test_emotions_of_their_own_stand_between_aus_and_attention(tmp_path: Path) -> None:
    x, rule = faces(9), small_contract(attention=True, emotions=True)
    sums = small_graph(emotions=True).run(x).reshape(9, 20)
    with AUDetector(write_package(tmp_path / "twenty", attention=True, emotions=True), "numpy") as detector:
        np.testing.assert_array_equal(detector.accumulators(x), sums)
        maps, answers = detector.attention(x), detector.outputs(x)
    for answer, row, looked in zip(answers, sums, maps, strict=True):
        assert answer.accumulators.tolist() == row.tolist()
        np.testing.assert_array_equal(answer.attention, looked)
        assert answer.emotion_logits is not None and answer.emotion_probabilities is not None
        own = [each.scale * value + each.offset for each, value in zip(rule.emotions, row[13:], strict=True)]
        assert answer.emotion_logits.tolist() == own
        assert answer.emotion == rule.emotions[int(np.argmax(own))].name
    assert len({tuple(row[13:]) for row in sums.tolist()}) > 5


def test_no_faces_are_no_answers(folder: Path) -> None:
    with AUDetector(folder, "numpy") as detector:
        assert detector.outputs(faces(0)) == []
        assert detector.accumulators(faces(0)).shape == (0, 13)


@pytest.mark.parametrize(
    "bad", [np.zeros((1, 48, 48, 3)), np.zeros((48, 48, 3), np.uint8), np.zeros((1, 48, 48, 1), np.uint8)]
)
def test_other_arrays_are_refused(folder: Path, bad: np.ndarray) -> None:
    with AUDetector(folder, "numpy") as detector, pytest.raises(ValueError, match="faces must be uint8 of shape"):
        detector.outputs(bad)


def test_other_action_units_have_no_emotion(folder: Path) -> None:
    contract = Contract.read(folder / CONTRACT)
    units = list(contract.action_units)
    units[0] = replace(units[0], name="AU25 Lips part")
    replace(contract, action_units=tuple(units)).write(folder / CONTRACT)
    seal(folder)
    with AUDetector(folder, "numpy") as detector:
        assert detector.outputs(faces(2))[0].emotion is None


def test_attention_is_the_first_spatial_gate(folder: Path) -> None:
    found: dict[str, np.ndarray] = {}
    small_graph().run(faces(2), found.__setitem__)
    with AUDetector(folder, "numpy") as detector:
        maps = detector.attention(faces(2))
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps, (found["gate"][..., 0] / 15).astype(np.float32))


@pytest.fixture
def appended(tmp_path: Path) -> Path:
    """A deployment whose output frame carries attention."""
    return write_package(tmp_path / "appended", attention=True)


@pytest.mark.parametrize("executor", ["numpy", pytest.param("fpga", marks=pytest.mark.board)])
def test_attention_that_came_along_is_the_same(executor: str, folder: Path, appended: Path) -> None:
    x = faces(9)
    with AUDetector(folder, "numpy") as software, AUDetector(appended, executor) as detector:
        maps = detector.attention(x)
        assert maps.dtype == np.float32
        np.testing.assert_array_equal(maps, software.attention(x))
        np.testing.assert_array_equal(detector.accumulators(x), software.accumulators(x))
        for ours, theirs in zip(detector.outputs(x), software.outputs(x), strict=True):
            np.testing.assert_array_equal(ours.accumulators, theirs.accumulators)
            np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
        assert detector.accumulators(faces(0)).shape == (0, 13) and detector.attention(faces(0)).shape == (0, 24, 24)


def test_attention_that_came_along_is_not_computed_again(
    folder: Path, appended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numpy takes longer for it than an accelerator for all else."""
    face = Face(0, Box(0, 0, 48), 1.0)
    located = [Located(Frame(index, 0.0, "", crop, "", 0.0), (face,)) for index, crop in enumerate(faces(3))]
    located.insert(1, Located(located[0].frame, ()))
    with AUDetector(folder, "numpy") as software:
        expected = software.observe(located, attention=True)
    monkeypatch.setattr(Deployment, "integer_graph", None)  # which nothing may ask for
    asked: list[int] = []
    with AUDetector(appended, executor_of(small_graph(attention=True), asked, monkeypatch)) as detector:
        seen, plain = (detector.observe(located, attention=wanted) for wanted in (True, False))
    assert asked == [3, 3]
    assert [one.status for one in chain(*seen)] == [one.status for one in chain(*expected)]
    maps, right = ([one.attention for one in chain(*every) if one.attention is not None] for every in (seen, expected))
    assert len(right) == 3
    np.testing.assert_array_equal(maps, right)
    assert [one.attention for frame in plain for one in frame] == [None] * 4


def executor_of(graph: IntegerGraph, asked: list[int], monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an executor of a graph that notes how many faces it was asked for."""

    class Counting(NumpyExecutor):
        def accumulators(self, x: np.ndarray) -> np.ndarray:
            asked.append(len(x))
            return super().accumulators(x)

    monkeypatch.setitem(executors.EXECUTORS, "numpy", lambda _: Counting(graph))
    return "numpy"


def test_a_picture_is_searched_cut_and_answered(folder: Path) -> None:
    picture = astronaut()
    with AUDetector(folder, "numpy") as detector:
        (seen,) = detector.detect(picture, attention=True)
        (face,) = detector.finder.search_still(picture)
        (expected,) = detector.outputs(detector.cut(picture, [face]))
        (nothing,) = detector.detect(np.full((100, 100, 3), 90, np.uint8))
    assert seen.status == OK and seen.face is not None and seen.face == face and face.face_id == 0
    assert seen.aus is not None and seen.attention is not None and seen.latency_s > 0
    np.testing.assert_array_equal(seen.aus.accumulators, expected.accumulators)
    assert nothing.status == NO_FACE and nothing.aus is None


@pytest.mark.parametrize("margin", [0.0, 0.25])
def test_a_picture_of_the_inputs_size_is_a_face_already(folder: Path, margin: float) -> None:
    """It was refused once: nothing was found in it, though the command line took it."""
    contract = Contract.read(folder / CONTRACT)
    replace(contract, input=replace(contract.input, crop_margin=margin)).write(folder / CONTRACT)
    seal(folder)
    crop = faces(1)[0]
    with AUDetector(folder, "numpy") as detector:
        for picture in (crop, crop[..., 0]):
            (seen,) = detector.detect(picture)
            assert seen.status == OK and seen.aus is not None and seen.face is not None
            assert (seen.face.box, seen.face.confidence) == (Box(0, 0, 48), 1.0)
            (expected,) = detector.accumulators(to_input(picture, contract.input.colour)[np.newaxis])
            np.testing.assert_array_equal(seen.aus.accumulators, expected)


def test_the_crop_follows_the_contract(folder: Path) -> None:
    contract = Contract.read(folder / CONTRACT)
    rule = replace(contract.input, colour="rgb", crop_margin=0.25)
    replace(contract, input=rule).write(folder / CONTRACT)
    seal(folder)
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[40:160, 40:160] = (0, 250, 0)
    picture[60:140, 60:140] = (250, 0, 0)
    with AUDetector(folder, "numpy") as detector:
        (cut,) = detector.cut(picture, [Face(0, Box(60, 60, 80), 1.0)])  # 120 pixels with the margin: green round red
    assert (cut[:7] == (0, 250, 0)).all() and (cut[10:38, 10:38] == (250, 0, 0)).all()


def test_auto_takes_what_is_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = Deployment(folder)
    assert executors.best(deployment) == "numpy"  # no standard.onnx, no bitfile
    (folder / "standard.onnx").touch()
    seal(folder)
    assert executors.best(Deployment(folder)) == ("onnx" if find_spec("onnxruntime") else "numpy")
    for name in ("accelerator.bit", "accelerator.hwh"):
        (folder / name).touch()
    seal(folder)
    assert executors.best(Deployment(folder)) != "fpga"  # this is no board
    monkeypatch.setattr("board.executors.fpga_executor.on_a_board", lambda: True)
    for pynq, best in ((True, "fpga"), (False, "numpy")):
        monkeypatch.setattr(executors, "find_spec", lambda name, pynq=pynq: pynq)
        assert executors.best(Deployment(folder)) == best


def test_an_unknown_executor_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match="an executor must be one of auto, fpga, numpy, onnx, rtl, got 'gpu'"):
        AUDetector(folder, "gpu")


@pytest.mark.skipif(find_spec("onnxruntime") is not None, reason="onnxruntime is installed")
def test_a_missing_onnxruntime_is_named(folder: Path) -> None:
    (folder / "standard.onnx").touch()
    seal(folder)
    with pytest.raises(RuntimeError, match="executor onnx needs onnxruntime, which is not installed"):
        AUDetector(folder, "onnx")


@pytest.mark.skipif(find_spec("pynq") is not None, reason="pynq is installed")
def test_a_missing_pynq_is_named(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="an emulated board needs pynq"):
        AUDetector(folder, "fpga")


@pytest.mark.board
def test_the_fpga_is_emulated_at_the_simulated_timing_without_a_library(folder: Path) -> None:
    with AUDetector(folder, "fpga") as detector:
        assert detector.executor.description == "an emulated Pynq-Z2 with the integer graph at the simulated timing"
        np.testing.assert_array_equal(detector.accumulators(faces(9)), small_graph().run(faces(9)).reshape(9, -1))


@pytest.mark.board
def test_weights_alone_have_no_accelerator_to_emulate(folder: Path) -> None:
    from board.deployment import Timing

    replace(Deployment(folder).manifest, timing=Timing()).write(folder)
    with pytest.raises(ValueError, match=r"executor fpga needs an accelerator, got .*: run `auflow build`"):
        AUDetector(folder, "fpga")


def test_a_board_needs_a_bitfile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("board.executors.fpga_executor.on_a_board", lambda: True)
    with pytest.raises(
        ValueError, match=r"the FPGA needs a bitfile, got .*, which was built without one: run `auflow b"
    ):
        AUDetector(folder, "fpga")
    assert AUDetector(folder).executor.name != "fpga"


@pytest.mark.skipif("AUFLOW_DEPLOY" not in os.environ, reason="AUFLOW_DEPLOY names no deployment")
@pytest.mark.parametrize("name", ["rtl", "fpga"])
def test_the_rtl_gives_the_same_integers(name: str) -> None:
    if name == "fpga" and find_spec("pynq") is None:
        pytest.skip("needs pynq, which scripts/setup.sh board installs")
    deployment = Deployment(Path(os.environ["AUFLOW_DEPLOY"]))
    simulated = deployment.manifest.simulation
    if simulated is None or simulated.platform != sysconfig.get_platform():
        pytest.skip("needs a deployment with a simulation library of this platform")
    x = np.repeat(faces(3)[..., :1], 3, axis=3)
    with AUDetector(deployment, "numpy") as software, AUDetector(deployment, name) as detector:
        assert "verilated RTL" in detector.executor.description
        np.testing.assert_array_equal(detector.accumulators(x), software.accumulators(x))
        np.testing.assert_array_equal(detector.attention(x), software.attention(x))
