# SPDX-License-Identifier: Apache-2.0
"""A finder is opened by name out of a deployment, and what it lacks is one sentence."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import cv2
import pytest
from finders import finder_files
from packages import seal, write_package
from scenes import astronaut

from board.deployment import FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS, Deployment
from board.detector import AUDetector
from board.faces.finders import CHOICES, NAMES, networks, open_finder
from board.faces.finders.haar import Haar


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A deployment without a face finder."""
    return write_package(tmp_path / "bare")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A deployment with YuNet for both runtimes."""
    out = write_package(tmp_path / "deploy")
    for name, source in finder_files().items():
        (out / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, out / name)
    seal(out)
    return out


@pytest.fixture
def without_ncnn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "ncnn", None)


def test_auto_takes_yunet_where_it_is(folder: Path, bare: Path) -> None:
    assert open_finder(Deployment(folder)).name == open_finder(Deployment(folder), "yunet").name == "yunet"
    assert open_finder(Deployment(bare)).name == open_finder(Deployment(folder), "haar").name == "haar"
    assert CHOICES == ("auto", *NAMES) == ("auto", "yunet", "haar")


def test_a_detector_takes_the_deployments_or_the_one_it_is_given(folder: Path) -> None:
    with AUDetector(folder, "numpy") as detector:
        assert detector.finder.name == "yunet"
    given = Haar()
    with AUDetector(folder, "numpy", given) as detector:
        assert detector.finder is given


def test_both_runtimes_find_the_same(folder: Path, request: pytest.FixtureRequest) -> None:
    fast = open_finder(Deployment(folder))
    request.getfixturevalue("without_ncnn")
    slow = open_finder(Deployment(folder))
    assert slow.description == f"YuNet on OpenCV {cv2.__version__}"
    picture = astronaut()
    for one, other in (
        (fast.search(picture), slow.search(picture)),
        (fast.search_still(picture), slow.search_still(picture)),
    ):
        assert [(face.box, face.roll_deg) for face in one] == [(face.box, face.roll_deg) for face in other]


def test_opencv_takes_what_was_not_converted(folder: Path) -> None:
    (folder / FINDER_PARAM).unlink()
    (folder / FINDER_WEIGHTS).unlink()
    seal(folder)
    assert "OpenCV" in open_finder(Deployment(folder)).description


def test_the_options_reach_the_finder(folder: Path) -> None:
    (face,) = open_finder(Deployment(folder)).search(astronaut())
    for name in NAMES:
        assert open_finder(Deployment(folder), name, least_confidence=0.99).search(astronaut()) == []
        assert open_finder(Deployment(folder), name, least_face_px=300).search(astronaut()) == []
        assert len(open_finder(Deployment(folder), name, 0.5, 50).search(astronaut())) == 1
    assert face.box.side < 300


def test_a_deployment_without_its_files_says_so(bare: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold finder/yunet\.onnx for this, but was built without it"):
        open_finder(Deployment(bare), "yunet")


@pytest.mark.parametrize("name", [FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[1000] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} must have sha256 .*: unpack it again"):
        open_finder(Deployment(folder))


def test_another_name_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="a finder must be one of auto, yunet, haar, got 'mtcnn'"):
        open_finder(Deployment(folder), "mtcnn")


@pytest.mark.usefixtures("without_ncnn")
def test_no_runtime_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "dnn")
    with pytest.raises(RuntimeError, match=r"finder yunet needs ncnn or OpenCV's dnn, .* has none: install ncnn"):
        open_finder(Deployment(folder), "yunet")


@pytest.mark.usefixtures("without_ncnn")
def test_a_model_that_opencv_cannot_read_is_one_sentence(folder: Path) -> None:
    (folder / FINDER_MODEL).write_bytes(b"no network")
    seal(folder)
    with pytest.raises(RuntimeError, match=r"needs ncnn or an OpenCV that reads yunet\.onnx") as told:
        open_finder(Deployment(folder))
    assert "\n" not in str(told.value)


def test_ncnn_refuses_other_files(folder: Path) -> None:
    pytest.importorskip("ncnn")
    (folder / FINDER_PARAM).write_text("no network")
    seal(folder)
    with pytest.raises(RuntimeError, match=r"ncnn must load .*yunet\.param and its weights"):
        open_finder(Deployment(folder))
