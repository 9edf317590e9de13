# SPDX-License-Identifier: Apache-2.0
"""The folding solver: as good as trying everything, exact about its own builds, clear about what does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run_cli
from networks import SMALL, random_chain, random_network

from board.core.graph import IntegerGraph
from hls_build import dataflow
from hls_build.build import shipped
from hls_build.config import build_config as config
from hls_build.config.build_config import BuildConfig, Folding
from hls_build.estimate import Estimate, Resources, estimate
from hls_build.folding import search as solver
from hls_build.folding.milp import RELATIVE_GAP, RESOURCES, Programme
from hls_build.folding.options import Goal, Prices, total

BOARD = config.board("Pynq-Z2")
INTERVAL = 18432
"""Cycles per frame that the small network is folded for."""


def request(graph: IntegerGraph, **changes: Any) -> solver.Request:
    return replace(solver.Request(graph, BOARD, 100.0), **changes)


def estimated(graph: IntegerGraph, folding: dict[str, Folding]) -> Estimate:
    build = BuildConfig("solved", "tiny", BOARD, 100.0, None, folding)
    return estimate(dataflow.build(graph, build), build)


@pytest.fixture(scope="module")
def network() -> IntegerGraph:
    return random_network(1, SMALL)


def everything(programme: Programme) -> list[Resources]:
    """What every combination of options costs."""
    prices = programme.prices
    found = []
    for options in product(*programme.options.values()):
        chosen = dict(zip(programme.options, options, strict=True))
        parts = [option.resources for option in options]
        for edge in prices.edges:
            lanes = chosen[edge.source].lanes_out if edge.source else 3
            sink = chosen[edge.sink]
            parts.append(prices.between(edge, lanes, sink.lanes_in[edge.index], sink))
        found.append(total(parts))
    return found


@pytest.mark.parametrize("double_pump", [False, True])
def test_nothing_is_cheaper(double_pump: bool) -> None:
    programme = Programme(Prices(random_chain(3), BOARD, Goal(2000, double_pump)))
    costs = everything(programme)
    assert len(costs) > 500
    limits = {"lut": 900.0, "ff": 2000.0, "bram18": 20.0, "dsp": 9.0}

    def share(cost: Resources) -> float:
        return sum(getattr(cost, name) / limits[name] for name in RESOURCES)

    fitting = [cost for cost in costs if all(getattr(cost, name) <= limits[name] for name in RESOURCES)]
    assert 0 < len(fitting) < len(costs)
    solution = programme.solve(limits)
    assert solution is not None and solution.resources in fitting
    best = min(map(share, fitting))
    assert best <= share(solution.resources) <= best * (1 + RELATIVE_GAP)
    for name in RESOURCES:
        least = min(getattr(cost, name) for cost in costs)
        scarce = programme.solve({name: float(least)}, least=name)
        assert scarce is not None and getattr(scarce.resources, name) == least
        assert programme.solve({name: least - 0.5}) is None


def test_the_build_costs_what_the_solver_said(network: IntegerGraph) -> None:
    solution = solver.fold(request(network), INTERVAL)
    assert solution is not None
    built = estimated(network, solution.folding)
    totals = {**built.total, "bram18": 2 * built.total["bram36"]}
    said = vars(solution.resources)
    assert [totals[name] for name in ("bram18", "dsp")] == [said[name] for name in ("bram18", "dsp")]
    for name in ("lut", "ff"):  # FIFOs wait for the interval that is reached, the solver's for the one that is wanted
        assert abs(totals[name] - said[name]) <= 0.002 * said[name]
    assert built.slowest_layer_cycles <= solution.interval_cycles <= 1.0015 * INTERVAL


def test_double_pumping_halves_what_is_scarce(network: IntegerGraph) -> None:
    single = solver.fold(request(network, double_pump=False), INTERVAL)
    assert single is not None and not any(folding.pumped for folding in single.folding.values())
    scarce = replace(BOARD, dsp=20)
    assert solver.fold(request(network, double_pump=False, board=scarce), INTERVAL) is None
    double = solver.fold(request(network, board=scarce), INTERVAL)
    assert double is not None and any(folding.pumped for folding in double.folding.values())
    assert estimated(network, double.folding).total["dsp"] == double.resources.dsp <= scarce.dsp


def test_latency_is_a_constraint(network: IntegerGraph) -> None:
    free = solver.fold(request(network, latency_intervals=10.0), INTERVAL)
    assert free is not None
    bound = free.latency_cycles / INTERVAL * 0.95
    quick = solver.fold(request(network, latency_intervals=bound), INTERVAL)
    assert quick is not None and quick.latency_cycles <= bound * INTERVAL < free.latency_cycles
    assert solver.fold(request(network, latency_intervals=0.5), INTERVAL) is None


def test_the_fastest_is_next_to_what_does_not_fit(network: IntegerGraph) -> None:
    asked = request(network, board=replace(BOARD, lut=17_000, dsp=18), double_pump=False)
    fits = [bool(solver.fold(asked, cycles)) for cycles in asked.intervals[-40:]]
    assert fits == sorted(fits) and len(set(fits)) == 2  # so that a binary search finds the first
    faster, first = asked.intervals[-41 + fits.index(True)], asked.intervals[-40 + fits.index(True)]
    assert solver.fastest(asked, lambda _: None) == solver.fold(asked, first)
    with pytest.raises(solver.DoesNotFit) as refusal:
        solver.at_rate(asked, asked.rate(faster), lambda _: None)
    assert "at 100 MHz do not fit on Pynq-Z2" in str(refusal.value)
    assert " binds, " in str(refusal.value)
    assert f"use --fps {int(asked.rate(first))} " in str(refusal.value)


def test_what_binds_is_named(network: IntegerGraph) -> None:
    asked = request(network, board=replace(BOARD, dsp=5), double_pump=False)
    (clause,) = solver.binding_constraints(asked, INTERVAL)
    needed = int(clause.removeprefix("dsp binds, ").split()[0])
    assert clause == f"dsp binds, {needed} needed of 5 usable"
    assert solver.fold(replace(asked, board=replace(BOARD, dsp=needed)), INTERVAL)
    assert not solver.fold(replace(asked, board=replace(BOARD, dsp=needed - 1)), INTERVAL)
    assert solver.binding_constraints(request(network, latency_intervals=0.5), INTERVAL) == [
        "a latency of 0.5 intervals binds"
    ]
    (impossible,) = solver.binding_constraints(request(network), 100)
    assert impossible == "layer conv1 cannot be that fast at any parallelism"


def test_a_rate_that_no_cycle_gives_is_refused(network: IntegerGraph) -> None:
    asked = request(network, board=replace(BOARD, lut=1000))
    with pytest.raises(solver.DoesNotFit, match="the network does not fit on Pynq-Z2 at any frame rate"):
        solver.fastest(asked, lambda _: None)


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
    build, found = config.load(out), json.loads(figures.read_text())
    assert build.board == BOARD and build.checkpoint is None
    built = estimated(network, dict(build.folding))
    assert built.slowest_layer_cycles <= found["interval_cycles"] <= 1.0015 * 20_000
    assert built.total["lut"] == found["resources"]["lut"]
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("small_weights")
def test_the_command_refuses_in_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "folded.toml"
    assert "frames/s at 100 MHz do not fit on Pynq-Z2" in refused("fold", "--fps", 1e9, "--out", out)
    assert not out.exists()
    said = refused("fold", "--board", "Zybo")
    assert said == f"need a board out of {', '.join(config.boards())}, got 'Zybo'"
