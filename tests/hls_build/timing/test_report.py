# SPDX-License-Identifier: Apache-2.0
"""The report of a build's timing: every endpoint in its layer and its bin, and the figures that are drawn of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from matplotlib.patches import Rectangle
from netlists import timed

from hls_build.build_folder import BuildFolder
from hls_build.report import charts
from hls_build.timing.report import table, write

READY_NS, PLAIN_NS = (362 + 450 + 127 + 450 + 109) / 1000, (362 + 450) / 1000


def test_each_layer_has_its_slowest_path() -> None:
    rows = {row["layer"]: row for row in timed().rows()}
    assert {layer: row["delay_ns"] for layer, row in rows.items()} == {"conv1": READY_NS, "conv1_q_fork": PLAIN_NS}
    assert rows["conv1"]["start"] == "conv1_window: count Q"
    assert rows["conv1"]["end"] == "conv1_pad: data CE"
    assert rows["conv1"]["through"] == "conv1_window conv1_pad"
    assert (rows["conv1"]["levels"], rows["conv1"]["nets_ns"]) == (1, 0.9)


@pytest.mark.parametrize(("clock_mhz", "failing"), [(100.0, 0), (1000.0, 1), (2000.0, 2)])
def test_endpoints_fall_into_bins_of_slack(clock_mhz: float, failing: int) -> None:
    found = timed(clock_mhz)
    content = found.as_json()
    assert content["failing"] == failing
    assert sum(content["histogram"].values()) == content["endpoints"] == 2
    assert content["worst_slack_ns"] == pytest.approx(1000 / clock_mhz - READY_NS)
    bars = [bar for bar in charts.slack(content).axes[0].patches if isinstance(bar, Rectangle)]
    assert sum(bar.get_height() for bar in bars) == 2
    assert sum(bar.get_height() for bar in bars if bar.get_x() < 0) == failing
    assert f"{failing} of 2 endpoints take more than {1000 / clock_mhz:g} ns" in found.verdict()


def test_a_build_keeps_what_was_found(tmp_path: Path) -> None:
    folder, found = BuildFolder(tmp_path), timed()
    write(folder, found)
    assert folder.read_report("timing") == found.as_json()
    with folder.timing_rows.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == ["conv1", "conv1_q_fork"]
    assert table(found).row_count == 2
