# SPDX-License-Identifier: Apache-2.0
"""Presets come from one file, every entry of which can be read and built; anything else is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qnn.network.model import Architecture
from qnn.network.presets import (
    CHECKPOINTS,
    FLOAT,
    PRESETS,
    Preset,
    checkpoint_of,
    common_divisor,
    load,
    shipped_checkpoint,
    text_of,
)
from qnn.network.quantized import QuantCbamCnn

ENTRY = "[w9]\nweight_bits = 4\nactivation_bits = 4\n"


@pytest.mark.parametrize("name", PRESETS)
def test_every_entry_builds_its_network(name: str) -> None:
    preset = PRESETS[name]
    assert isinstance(preset, Preset)
    assert QuantCbamCnn(Architecture(divisor=8), preset).preset == preset


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "presets.toml"
    path.write_text(ENTRY)
    assert dict(load(path)) == {"w9": Preset(4, 4)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ENTRY + "weights = 4\n", "a preset has keys weight_bits, .*, got w9 = .*'weights': 4"),
        ("w9 = 4\n", "a preset has keys weight_bits, .*, got w9 = 4 in"),
        ("[w9]\nweight_bits = 4\n", "activation_bits.* for w9 in"),
        (ENTRY.replace("weight_bits = 4", "weight_bits = 1"), "need weight_bits from 2 to 8, got 1 for w9 in"),
        (ENTRY.replace("weight_bits = 4", "weight_bits = 4.0"), "need weight_bits from 2 to 8, got 4.0 for w9 in"),
        (ENTRY + "divisor = 3\n", "need divisor 1, 2, 4, 8, got 3 for w9 in"),
        ("[w9\n", "presets must be TOML, got .* in"),
    ],
)
def test_another_file_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "presets.toml"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_presets_of_one_run_share_their_widths() -> None:
    assert common_divisor([FLOAT]) == common_divisor(["w4a4", "w2a2"]) == 1
    assert common_divisor([FLOAT, "tiny"]) == 8
    with pytest.raises(ValueError, match="must share their widths, got w4a4, tiny: give one --divisor"):
        common_divisor(["w4a4", "tiny"])
    with pytest.raises(ValueError, match="unknown preset 'w9': use one of float, w4a4"):
        common_divisor(["w9"])


def test_who_only_names_presets_waits_for_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, qnn.network.presets; sys.exit('torch' in sys.modules)"],
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["w4a4", "float-paper", "w4a4-paper"])
def test_weights_of_the_repository_go_by_their_names_anywhere(name: str, tmp_path: Path) -> None:
    assert checkpoint_of(name, tmp_path) == shipped_checkpoint(name) == CHECKPOINTS / f"{name}.safetensors"
    assert checkpoint_of(text_of(shipped_checkpoint(name)), tmp_path) == shipped_checkpoint(name)


def test_other_weights_are_files(tmp_path: Path) -> None:
    for text in ("mine.safetensors", "w4a4.safetensors", "deeper/w4a4", "w9a9"):
        assert checkpoint_of(text, tmp_path) == tmp_path / text
    assert checkpoint_of(text_of(tmp_path / "mine.safetensors"), Path("elsewhere")) == tmp_path / "mine.safetensors"


def test_the_text_of_a_checkpoint_names_no_folder_of_this_computer(tmp_path: Path) -> None:
    mine, build = tmp_path / "runs/mine.safetensors", tmp_path / "build/mine"
    assert text_of(shipped_checkpoint("w4a4"), build) == "w4a4"
    assert text_of(mine, build) == "../../runs/mine.safetensors"
    for checkpoint in (shipped_checkpoint("w4a4"), mine):
        assert checkpoint_of(text_of(checkpoint, build), build).resolve() == checkpoint
    assert checkpoint_of(str(mine), build) == mine  # as builds of version 0.2 have it
