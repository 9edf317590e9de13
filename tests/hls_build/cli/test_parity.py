# SPDX-License-Identifier: Apache-2.0
"""`auflow parity` is of a build or of a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import refused, run_cli
from packages import write_package

from hls_build.cli import parity


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("deploy") / "deploy")


def test_of_a_deployment(deploy: Path, tmp_path: Path) -> None:
    ran = run_cli("parity", "--deploy", deploy, "--executors", "numpy", "--count", 3)
    assert ran.status == 0 and "0 of 9 differ" in ran.stdout


def test_without_either_it_is_of_the_weights_that_come_along(deploy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(deploy.parent)
    monkeypatch.setattr(parity, "weights", lambda name=None: deploy)
    ran = run_cli("parity", "--executors", "numpy", "--count", 2)
    assert ran.status == 0 and "0 of 8 differ" in ran.stdout


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
