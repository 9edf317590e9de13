# SPDX-License-Identifier: Apache-2.0
"""Explorations: what `auflow fold`, `build` and `synth` say of each point, whatever dies, and their Pareto front."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from cluster_tasks import needs_dask
from commands import refused, run_cli
from explorations import fold_after_death

from board.cli.console import PlainConsole
from hls_build.build.shipped import program
from hls_build.cluster.run import Workers, run
from hls_build.config.board import load_board
from hls_build.config.build import load_build
from hls_build.config.folding import Folding
from hls_build.explore import results as written
from hls_build.explore import steps
from hls_build.explore.front import COST, OBJECTIVES, QUALITY, SPEED, front, in_use
from hls_build.explore.plan import Plan, Point, networks
from qnn.network.presets import shipped_checkpoint

TINY = shipped_checkpoint("tiny")
PYNQ = load_board("Pynq-Z2")


def point(network: str, board: str = "Pynq-Z2", **figures: float | int | str | None) -> Point:
    about = Point(network, "w4a4", board, 100.0, "500", fps=500.0, latency_ms=2.0, lut=9000, ff=9000, bram18=8, dsp=14)
    return replace(about, **{"f1": 0.5, **figures})  # type: ignore[arg-type] # each of its field's type


def plan(**changes: object) -> Plan:
    return Plan(networks([TINY]), (PYNQ,), (500.0,), **changes)  # type: ignore[arg-type] # each of its field's type


def test_the_front_is_what_no_other_point_of_the_board_beats() -> None:
    points = [
        point("best"),
        point("slower and no smaller", fps=400.0),
        point("slower but smaller", fps=400.0, lut=8000),
        point("larger but better", f1=0.6, dsp=200),
        point("worse on another board", "KV260", fps=100.0, f1=0.1),
        replace(point("not whole"), why_not="lut binds", fps=None, lut=None, f1=None),
        point("equal to the best"),
    ]
    optimal = [one.network for one in front(points, in_use(points))]
    assert optimal == [
        "best", "slower but smaller", "larger but better", "worse on another board", "equal to the best"
    ]  # fmt: skip


@pytest.mark.parametrize("name", [one.name for one in OBJECTIVES if one.name != "au_auc"])
def test_every_objective_counts_in_its_direction(name: str) -> None:
    objective = next(one for one in OBJECTIVES if one.name == name)
    better = point("better", **{name: getattr(point("worse"), name) + (1 if objective.most else -1)})
    points = [point("worse"), better]
    assert front(points, in_use(points)) == [better]


def test_what_nobody_measured_of_some_points_does_not_count() -> None:
    assert in_use([point("a"), point("b", f1=None)]) == (*SPEED, *COST)
    assert in_use([point("a", au_auc=0.9)]) == (*QUALITY, *SPEED, *COST)
    assert in_use([replace(point("a"), why_not="lut binds")]) == ()


@pytest.mark.parametrize("multiplier", ["finn", "dsp"])
def test_a_fold_is_that_of_the_command(multiplier: str, tmp_path: Path) -> None:
    """Its figures, and the folding that `build` makes of them."""
    told = {"checkpoint": str(TINY), "board": "Pynq-Z2", "clock_mhz": 100.0, "fps": 500.0}
    found = steps.fold({**told, "double_pump": True, "latency": 3.0, "multiplier": multiplier}, [], tmp_path)
    files = ("--json", tmp_path / "f.json", "--out", tmp_path / "f.toml")
    ran = run_cli("fold", "--preset", "tiny", "--fps", 500, "--multiplier", multiplier, *files)
    assert ran.status == 0, ran
    assert json.loads(json.dumps(found)) == {"fits": True, **json.loads((tmp_path / "f.json").read_text())}
    assert steps.folding(json.loads(json.dumps(found))) == load_build(tmp_path / "f.toml").folding
    assert any(folding != Folding(pe=folding.pe) for folding in steps.folding(found).values())
    assert ("dsp" in {one.multiplier for one in steps.folding(found).values()}) == (multiplier == "dsp")


def test_what_does_not_fit_says_why_and_is_not_built(tmp_path: Path) -> None:
    told = {"checkpoint": str(TINY), "board": "Pynq-Z2", "clock_mhz": 100.0, "fps": 60000.0}
    found = steps.fold({**told, "double_pump": True, "latency": 3.0, "multiplier": "finn"}, [], tmp_path)
    assert found["fits"] is False and "cannot be that fast" in found["why"]
    assert steps.build(told, [found], tmp_path) == steps.synthesise(told, [found], tmp_path) == found
    explored = replace(plan(), rates=(60000.0,))
    (one,) = explored.points({"export tiny": {"layers": 1}, "fold tiny Pynq-Z2 60000": found}, {})
    assert one.why_not == found["why"] and not one.whole and one.lut is None
    assert written.write([one], {}, tmp_path) == [tmp_path / "points.csv", tmp_path / "points.json"]


def test_points_tell_where_their_figures_come_from() -> None:
    resources = {"lut": 1, "ff": 2, "bram18": 3, "dsp": 4}
    fold = {"fits": True, "frames_per_second": 600.0, "latency_cycles": 200_000, "resources": resources}
    built = {**fold, "frames_per_second": 590.0, "resources": {**resources, "lut": 10}}
    counted = {"fits": True, "resources": {**resources, "lut": 12}}
    name = "tiny Pynq-Z2 500"
    (folded,) = plan().points({f"fold {name}": fold}, {})
    assert (folded.fps, folded.latency_ms, folded.lut, folded.speed_from, folded.resources_from) == (
        600.0, 2.0, 1, "folding", "folding"
    )  # fmt: skip
    assert (folded.f1, folded.f1_from, folded.au_auc) == (0.3677, "card", None)
    (whole,) = plan(build=True, synthesise=True).points(
        {f"fold {name}": fold, f"build {name}": built, f"synth {name}": counted}, {}
    )
    assert (whole.fps, whole.lut, whole.speed_from, whole.resources_from) == (590.0, 12, "simulation", "synthesis")
    (failed,) = plan(build=True).points({f"fold {name}": fold}, {f"build {name}": "parity failed"})
    assert failed.why_not == f"build {name} failed: parity failed" and failed.fps is None


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    whole = point("w4a4-paper", fps=1355.6, latency_ms=13.95, lut=37444, bram18=258, dsp=141, f1=0.4755, au_auc=0.784)
    console = PlainConsole(width=80, record=True, file=io.StringIO())
    console.print(written.table([whole, replace(whole, au_auc=0.7, lut=38000)]))
    rows = [line.split() for line in console.export_text().splitlines() if "w4a4-paper" in line]
    figures = ["w4a4-paper", "Pynq-Z2", "500", "1,356", "13.9"]
    assert rows == [
        ["*", *figures, "37,444", "258", "141", "0.475", "0.784"],
        [*figures, "38,000", "258", "141", "0.475", "0.700"],
    ]


def test_tasks_need_each_other_as_their_steps_do() -> None:
    graph = {task.name: task.needs for task in plan(build=True, synthesise=True, rendered=TINY.parent).tasks()}
    assert graph == {
        "export tiny": (),
        "eval tiny": (),
        "fold tiny Pynq-Z2 500": ("export tiny",),
        "build tiny Pynq-Z2 500": ("fold tiny Pynq-Z2 500",),
        "synth tiny Pynq-Z2 500": ("build tiny Pynq-Z2 500",),
    }


def test_networks_have_names_of_their_own_and_come_once(tmp_path: Path) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copyfile(TINY.with_suffix(suffix), tmp_path / f"tiny{suffix}")
    copy = tmp_path / "tiny.safetensors"
    assert [one.name for one in networks([TINY, copy, TINY])] == ["tiny", str(tmp_path / "tiny")]


@needs_dask
def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    """The same command line, once undisturbed and once with a worker that dies in a folding."""
    for name in ("dies", "undisturbed"):
        if name == "dies":  # the results that the command then finds are those of the disturbed run
            tasks = [replace(task, call=fold_after_death) if "fold" in task.name else task for task in plan().tasks()]
            found = run(tasks, tmp_path / name / "before", Workers(2), program(), lambda task, total: None)
            assert next((tmp_path / name / "before").glob("*.died")), "a worker died"
            assert not found.failures
            points = plan().points(found.results, found.failures)
            written.write(points, found.failures, tmp_path / name)
        else:
            ran = run_cli("explore", "--preset", "tiny", "--fps", 500, "--workers", 1, "--out", tmp_path / name)
            assert ran.status == 0 and "2 tasks done, 0 were done before" in " ".join(ran.stdout.split()), ran
    for name in ("points.json", "points.csv", "pareto.png"):
        assert (tmp_path / "dies" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes(), name
    again = run_cli("explore", "--preset", "tiny", "--fps", 500, "--out", tmp_path / "undisturbed")
    assert "0 tasks done, 2 were done before" in " ".join(again.stdout.split())
    (row,) = csv.DictReader((tmp_path / "undisturbed" / "points.csv").read_text().splitlines())
    assert (row["network"], row["pareto"], row["f1"]) == ("tiny", "True", "0.3677")
    picture = cv2.imread(str(tmp_path / "undisturbed" / "pareto.png"))
    assert picture is not None and min(picture.shape[:2]) > 300


@needs_dask
@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.yosys
def test_built_and_synthesised_points(tmp_path: Path) -> None:
    ran = run_cli(
        "explore", "--preset", "tiny", "--fps", 500, "--build", "--synth", "--workers", 1, "--out", tmp_path,
        "--sim-frames", 1,
    )  # fmt: skip
    assert ran.status == 0, ran
    (one,) = json.loads((tmp_path / "points.json").read_text())["points"]
    (build,) = tmp_path.glob("tasks/build-*/build")
    simulation = json.loads((build / "report" / "simulation.json").read_text())
    assert one["fps"] == 100e6 / simulation["interval_cycles"] and one["speed_from"] == "simulation"
    total = json.loads((build / "report" / "synthesis.json").read_text())["total"]
    assert (one["lut"], one["dsp"], one["resources_from"]) == (total["lut"], total["dsp"], "synthesis")


@needs_dask
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "an exploration needs networks, got none: name some with --checkpoint or --preset"),
        (("--preset", "w9a9"), "unknown preset 'w9a9': use one of"),
        (("--checkpoint", "float"), "an accelerator needs a quantized checkpoint, got the float one"),
        (("--checkpoint", "nowhere.safetensors"), "no checkpoint at nowhere.safetensors"),
        (("--preset", "tiny", "--board", "Zybo"), "need a board out of"),
        (("--preset", "tiny", "--synth"), "--synth counts what was built, got no build: add --build"),
        (("--preset", "tiny", "--board", "KV260", "--build", "--synth"), "--synth is for 7-series devices, got KV260"),
        (("--preset", "tiny", "--data", "ferplus"), "--data and --root need each other: give both or none"),
        (("--preset", "tiny", "--workers", "2", "--scheduler", "tcp://a:1"), "give --workers or --scheduler, not both"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused("explore", *words, "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "tasks").exists()


@pytest.mark.parametrize("rate", ["nan", "inf", "0", "-5", "fast"])
def test_a_rate_that_is_none_is_misuse(rate: str) -> None:
    ran = run_cli("explore", "--preset", "tiny", "--fps", rate)
    assert ran.status == 2 and "--fps" in ran.stderr
