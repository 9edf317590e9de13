# SPDX-License-Identifier: Apache-2.0
"""The bill of materials: every file of others, every package, valid by shape, and equal for equal deployments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import board
from board.core.files import sha256
from board.deployment import FINDER_MODEL, LIBRARY
from hls_build.build import bom


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a deployment of a simulated accelerator holds, as far as a bill looks at it."""
    names = ("integer.npz", FINDER_MODEL, LIBRARY, f"auflow_board-{board.__version__}-py3-none-any.whl")
    for name in (*names, "wheels/ncnn-1.0.20261020-cp310-cp310-manylinux_2_31_armv7l.whl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def bill(folder: Path) -> dict[str, Any]:
    bom.write(folder, "tiny")
    content: dict[str, Any] = json.loads((folder / bom.BOM).read_text())
    return content


def by_name(folder: Path) -> dict[str, dict[str, Any]]:
    return {one["bom-ref"]: one for one in bill(folder)["components"]}


def test_it_names_the_wheels_with_version_licence_and_digest(folder: Path) -> None:
    found = by_name(folder)
    ours, ncnn = found["library:auflow-board"], found["library:ncnn"]
    assert (ours["version"], ours["licenses"]) == (board.__version__, [{"expression": "Apache-2.0"}])
    assert ncnn["purl"] == "pkg:pypi/ncnn@1.0.20261020"
    (file,) = ncnn["components"]
    assert file["hashes"] == [{"alg": "SHA-256", "content": sha256(folder / file["name"])}]


def test_it_names_the_face_finder_with_its_licence(folder: Path) -> None:
    model = by_name(folder)["machine-learning-model:face_detection_yunet"]
    assert model["licenses"] == [{"expression": "MIT"}]
    assert [file["name"] for file in model["components"]] == [FINDER_MODEL]


def test_it_names_what_is_compiled_in_only_where_it_is(folder: Path) -> None:
    assert {"library:finn-plus", "library:verilator"} <= by_name(folder).keys()
    (folder / LIBRARY).unlink()
    assert not {"library:finn-plus", "library:verilator"} & by_name(folder).keys()


def test_it_lists_what_a_board_installs(folder: Path) -> None:
    installed = {ref.partition(":")[2] for ref in by_name(folder) if ref.startswith("installed:")}
    assert {"numpy", "opencv-python-headless", "onnxruntime", "ncnn"} <= installed


def test_references_are_unique_and_no_path_or_time_is_told(folder: Path) -> None:
    content = bill(folder)
    refs = [one["bom-ref"] for one in content["components"]]
    assert len(refs) == len(set(refs))
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    assert str(folder) not in json.dumps(content) and "timestamp" not in json.dumps(content)


def test_equal_deployments_have_equal_bills_and_others_other_numbers(folder: Path) -> None:
    first = bill(folder)
    assert bill(folder) == first
    (folder / "integer.npz").write_text("another network")
    assert bill(folder)["serialNumber"] != first["serialNumber"]
