# SPDX-License-Identifier: Apache-2.0
"""The folding search: as good as trying everything, exact about its own builds, clear about what does not fit."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run_cli
from networks import SMALL, evenly, random_chain, random_network
from public_shapes import mobilenet

from board.core.graph import IntegerGraph
from board.core.layers.depthwise import Depthwise
from hls_build.build import shipped
from hls_build.compiler import RULES, compile_graph
from hls_build.config.board import Board, board_names, load_board
from hls_build.config.build import BuildConfig, load_build
from hls_build.config.folding import MULTIPLIER_CHOICES, MULTIPLIERS, Folding
from hls_build.config.shells import FINN_SHELL
from hls_build.cost.resources import LABELS, Resources
from hls_build.estimate import Estimate, estimate
from hls_build.folding import search
from hls_build.folding.milp import RELATIVE_GAP, Milp
from hls_build.folding.options import FoldingOptions, Goal
from hls_build.lowering.lower import lower

BOARD = load_board("Pynq-Z2")


def with_budget(**changes: int) -> Board:
    """The board with another device."""
    return replace(BOARD, budget=replace(BOARD.budget, **changes))


INTERVAL = 18432
"""Cycles per frame that the small network is folded for."""


def request(graph: IntegerGraph, **changes: Any) -> search.Request:
    return replace(search.Request(graph, BOARD, 100.0), **changes)


def estimated(graph: IntegerGraph, folding: dict[str, Folding]) -> Estimate:
    build = BuildConfig("solved", "tiny", BOARD, 100.0, None, folding)
    return estimate(compile_graph(graph, build), build)


@pytest.fixture(scope="module")
def network() -> IntegerGraph:
    return random_network(1, SMALL)


def everything(milp: Milp) -> list[Resources]:
    """What every combination of options costs."""
    source = milp.source
    found = []
    for options in product(*milp.options.values()):
        chosen = dict(zip(milp.options, options, strict=True))
        parts = [option.resources for option in options]
        for connection in source.connections:
            lanes = chosen[connection.source].lanes_out if connection.source else 3
            parts.append(source.between(connection, lanes, chosen[connection.sink]))
        found.append(sum(parts, Resources()))
    return found


@pytest.mark.parametrize("double_pump", [False, True])
def test_nothing_is_cheaper(double_pump: bool) -> None:
    milp = Milp(FoldingOptions(random_chain(3), BOARD, Goal(2000, double_pump, 100.0)))
    costs = everything(milp)
    assert len(costs) > 500
    limits = {"lut": 900.0, "ff": 2000.0, "bram18": 20.0, "dsp": 9.0}

    def share(cost: Resources) -> float:
        return sum(getattr(cost, name) / limits[name] for name in LABELS)

    fitting = [cost for cost in costs if all(getattr(cost, name) <= limits[name] for name in LABELS)]
    assert 0 < len(fitting) < len(costs)
    solution = milp.solve(limits)
    assert solution is not None and solution.resources in fitting
    best = min(map(share, fitting))
    assert best <= share(solution.resources) <= best * (1 + RELATIVE_GAP)
    for name in LABELS:
        least = min(getattr(cost, name) for cost in costs)
        scarce = milp.solve({name: float(least)}, least=name)
        assert scarce is not None and getattr(scarce.resources, name) == least
        assert milp.solve({name: least - 0.5}) is None


def test_the_build_takes_what_the_search_said(network: IntegerGraph) -> None:
    solution = search.fold(request(network), INTERVAL)
    assert solution is not None
    built = estimated(network, solution.folding)
    found, said = built.total, solution.resources
    assert (found.bram18, found.dsp) == (said.bram18, said.dsp)
    # FIFOs wait for the interval that is reached, the search's for the one that is wanted
    assert found.lut == pytest.approx(said.lut, rel=0.002)
    assert found.ff == pytest.approx(said.ff, rel=0.002)
    assert built.slowest_layer_cycles <= solution.interval_cycles <= 1.001 * INTERVAL


def test_a_depthwise_convolution_is_as_parallel_as_the_rate_asks() -> None:
    graph = lower(mobilenet(size=16, width=4, outputs=3, seed=1, blocks=1), RULES)
    (layer,) = (node for node in graph.nodes if isinstance(node, Depthwise))
    for interval, pe in ((9000, 1), (1300, 2), (700, 4)):
        solution = search.fold(request(graph), interval)
        assert solution is not None and solution.folding[layer.name].pe == pe
        assert 64 * 9 * 4 // pe < solution.options[layer.name].cycles <= interval
        built = estimated(graph, solution.folding)
        assert built.nodes[layer.name].cycles == 64 * 9 * 4 // pe
        assert built.total.dsp == solution.resources.dsp
        assert built.total.lut == pytest.approx(solution.resources.lut, rel=0.002)


def test_multipliers_of_ours_are_options() -> None:
    graph = random_network(1, replace(SMALL, weight_bits=2, bits=2))
    found = {}
    for kind in MULTIPLIER_CHOICES:
        solution = search.fold(request(graph, multiplier=kind, double_pump=False), INTERVAL)
        assert solution is not None
        built = estimated(graph, solution.folding).total
        assert (built.bram18, built.dsp) == (solution.resources.bram18, solution.resources.dsp)
        assert built.lut == pytest.approx(solution.resources.lut, rel=0.002)
        found[kind] = solution
    for own in ("dsp", "lut"):
        kinds = {name: folding.multiplier for name, folding in found[own].folding.items()}
        assert {kinds[f"conv{i}"] for i in range(2, 6)} == {own}
        assert kinds["conv1"] == "finn"  # its weights have 8 bits
    assert {folding.multiplier for folding in found["finn"].folding.values()} == {None}
    assert found["lut"].resources.dsp < found["finn"].resources.dsp
    assert found["dsp"].resources.lut < found["finn"].resources.lut
    usable = BOARD.usable(FINN_SHELL)
    share = {kind: sum(one.resources.shares(usable).values()) for kind, one in found.items()}
    assert share["auto"] <= min(share[kind] for kind in MULTIPLIERS) * (1 + RELATIVE_GAP)


def test_a_multiplier_of_ours_has_half_the_slices_at_twice_the_clock() -> None:
    graph = random_network(1, SMALL)
    (layer,) = (node for node in graph.nodes if node.name == "conv2")
    for double_pump in (False, True):
        options = FoldingOptions(graph, BOARD, Goal(INTERVAL, double_pump, 100.0, "dsp")).of(layer)
        assert {option.folding.pumped for option in options} == ({False, True} if double_pump else {False})
        assert all((option.folding.simd or 1) % 2 == 0 for option in options if option.folding.pumped)
    fewest = [
        min(option.resources.dsp for option in options if option.folding.pumped == pumped) for pumped in (False, True)
    ]
    assert fewest[1] < fewest[0]


def test_columns_are_what_a_large_window_needs_to_be_fast(network: IntegerGraph) -> None:
    """A serial window of 7x7 gives a pixel's elements in 49 cycles at least, so no FINN+ window is one of them."""
    (layer,) = (node for node in network.nodes if node.name == "attention1_spatial")
    found, pixels = {}, prod(network.tensors[layer.inputs[0]].shape[:2])
    for kind in ("finn", "dsp"):
        options = FoldingOptions(network, BOARD, Goal(48 * pixels, False, 100.0, kind)).of(layer)
        found[kind] = {option.folding.window for option in options}
    assert found == {"finn": set(), "dsp": {"columns"}}


@pytest.mark.parametrize(
    ("kind", "scale", "found"), [("dsp", 2**-11, "shift"), ("finn", 2**-11, ""), ("dsp", 3e-4, "")]
)
def test_a_quantizer_shifts_where_thresholds_allow_it(kind: str, scale: float, found: str) -> None:
    graph = evenly(random_chain(3), [scale] * 4)
    (layer,) = (node for node in graph.nodes if node.name == "conv1_q")
    options = FoldingOptions(graph, BOARD, Goal(2000, False, 100.0, kind)).of(layer)
    assert {option.folding.quantizer or "" for option in options} >= {found}
    assert found or all(option.folding.quantizer is None for option in options)
    if found:
        folding = {"conv1_q": next(option.folding for option in options if option.folding.quantizer)}
        (shifts,) = (option.resources for option in options if option.folding == folding["conv1_q"])
        assert estimated(graph, folding).nodes["conv1_q"].resources == shifts


def test_a_fifo_bridges_the_fill_of_a_window() -> None:
    """Where only the multiplier's own cycles are enough, a window by columns comes with one; else it needs none."""
    graph = random_chain(3)
    (layer,) = (node for node in graph.nodes if node.name == "conv1")
    for interval, depths in ((64 * 27, {True}), (64 * 27 + 100, {False})):
        options = FoldingOptions(graph, BOARD, Goal(interval, False, 100.0, "auto")).of(layer)
        slowest = [o for o in options if o.folding.window == "columns" and o.cycles >= 64 * 27]
        assert {o.folding.window_fifo_depth is not None for o in slowest} == depths
        assert all(o.cycles == 64 * 27 for o in slowest if o.folding.window_fifo_depth)


def test_an_unknown_multiplier_is_told(network: IntegerGraph) -> None:
    with pytest.raises(ValueError, match="need multiplier to be one of finn, dsp, lut, auto, got 'gpu'"):
        request(network, multiplier="gpu")


def test_double_pumping_halves_what_is_scarce(network: IntegerGraph) -> None:
    single = search.fold(request(network, double_pump=False), INTERVAL)
    assert single is not None and not any(folding.pumped for folding in single.folding.values())
    scarce = with_budget(dsp=20)
    assert search.fold(request(network, double_pump=False, board=scarce), INTERVAL) is None
    double = search.fold(request(network, board=scarce), INTERVAL)
    assert double is not None and any(folding.pumped for folding in double.folding.values())
    assert estimated(network, double.folding).total.dsp == double.resources.dsp <= scarce.budget.dsp


def test_latency_is_a_constraint(network: IntegerGraph) -> None:
    free = search.fold(request(network, latency_intervals=10.0), INTERVAL)
    assert free is not None
    bound = free.latency_cycles / INTERVAL * 0.95
    quick = search.fold(request(network, latency_intervals=bound), INTERVAL)
    assert quick is not None and quick.latency_cycles <= bound * INTERVAL < free.latency_cycles
    assert search.fold(request(network, latency_intervals=0.5), INTERVAL) is None


def test_the_fastest_is_next_to_what_does_not_fit(network: IntegerGraph) -> None:
    asked = request(network, board=with_budget(lut=17_000, dsp=18), double_pump=False)
    fits = [bool(search.fold(asked, cycles)) for cycles in asked.intervals[-40:]]
    assert fits == sorted(fits) and len(set(fits)) == 2  # so that a binary search finds the first
    faster, first = asked.intervals[-41 + fits.index(True)], asked.intervals[-40 + fits.index(True)]
    assert search.fastest(asked, lambda _: None) == search.fold(asked, first)
    with pytest.raises(search.DoesNotFit) as refusal:
        search.at_rate(asked, asked.rate(faster), lambda _: None)
    assert "at 100 MHz do not fit on Pynq-Z2" in str(refusal.value)
    assert " binds, " in str(refusal.value)
    assert f"use --fps {int(asked.rate(first))} " in str(refusal.value)


def test_the_fastest_is_found_wherever_it_lies(network: IntegerGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(network)
    monkeypatch.setattr(search, "_milp", lambda request, cycles: None)
    for least in asked.intervals:

        def solve(milp: None, asked: search.Request, cycles: int, *_: Any, least: int = least, **__: Any) -> int | None:
            return cycles if cycles >= least else None

        monkeypatch.setattr(search, "_solve", solve)
        assert search.fastest(asked, lambda _: None) == least


def test_what_binds_is_named(network: IntegerGraph) -> None:
    asked = request(network, board=with_budget(dsp=5), double_pump=False)
    (clause,) = search.binding_constraints(asked, INTERVAL)
    needed = int(clause.removeprefix("dsp binds, ").split()[0])
    assert clause == f"dsp binds, {needed} needed of 5 usable"
    assert search.fold(replace(asked, board=with_budget(dsp=needed)), INTERVAL)
    assert not search.fold(replace(asked, board=with_budget(dsp=needed - 1)), INTERVAL)
    assert search.binding_constraints(request(network, latency_intervals=0.5), INTERVAL) == [
        "a latency of 0.5 intervals binds"
    ]
    (impossible,) = search.binding_constraints(request(network), 100)
    assert impossible == "layer conv1 cannot be that fast at any parallelism"


def test_what_binds_together_is_told_in_numbers(network: IntegerGraph) -> None:
    asked = request(network, board=with_budget(lut=7_000, dsp=5), double_pump=False)
    (clause,) = search.binding_constraints(asked, INTERVAL)
    told = re.fullmatch(r"several bind together: .* lut ([\d,]+) of 600 and (?:.* and )?dsp (\d+) of 5 usable", clause)
    assert told is not None, clause
    lut, dsp = (int(number.replace(",", "")) for number in told.groups())
    assert lut > 600 and dsp > 5
    enough = with_budget(lut=round((lut + 5000) / 0.8) + 2, dsp=dsp)
    assert search.fold(replace(asked, board=enough), INTERVAL)


@pytest.mark.parametrize(
    "words",
    [
        ("--latency", "nan"),
        ("--latency", "1e9"),
        ("--fps", "inf"),
        ("--fps", "1e12"),
        ("--clock-mhz", "1e9"),
        ("--clock-mhz", "-inf"),
        ("--clock-mhz", "0"),
    ],
)
def test_numbers_that_cannot_be_are_refused_at_once(words: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "software", None)  # before any network is made
    for command in (("fold",), ("compile", "model.onnx")):
        ran = run_cli(*command, f"{words[0]}={words[1]}")
        assert ran.status == 2 and f"argument {words[0]}: need " in ran.stderr and "Traceback" not in ran.stderr, ran


@pytest.mark.parametrize("command", ["fold", "explore"])
def test_a_preset_without_weights_is_told_before_anything_is_prepared(command: str) -> None:
    said = refused(command, "--preset", "w4a4h4")
    assert said == (
        "no weights of preset w4a4h4 come with AUFlow: train some with `auflow train --preset w4a4h4` and name them"
        " with --checkpoint"
    )


def test_a_rate_that_no_cycle_gives_is_refused(network: IntegerGraph) -> None:
    asked = request(network, board=with_budget(lut=1000))
    with pytest.raises(search.DoesNotFit, match="the network does not fit on Pynq-Z2 at any frame rate"):
        search.fastest(asked, lambda _: None)


@pytest.fixture
def small_weights(network: IntegerGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command fold the small network, whatever the checkpoint."""
    network.save(tmp_path / "integer.npz")
    monkeypatch.setattr(shipped, "software", lambda _: tmp_path)


@pytest.mark.usefixtures("small_weights")
def test_the_command_writes_what_a_build_reads(network: IntegerGraph, tmp_path: Path) -> None:
    out, figures, plot = tmp_path / "folded.toml", tmp_path / "folded.json", tmp_path / "folded.png"
    options = ("--preset", "tiny", "--fps", 5000, "--single-clock", "--out", out, "--json", figures, "--plot", plot)
    ran = run_cli("fold", *options)
    assert ran.status == 0, ran.stderr
    build, found = load_build(out), json.loads(figures.read_text())
    assert build.board == BOARD and build.checkpoint is None
    built = estimated(network, dict(build.folding))
    assert built.slowest_layer_cycles <= found["interval_cycles"] <= 1.001 * 20_000
    assert built.total.lut == found["resources"]["lut"]
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("small_weights")
def test_the_command_refuses_in_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "folded.toml"
    assert "frames/s at 100 MHz do not fit on Pynq-Z2" in refused("fold", "--fps", 1e9, "--out", out)
    assert not out.exists()
    said = refused("fold", "--board", "Zybo")
    assert said == f"need a board out of {', '.join(board_names())}, got 'Zybo'"
