# SPDX-License-Identifier: Apache-2.0
"""Integer graphs and their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import small_graph

import board.core.layers
from board.core.graph import IntegerGraph
from board.core.layers import KINDS
from board.core.layers.conv import Conv
from board.core.layers.gate import Gate
from board.core.node import Node


def test_ctrl_c_while_saving_is_no_other_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any, **options: Any) -> None:
        """As numpy's, where Ctrl-C comes while a member of its zip is open."""
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ValueError("Can't close the ZIP file while there is an open writing handle on it.")  # noqa: B904 # the context is the point

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small_graph().save(tmp_path / "integer.npz")


def test_a_layer_of_an_unknown_kind_is_told(tmp_path: Path) -> None:
    small_graph().save(tmp_path / "integer.npz")
    with np.load(tmp_path / "integer.npz") as archive:
        arrays = dict(archive)
    description = json.loads(str(arrays["description"]))
    description["nodes"][0]["type"] = "Softmax"
    np.savez(tmp_path / "newer.npz", **{**arrays, "description": np.array(json.dumps(description))})
    with pytest.raises(
        ValueError, match=r"a layer's kind must be one of Append, Channel.*, got 'Softmax' in .*newer\.npz: build again"
    ):
        IntegerGraph.load(tmp_path / "newer.npz")


def test_a_file_of_before_convolutions_had_strides_is_read(tmp_path: Path) -> None:
    small_graph().save(tmp_path / "integer.npz")
    with np.load(tmp_path / "integer.npz") as archive:
        arrays = dict(archive)
    description = json.loads(str(arrays["description"]))
    convs = [node for node in description["nodes"] if node["type"] == "Conv"]
    assert convs
    for conv in convs:
        del conv["strides"], conv["pads"]
    np.savez(tmp_path / "older.npz", **{**arrays, "description": np.array(json.dumps(description))})
    again = IntegerGraph.load(tmp_path / "older.npz")
    conv = next(node for node in again.nodes if isinstance(node, Conv))
    assert conv.strides == (1, 1) and conv.padding == tuple(side // 2 for side in conv.kernel) * 2


def test_every_file_of_layers_is_found() -> None:
    folder = Path(board.core.layers.__file__).parent
    assert {kind.__module__.rpartition(".")[2] for kind in KINDS.values()} == {
        path.stem for path in folder.glob("*.py")
    } - {"__init__"}
    assert KINDS["Gate"] is Gate
    assert all(issubclass(kind, Node) for kind in KINDS.values())
