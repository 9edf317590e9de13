# SPDX-License-Identifier: Apache-2.0
"""The pages name every key of every file that a user meets: JSON, CSV, TOML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from packages import small_contract

from board.core.contract import Contract, InputRule, StreamPacking
from board.core.facs import AU_NAMES
from board.core.outputs import ActionUnit, Attention, Emotion
from board.deployment import Manifest, Simulated, Timing
from board.faces.crop import Box
from board.faces.find import Face
from board.observation import OK, Observation
from board.outputs.jsonl import as_json
from board.outputs.openface_csv import COLUMNS
from board.parity import Compared, Parity
from hls_build.config.board import Board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.cost.resources import Resources
from hls_build.estimate import Estimate, NodeEstimate
from hls_build.rtl.stitch import Stitched
from hls_build.vivado.reports import Implemented
from qnn.data.soft_labels import SoftLabels
from qnn.export.export import ExportReport
from qnn.export.sigmoids import SigmoidCheck
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture
from qnn.network.presets import Preset

DOCS = Path(__file__).parents[1] / "docs"
FORMATS = "formats.md"
WRITTEN = (
    Contract, InputRule, ActionUnit, Emotion, Attention, StreamPacking, Manifest, Simulated, Timing, ExportReport,
    SigmoidCheck, Card, Architecture, Compared, Stitched, Implemented, Resources, SoftLabels,
)  # fmt: skip
"""Classes whose fields are the keys of a file."""
CODE = r"`[^`]*\b{}\b[^`]*`"
TOML = r"^(?:{} = |\[{}[.\]])"


def missing(page: str, keys: Iterable[str], shape: str = CODE) -> list[str]:
    """Keys that a page does not name in a shape."""
    text = (DOCS / page).read_text()
    return [key for key in keys if not re.search(shape.replace("{}", re.escape(key)), text, re.MULTILINE)]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written.__name__)
def test_keys_of_json(written: type) -> None:
    assert missing(FORMATS, [field.name for field in fields(written)]) == []


def test_keys_of_reports() -> None:
    board = Board("board", "part", "files", 100, Resources())
    estimate = Estimate(board, 100, "finn", {"conv1": NodeEstimate("MVAU_rtl", 1, Resources())})
    assert missing(FORMATS, estimate.as_json()) == []
    assert missing(FORMATS, Parity(1, (Compared("numpy", "here"),)).as_json()) == []


def test_columns_of_csv() -> None:
    assert missing(FORMATS, [column for column in COLUMNS if not re.match(r"AU\d", column)]) == []
    units = [column for column in COLUMNS if re.match(r"AU\d", column)]
    assert missing(FORMATS, [units[0], [unit for unit in units if unit.endswith("_r")][-1], units[-1]]) == []


def test_keys_of_jsonl() -> None:
    contract = small_contract(emotions=True)
    (aus,) = contract.outputs(np.zeros((1, 20), np.int64))
    seen = Observation(0, 0.0, "", OK, face=Face(0, Box(0, 0, 48), 1.0), aus=aus, attention=np.ones((1, 1), np.float32))
    row = as_json(seen, contract)
    assert missing(FORMATS, [*row, *row["action_units"][AU_NAMES[0]]]) == []


def test_keys_of_toml() -> None:
    assert missing(FORMATS, [field.name for field in fields(BuildConfig)], TOML) == []
    assert missing(FORMATS, [field.name for field in fields(Folding)], TOML) == []
    assert missing("add-a-board.md", [field.name for field in fields(Board)][1:], CODE.replace("`[^`]*", r"`\[?")) == []
    assert missing("add-a-board.md", [field.name for field in fields(Resources)], TOML) == []
    assert missing("add-a-preset.md", [field.name for field in fields(Preset)]) == []


def test_a_key_that_no_page_names_is_noticed() -> None:
    assert missing(FORMATS, ["format", "unheard_of"]) == ["unheard_of"]
    assert missing(FORMATS, ["preset", "unheard_of"], TOML) == ["unheard_of"]
