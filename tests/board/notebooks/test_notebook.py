# SPDX-License-Identifier: Apache-2.0
"""The demo notebook runs unattended on an emulated board, shows what it promises, and is committed clean."""

from __future__ import annotations

import importlib.util
import json
import os
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import board.notebooks
from board.deployment import Deployment

NOTEBOOK = Path(board.notebooks.__file__).parent / "au_demo.ipynb"


def test_it_is_committed_without_outputs() -> None:
    content = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 5
    for cell in code:
        assert cell["outputs"] == [] and cell["execution_count"] is None, cell["id"]
    assert not any("attachments" in cell for cell in content["cells"])


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each cell gave on an emulated board with the RTL of a deployment behind it."""
    if importlib.util.find_spec("pynq") is None or importlib.util.find_spec("nbclient") is None:
        pytest.skip("needs pynq and nbclient, which scripts/setup.sh board installs")
    if "AUFLOW_DEPLOY" not in os.environ:
        pytest.skip("AUFLOW_DEPLOY names no deployment")
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    root = Path(board.__file__).parents[1]
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(root)  # the kernel's
    try:
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return {cell["id"]: cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"}


def text(cell: list[Any]) -> str:
    return "".join(output.get("text", "") for output in cell)


def pictures(cell: list[Any]) -> int:
    """How many pictures a cell displays."""
    kinds = {"image/png", "image/jpeg"}
    return sum(bool(kinds & set(output.get("data", {}))) for output in cell)


def test_it_says_what_it_runs_on(outputs: dict[str, list[Any]]) -> None:
    simulated = Deployment(Path(os.environ["AUFLOW_DEPLOY"])).manifest.simulation
    here = simulated is not None and simulated.platform == sysconfig.get_platform()
    behind = "the verilated RTL" if here else "the integer graph at the simulated timing"
    assert f"on an emulated Pynq-Z2 with {behind}" in text(outputs["load"])


def test_it_shows_the_face_and_its_action_units(outputs: dict[str, list[Any]]) -> None:
    assert pictures(outputs["picture"]) == 1
    assert "face 0: " in text(outputs["picture"])


def test_parity_holds_in_it(outputs: dict[str, list[Any]]) -> None:
    assert text(outputs["parity"]).startswith("0 of ")


def test_it_plays_the_video_and_plots_action_units_each_in_one_place(outputs: dict[str, list[Any]]) -> None:
    assert pictures(outputs["live"]) == 2
    assert "6 frames" in text(outputs["live"]) and "{'ok': 6}" in text(outputs["live"])


def test_it_plots_both_executors_and_the_accelerator(outputs: dict[str, list[Any]]) -> None:
    assert pictures(outputs["bench"]) == 2
    assert "the accelerator alone: " in text(outputs["cycles"])
