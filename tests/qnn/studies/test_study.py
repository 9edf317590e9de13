# SPDX-License-Identifier: Apache-2.0
"""Studies: they train what they name, share runs, go on, and tell differences with their intervals."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import pytest
import torch
from bands import band_splits

from qnn.network import checkpoint
from qnn.studies.plot import plot
from qnn.studies.study import FIGURES, STUDIES, Row, Study, Variant, differences, run_study, summarise, table
from qnn.training.recipes import Plan, Recipe

QUICK = Recipe(epochs=1, batch=16, learning_rate=3e-3, average=0.0)


def row(variant: str, seed: int, micro_f1: float, study: str = "bits", weight_bytes: int = 2048) -> Row:
    """A variant whose figures all hang on one number."""
    figures: dict[str, float | None] = {name: micro_f1 for name in FIGURES}
    return Row(study, variant, seed, 4, 4, weight_bytes, figures, {"AU1": micro_f1, "AU12": None})


def test_a_study_trains_each_variant_with_each_seed_once(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    begun: list[str] = []
    splits = band_splits(train=64)
    plan = Plan(QUICK, QUICK)
    for _ in range(2):
        rows = run_study(["attention"], lambda seed: splits, tmp_path, 8, 2, plan, report=begun.append)
    assert [(r.variant, r.seed) for r in rows] == [
        (name, seed) for seed in range(2) for name in ("with attention", "without attention")
    ]
    cards = {path: checkpoint.read_card(path) for path in tmp_path.rglob("float.safetensors")}
    assert len(cards) == 4
    assert sorted(card.architecture.attention for card in cards.values()) == [False, False, True, True]
    assert sorted(card.training["recipe"]["seed"] for card in cards.values()) == [0, 0, 1, 1]
    assert rows[0].weight_bytes > rows[1].weight_bytes
    assert begun[:2] == ["attention: with attention, seed 0", "attention: without attention, seed 0"]
    with (tmp_path / "study.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [float(line["micro_f1"]) for line in written] == [r.figures["micro_f1"] for r in rows]
    content = json.loads((tmp_path / "study.json").read_text())
    gap = content["differences"]["attention"]["micro_f1"]["without attention"]["mean"]
    each = [float(line["micro_f1"]) for line in written]
    assert gap == pytest.approx((each[1] - each[0] + each[3] - each[2]) / 2)


def test_variants_of_one_float_network_share_its_run() -> None:
    assert {variant.folder for variant in STUDIES["bits"].variants} == {STUDIES["attention"].variants[0].folder}
    folders = [variant.folder for study in ("attention", "losses") for variant in STUDIES[study].variants]
    assert len(set(folders)) == len(folders) - 1  # plain cross-entropy is the network with attention
    assert [variant.float_folder for variant in STUDIES["head"].variants] == [
        "attention", "attention", "attention_head4", "attention_head16", "attention", "attention",
    ]  # fmt: skip
    quantized_networks = [(variant.preset, variant.folder) for variant in STUDIES["head"].variants]
    assert len(set(quantized_networks)) == len(quantized_networks)


def test_each_study_takes_its_own_number_of_seeds(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    rows = run_study(
        ["attention", "losses"],
        lambda seed: band_splits(train=64),
        tmp_path,
        8,
        None,
        Plan(QUICK, QUICK),
        report=lambda _: None,
    )
    seeds = {study: {row.seed for row in rows if row.study == study} for study in ("attention", "losses")}
    assert seeds == {"attention": {0, 1, 2}, "losses": {0}}


def test_a_quantized_network_from_a_quantized_network_starts_there(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    plan = Plan(QUICK, QUICK)
    variant = Variant("w2a2 from w4a4", "w2a2", start_quantized="w4a4")
    study = Study((Variant("w2a2", "w2a2"), variant))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cast(dict[str, Study], STUDIES), "qat", study)
        run_study(["qat"], lambda seed: band_splits(train=64), tmp_path, 8, None, plan, report=lambda _: None)
    cards = [checkpoint.read_card(path).training["start"] for path in sorted(tmp_path.rglob("w2a2.safetensors"))]
    assert "quantized" not in cards[0] and cards[1]["quantized"]["preset"] == "w4a4"


def test_heads_differ_in_what_they_weigh(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    rows = run_study(
        ["head"], lambda seed: band_splits(train=64), tmp_path, 8, 1, Plan(QUICK, QUICK), report=lambda _: None
    )
    size = {row.variant: row.weight_bytes for row in rows}
    head = 72 * 128 + 128 * 64  # weights of fc1 and fc2 at an eighth of the widths
    assert size["4 bits"] - size["2 bits"] == head * 2 // 8
    assert size["4 bits"] - size["4 bits, half pruned"] == head * 4 // 8 // 2
    assert size["4 bits, a sixteenth of the units"] < size["4 bits, a quarter of the units"] < size["2 bits"]


def test_an_unknown_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a study must be one of attention, losses, head, bits, qat, got 'colours'"):
        run_study(["colours"], lambda seed: band_splits(), tmp_path, 8, 1, Plan(QUICK, QUICK))


def test_intervals_are_students() -> None:
    found = summarise([1.0, 2.0, 4.0])
    assert found.mean == pytest.approx(7 / 3)
    assert found.half_width == pytest.approx(4.302653 * 1.5275252 / 3**0.5, rel=1e-6)  # t(2), 97.5 %
    assert summarise([0.5]).half_width is None


def test_differences_pair_the_seeds() -> None:
    rows = [row("a", 0, 0.5), row("b", 0, 0.6), row("a", 1, 0.7), row("b", 1, 0.8)]
    gap = differences(rows, "bits", "micro_f1")["b"]
    assert (gap.mean, gap.half_width) == (pytest.approx(0.1), pytest.approx(0, abs=1e-9))


def test_differences_leave_out_seeds_without_the_figure() -> None:
    """A network that answers no face has no accuracy over those it answers."""
    rows = [row("a", 0, 0.5), row("b", 0, 0.6), row("a", 1, 0.7), row("b", 1, 0.9), row("c", 0, 0.1)]
    rows[2] = replace(rows[2], figures=dict.fromkeys(FIGURES))
    gaps = differences(rows, "bits", "micro_f1")
    assert {name: gap.mean for name, gap in gaps.items()} == {"b": pytest.approx(0.1), "c": pytest.approx(-0.4)}
    rows[0] = replace(rows[0], figures=dict.fromkeys(FIGURES))
    assert differences(rows, "bits", "micro_f1") == {}


def test_the_table_shows_means_and_differences() -> None:
    text = table([row("float", 0, 0.5), row("w4a4", 0, 0.4, weight_bytes=1024)])
    assert "## bits, 1 seed\n" in text
    assert "| w4a4 | 1.0 | 0.4000 |" in text
    assert "| w4a4 minus float | -1.0 | -0.1000 |" in text
    assert "| F1-frame of | float | w4a4 |\n|---|---:|---:|\n| AU1 | 0.500 | 0.400 |\n| AU12 | - | - |\n" in text


def test_a_figure_that_does_not_exist_is_a_dash() -> None:
    missing: dict[str, float | None] = {**row("x", 0, 0.5).figures, "fer_coverage": None}
    text = table([replace(row("x", 0, 0.5), figures=missing)])
    assert "| - |" in text


def test_every_study_has_its_picture(tmp_path: Path) -> None:
    rows = [
        row(v, seed, 0.5 + seed / 10, weight_bytes=b) for seed in range(2) for v, b in (("float", 4096), ("w4", 512))
    ]
    rows += [row("with attention", 0, 0.5, "attention")]
    paths = plot(rows, tmp_path)
    assert [path.name for path in paths] == ["bits.png", "attention.png"]
    for path in paths:
        picture = cv2.imread(str(path))
        assert picture is not None and picture.std() > 10
