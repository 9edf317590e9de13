# SPDX-License-Identifier: Apache-2.0
"""`auflow parity` is of a build or of a deployment, and `simulate` and it cut faces as a build's contract says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import refused, run_cli
from packages import write_package
from scenes import astronaut

from board.faces.load import load_faces
from hls_build.build import flow
from hls_build.cli import parity


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("deploy") / "deploy")


def test_of_a_deployment(deploy: Path, tmp_path: Path) -> None:
    ran = run_cli("parity", "--deploy", deploy, "--executors", "numpy", "--count", 3)
    assert ran.status == 0 and "0 of 3 differ" in ran.stdout


def test_without_either_it_is_of_the_weights_that_come_along(deploy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(deploy.parent)
    monkeypatch.setattr(parity, "weights", lambda: deploy)
    ran = run_cli("parity", "--executors", "numpy", "--count", 2)
    assert ran.status == 0 and "0 of 2 differ" in ran.stdout


def test_not_of_both(deploy: Path) -> None:
    ran = run_cli("parity", "--build", "b", "--deploy", deploy)
    assert ran.status == 2 and "argument --deploy: not allowed with argument --build" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--build", "b"), "parity --build needs --faces"),
        (("--build", "b", "--faces", "f.npy", "--executors", "rtl"), "takes no --executors"),
        (("--stalls", 3), "--stalls goes with --build"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(words: tuple[object, ...], said: str) -> None:
    assert said in refused("parity", *words)


@pytest.mark.parametrize("command", ["simulate", "parity"])
def test_faces_are_cut_as_the_contract_says(
    command: str, deploy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, they were grey and without margin whatever the network had learned from."""
    one, seen = {"simulate": "--frames", "parity": "--count"}, []

    def look(build: Path, faces: np.ndarray, *_: object) -> dict[str, Any]:
        seen.append(faces)
        return {"mismatches": 0, "difference": None}

    monkeypatch.setattr(flow, command, look)
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    text = (deploy / "accelerator.json").read_text()
    for colour, margin in (("rgb", 0.25), ("grey", 0.0)):
        content = json.loads(text)
        content["input"] |= {"colour": colour, "crop_margin": margin}
        (tmp_path / "accelerator.json").write_text(json.dumps(content))
        assert run_cli(command, "--build", tmp_path, "--faces", path, one[command], 1).status == 0
        np.testing.assert_array_equal(seen.pop(), load_faces(path, 1, colour, margin))
