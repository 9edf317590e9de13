# SPDX-License-Identifier: Apache-2.0
"""Boards: every file loads, one more file is one more board, and each mistake is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from hls_build.config import board as boards
from hls_build.config.board import MAX_UTILISATION, Board, board_names, load_board
from hls_build.config.shells import FINN_SHELL, LEAN_SHELL, OWN_SHELL, SHELLS
from hls_build.cost.resources import LABELS, Resources

GOOD = """
part = "xc7z010clg400-1"
board_part = "someone.com:small:part0:1.0"
clock_mhz = 50
[budget]
lut = 17600
ff = 35200
bram18 = 120
dsp = 80
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of boards in place of the repository's."""
    monkeypatch.setattr(boards, "BOARDS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", board_names())
def test_every_board_has_room_for_more_than_any_shell(name: str) -> None:
    board = load_board(name)
    assert board.name == name and board.clock_mhz > 0
    assert all(held > 0 for shell in SHELLS for held in board.usable(shell).as_json().values())


def test_usable_is_the_budget_up_to_maximum_utilisation_less_the_shell() -> None:
    """What `auflow fold` has fitted the shipped builds into."""
    assert set(MAX_UTILISATION) == set(LABELS)
    assert load_board("Pynq-Z2").usable(FINN_SHELL) == Resources(lut=37_560, ff=78_120, bram18=258, dsp=220)
    assert load_board("Cora-Z7-10").usable(LEAN_SHELL) == Resources(lut=12_080, ff=26_460, bram18=114, dsp=80)
    assert load_board("Cora-Z7-10").allowance(OWN_SHELL) == Resources(lut=5_148, ff=3_220, bram18=1)
    assert load_board("Ultra96").allowance(OWN_SHELL) == Resources(lut=6_968, ff=5_028, bram18=1)


def test_a_file_is_a_board(folder: Path) -> None:
    (folder / "small.toml").write_text(GOOD)
    assert board_names() == ["small"]
    budget = Resources(17_600, 35_200, 120, 80)
    assert load_board("small") == Board("small", "xc7z010clg400-1", "someone.com:small:part0:1.0", 50, budget)


def test_zynq_and_zynqmp_are_told_apart_by_the_part() -> None:
    assert {name: load_board(name).is_zynqmp for name in ("Pynq-Z2", "Ultra96", "KV260")} == {
        "Pynq-Z2": False,
        "Ultra96": True,
        "KV260": True,
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + "uram = 3\n", "budget has only the keys lut, ff, bram18, dsp, got 'uram'"),
        (GOOD.replace("17600", "-1"), "budget needs lut >= 0, got -1"),
        (GOOD.replace("clock_mhz = 50", "clock_mhz = nan"), "need 1 <= clock_mhz <= 1000, got nan"),
        (GOOD.replace("17600", "1.5"), "budget needs lut of type .*int.*, got 1.5"),
        (GOOD.replace('part = "xc7z010clg400-1"\n', "", 1), "a board must have the key 'part', got none"),
        (GOOD.partition("[budget]")[0], "a board must have the key 'budget', got none"),
        ('name = "other"\n' + GOOD, "a board has only the keys .*got 'name'"),
        ("part = ", "a board's configuration must be TOML"),
    ],
)
def test_mistakes_are_named(folder: Path, text: str, complaint: str) -> None:
    path = folder / "small.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint) as caught:
        load_board("small")
    assert str(path) in str(caught.value)


def test_parts_are_those_that_finn_has() -> None:
    from finn.util.basic import pynq_part_map

    ours = {name.lower(): load_board(name).part for name in board_names()}
    known = {name.lower().removesuffix("_som"): part for name, part in pynq_part_map.items()}
    common = set(ours) & set(known)
    assert common >= {"pynq-z1", "pynq-z2", "ultra96", "zcu104", "kv260"}
    assert {name: ours[name] for name in common} == {name: known[name] for name in common}
