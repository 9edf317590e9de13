# SPDX-License-Identifier: Apache-2.0
"""The paper's tables come out in their shape, published figures untouched, ours beside them in the same unit."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from board.core.facs import AUS, PROTOTYPES
from qnn.evaluation import Evaluation, evaluate
from qnn.evaluation.result_tables import INTERVAL, Grid, beside_published, csv_rows, overview, tuning

BP4D = (6, 10, 12, 14, 17)
DISFA = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
PARAMETERS = 1_449_689


def found(aus: tuple[int, ...] = AUS, resamples: int = 200) -> Evaluation:
    """Metrics of 210 faces, of which every 31st label is detected wrongly."""
    emotions = np.arange(210) % 7
    labels = PROTOTYPES[emotions][:, : len(aus)].astype(np.float64)
    wrong = np.arange(labels.size).reshape(labels.shape) % 31 == 0
    return evaluate(
        np.where(wrong, 0.9 - 0.8 * labels, 0.1 + 0.8 * labels), labels, emotions, (0.5,) * len(aus), aus, 0, resamples
    )


def column(grid: Grid, name: str) -> dict[str, str]:
    """One column by the names of the rows."""
    return {row[0]: row[grid.header.index(name)] for row in grid.rows}


def test_table_6_has_two_measures() -> None:
    ours = found(BP4D)
    f1, accuracy = beside_published(ours, "bp4d", "AUFlow", PARAMETERS)
    assert f1.title.startswith("Table 6: F1-frame (fraction)") and accuracy.title.startswith(
        "Table 6: Accuracy (percent)"
    )
    assert f1.header == (
        "AU",
        "ZHANG",
        "LibreFace",
        "STRAL",
        "LUO",
        "MCFE",
        "LGR",
        "FS",
        "CWCF",
        "paper",
        "AUFlow",
        INTERVAL,
    )
    assert accuracy.header == ("AU", "LUO", "STRAL", "JAU", "CWCF", "paper", "AUFlow", INTERVAL)
    assert [row[0] for row in f1.rows] == ["AU6", "AU10", "AU12", "AU14", "AU17", "AVG", "Params", "Input Size"]
    assert column(f1, "paper") == {
        "AU6": "0.64", "AU10": "0.57", "AU12": "0.91", "AU14": "0.70", "AU17": "0.66",
        "AVG": "0.69", "Params": "1.5", "Input Size": "48",
    }  # fmt: skip
    assert column(f1, "ZHANG")["Params"] == ">138"
    assert column(accuracy, "paper")["AU17"] == "98.30"
    assert column(f1, "AUFlow")["AU12"] == f"{ours.per_au[12].f1:.2f}"
    assert column(f1, "AUFlow")["AVG"] == f"{ours.metrics['macro_f1']:.2f}"
    assert column(accuracy, "AUFlow")["AU12"] == f"{100 * (ours.per_au[12].accuracy or 0):.1f}"
    assert column(f1, "AUFlow")["Params"] == "1.45"
    low, high = ours.per_au[12].intervals["f1"] or (0, 0)
    assert column(f1, INTERVAL)["AU12"] == f"{low:.2f}–{high:.2f}"


def test_table_7_is_in_fractions_throughout() -> None:
    f1, accuracy = beside_published(found(DISFA), "disfa", "AUFlow", PARAMETERS)
    assert column(f1, "LGR")["AU1"] == "0.62" and column(f1, "LGR")["AU5"] == "-"
    assert all(float(value) <= 1 for name, value in column(accuracy, "AUFlow").items() if name[:2] in ("AU", "AV"))
    assert len(f1.rows) == len(accuracy.rows) == 15


def test_table_8_shows_what_we_do_not_detect() -> None:
    (f1,) = beside_published(found(), "ckplus", "AUFlow", PARAMETERS)
    assert f1.header[-4:] == ("paper (without attention)", "paper (with attention)", "AUFlow", INTERVAL)
    ours = column(f1, "AUFlow")
    assert [name for name, value in ours.items() if value == "-"] == ["AU24", "AU25", "AU27"]
    assert column(f1, "paper (with attention)")["AU2"] == "1.00"


@pytest.mark.parametrize(("dataset", "number", "paper"), [("rafdb", 9, "94.87"), ("ferplus", 10, "92.15")])
def test_tables_9_and_10_name_emotions_in_three_ways(dataset: str, number: int, paper: str) -> None:
    ours = found()
    (grid,) = beside_published(ours, dataset, "AUFlow", PARAMETERS)
    assert grid.title.startswith(f"Table {number}")
    accuracy = column(grid, "Accuracy, %")
    assert accuracy["paper"] == paper
    assert {name: value for name, value in accuracy.items() if name.startswith("AUFlow")} == {
        "AUFlow, Table 2, None left out": f"{100 * (ours.metrics['fer_accuracy_excluding_none'] or 0):.1f}",
        "AUFlow, Table 2, None is wrong": f"{100 * (ours.metrics['fer_accuracy_all'] or 0):.1f}",
        "AUFlow, best prototype": f"{100 * (ours.metrics['fer_accuracy_prototype'] or 0):.1f}",
    }
    assert f"on {100 * (ours.metrics['fer_coverage'] or 0):.1f} %" in grid.notes[0]


def test_every_grid_is_rectangular_and_prints() -> None:
    ours = found()
    grids = [*overview(ours, "title"), tuning(ours, ours), *beside_published(ours, "ckplus", "AUFlow", PARAMETERS)]
    console = Console(width=160, record=True)
    for grid in grids:
        assert {len(row) for row in grid.rows} == {len(grid.header)}
        lines = [line for line in grid.markdown().splitlines() if line.startswith("|")]
        assert {line.count("|") for line in lines} == {len(grid.header) + 1}
        assert len(lines) == len(grid.rows) + 2
        console.print(grid.rich())
    assert "AU12" in console.export_text()


def test_the_overview_says_what_macro_leaves_out_and_fits_a_terminal() -> None:
    emotions = np.full(2000, 4)  # happiness alone
    labels = PROTOTYPES[emotions]
    ours = evaluate(0.1 + 0.8 * labels, labels, emotions, (0.5,) * 13, AUS)
    by_au, by_emotion = overview(ours, "title")
    assert by_au.notes[1] == "Euclidean distance (equation 5): 0.361."  # every probability is 0.1 off
    assert "macro is over 2 of 13 AUs: no face shows AU1, AU2, AU4" in by_au.notes[2]
    assert column(by_emotion, "right, %")["best prototype"] == "100.0"
    console = Console(width=80, record=True)
    console.print(by_au.rich())
    assert "…" not in console.export_text()


def test_emotions_of_their_own_are_told_as_such() -> None:
    emotions = np.arange(70) % 7
    labels = PROTOTYPES[emotions]
    told = np.where(np.arange(70) < 7, (emotions + 1) % 7, emotions)  # a tenth is wrong
    ours = evaluate(0.1 + 0.8 * labels, labels, emotions, (0.5,) * 13, AUS, nearest=told, own_emotions=True)
    by_way = column(overview(ours, "title")[1], "right, %")
    assert by_way["its own outputs"] == "90.0" and by_way["Table 2, None is wrong"] == "100.0"
    assert "best prototype" not in by_way and ours.to_json()["emotion_outputs"]


@pytest.mark.parametrize(("aus", "dataset"), [(BP4D, "bp4d"), (DISFA, "disfa"), (AUS, "ckplus"), (AUS, "ferplus")])
def test_the_papers_tables_fit_a_terminal(aus: tuple[int, ...], dataset: str) -> None:
    console = Console(width=80, record=True)
    for grid in beside_published(found(aus), dataset, "AUFlow w4a4", PARAMETERS):
        console.print(grid.rich())
    assert "…" not in console.export_text()


def test_one_subject_has_no_interval_and_says_so() -> None:
    labels = PROTOTYPES[np.arange(70) % 7]
    subjects = np.full(70, "S1")
    ours = evaluate(0.1 + 0.8 * labels, labels, np.arange(70) % 7, (0.5,) * 13, AUS, subjects=subjects)
    by_au, by_emotion = overview(ours, "title")
    assert by_au.notes[0] == "No intervals: all faces are of one subject."
    assert "on 100.0 % of the faces" in by_emotion.notes[0]


def test_without_intervals_nothing_stands_for_them() -> None:
    by_au, _ = overview(found(resamples=0), "title")
    assert set(column(by_au, INTERVAL).values()) == {""}


def test_csv_has_a_row_for_each_au() -> None:
    header, *rows = csv_rows(found())
    assert [row[0] for row in rows] == list(AUS)
    assert {len(row) for row in rows} == {len(header)}


def test_a_dataset_without_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="the paper's tables are of bp4d, disfa, ckplus, rafdb, ferplus, got 'other'"):
        beside_published(found(), "other", "AUFlow", PARAMETERS)
