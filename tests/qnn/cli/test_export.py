# SPDX-License-Identifier: Apache-2.0
"""The commands of this package do what their functions do, and print it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from quantized_networks import save_network
from typer.testing import CliRunner

from qnn.cli import export
from qnn.network.model import Architecture


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    """A program with this package's commands only."""
    app = typer.Typer()
    export.register(app)
    return app


def test_complexity_writes_json_and_prints_a_table(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["complexity", "--json", str(tmp_path / "c.json"), "--aus", "7"])
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    for figure in ("1,446,605 trainable", "256 non-trainable", "0.11 GMAC", "5.52 MiB", "432.0 KiB"):
        assert figure in text
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["trainable"] == 1_446_605
    assert set(content["weight_bytes"]) >= {"float", "w4a4", "w3a3", "w2a4", "w2a2"}


def test_export_writes_a_folder_and_prints_the_sigmoids(app: typer.Typer, tmp_path: Path) -> None:
    path = save_network(tmp_path, Architecture(attention=False, divisor=8), "w2a2")
    arguments = ["export", "--checkpoint", str(path), "--out", str(tmp_path / "out"), "--preset", "w2a2"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "w2a2: 0 of 0 sigmoids corrected" in result.output
    digest = json.loads((tmp_path / "out" / "export.json").read_text())["model_sha256"]
    assert digest in result.output


def test_bad_input_is_one_sentence(app: typer.Typer, tmp_path: Path) -> None:
    arguments = ["export", "--checkpoint", str(tmp_path / "none.safetensors"), "--out", str(tmp_path)]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, ValueError)
    assert "no checkpoint at" in str(error)
