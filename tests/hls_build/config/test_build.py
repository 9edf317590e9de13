# SPDX-License-Identifier: Apache-2.0
"""Build configurations: every checked-in file loads, and each mistake is one sentence."""

from pathlib import Path

import pytest

from hls_build.config.build import BUILDS, load_build
from hls_build.config.folding import Folding

GOOD = 'name = "a"\npreset = "tiny"\nboard = "Pynq-Z2"\nclock_mhz = 100\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "build.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(BUILDS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_checked_in_build_loads(path: Path) -> None:
    build = load_build(path)
    assert build.name == path.stem
    assert build.clk_period_ns == pytest.approx(1000 / build.clock_mhz)


def test_folding_is_read_by_layer(tmp_path: Path) -> None:
    text = GOOD + '[folding.conv1]\npe = 2\nram_style = "block"\n[folding.gate]\nfifo_depths = [64, 0]\n'
    folding = load_build(write(tmp_path, text)).folding
    assert folding == {"conv1": Folding(pe=2, ram_style="block"), "gate": Folding(fifo_depths=(64, 0))}


def test_attention_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert not load_build(write(tmp_path, GOOD)).attention
    assert load_build(write(tmp_path, GOOD + "attention = true\n")).attention


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + "attention = 1\n", "needs attention of type .*bool.*got 1"),
        (GOOD + "clocks = 1\n", "only the keys name, .*got 'clocks'"),
        (GOOD + "[folding.conv1]\nsmid = 1\n", r"folding.conv1 has only the keys pe, simd, .*got 'smid'"),
        (GOOD.replace('name = "a"\n', ""), "must have the key 'name'"),
        (GOOD.replace("100", '"fast"'), "needs clock_mhz of type .*float.*got 'fast'"),
        (GOOD.replace("100", "true"), "needs clock_mhz"),
        (GOOD.replace("100", "0"), "need 1 <= clock_mhz <= 1000, got 0"),
        (GOOD.replace("100", "1e400"), "need 1 <= clock_mhz <= 1000, got inf"),
        (GOOD.replace("Pynq-Z2", "Pynq-Z9"), "need a board out of .*Pynq-Z2, .*got 'Pynq-Z9'"),
        (GOOD.replace('"a"', '"../a"'), "need a name of letters"),
        (GOOD + "folding = 3\n", "folding must be of type dict"),
        (GOOD + "[folding]\nconv1 = 3\n", "folding.conv1 must be of type dict"),
        (GOOD + "[folding.conv1]\npe = 0\n", "folding.conv1: need pe >= 1, got 0"),
        (GOOD + "[folding.conv1]\npe = 1.5\n", "folding.conv1 needs pe"),
        (GOOD + '[folding.conv1]\nram_style = "ultra"\n', "need ram_style to be one of auto, block, distributed"),
        (GOOD + '[folding.conv1_q]\nquantizer = "rows"\n', "need quantizer to be one of finn, shift, got 'rows'"),
        (GOOD + '[folding.conv1]\nwindow = "rows"\n', "need window to be one of finn, columns, got 'rows'"),
        (
            GOOD + '[folding.conv1]\nwindow = "columns"\nwindow_ram_style = "block"\n',
            "need window_ram_style of auto or distributed with window = \"columns\", got 'block'",
        ),
        (GOOD + "[folding.conv1]\nfifo_depths = [1]\n", "need fifo_depths of 0 or at least 2 beats, got 1"),
        (GOOD + '[folding.conv1]\nfifo_depths = ["deep"]\n', "folding.conv1 needs fifo_depths"),
        ("name = ", "must be TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        load_build(write(tmp_path, text))
    assert "build.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"got none at .*nowhere\.toml"):
        load_build(tmp_path / "nowhere.toml")
