# SPDX-License-Identifier: Apache-2.0
"""Steps of an exploration, each what a command of `auflow` does: fold, build, synth and eval as tasks of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from board.core.files import write_text
from hls_build.build_folder import BuildFolder
from hls_build.cluster.task import Result
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding

BUILD = "build"
"""Folder of the build, in that of its task."""


def export(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """Prepare a checkpoint's integer network, which its foldings take from the cache."""
    del results, place
    from hls_build.build.shipped import integer_graph

    return {"layers": len(integer_graph(Path(arguments["checkpoint"])).nodes)}


def fold(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """As `auflow fold`: the figures of the cheapest folding at a rate, or why there is none."""
    del results, place
    from hls_build.build.shipped import integer_graph
    from hls_build.folding import search
    from hls_build.folding.results import summary

    request = search.Request(
        integer_graph(Path(arguments["checkpoint"])),
        load_board(arguments["board"]),
        arguments["clock_mhz"],
        arguments["double_pump"],
        arguments["latency"],
        arguments["multiplier"],
    )
    if arguments["fps"] is None:
        try:
            return {"fits": True, **summary(search.fastest(request), request)}
        except search.DoesNotFit as error:
            return {"fits": False, "why": str(error)}
    cycles = request.cycles(arguments["fps"])
    found = search.fold(request, cycles)
    if found is None:
        return {"fits": False, "why": "; ".join(search.binding_constraints(request, cycles))}
    return {"fits": True, **summary(found, request)}


def build(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """As `auflow build --stop-after simulate`: cycles of the simulated RTL and the estimate of its nodes."""
    (folded,) = results
    if not folded["fits"]:
        return folded
    from board.cli.console import PlainConsole
    from hls_build.build import flow
    from hls_build.folding.results import toml
    from qnn.network.presets import text_of

    config = BuildConfig(
        arguments["name"],
        arguments["preset"],
        load_board(arguments["board"]),
        arguments["clock_mhz"],
        text_of(Path(arguments["checkpoint"])),
        folding(folded),
    )
    path, folder = place / f"{config.name}.toml", BuildFolder(place / BUILD)
    write_text(path, toml(config, f"{folded['frames_per_second']:g} frames per second, auflow explore"))
    flow.run(path, None, folder.root, arguments["frames"], "simulate", _goes_on(folder), False, PlainConsole())
    simulated, estimated = folder.read_report("simulation"), folder.read_report("estimate")
    return {
        "fits": True,
        "folder": f"{place.name}/{BUILD}",
        "frames_per_second": config.clock_mhz * 1e6 / simulated["interval_cycles"],
        "latency_cycles": simulated["first_out_cycles"],
        "resources": estimated["total"],
        "verdict": folder.read_report("parity")["verdict"],
    }


def _goes_on(folder: BuildFolder) -> bool:
    """Whether a worker of this computer began the build and died; what one of another computer left is begun anew."""
    try:
        folder.check_made_here()
    except (OSError, RuntimeError):
        return False
    return True


def synthesise(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """As `auflow synth`: what Yosys counts of a build."""
    (built,) = results
    if not built["fits"]:
        return built
    from hls_build.yosys import synthesis_report

    folder = BuildFolder(place.parent / built["folder"])
    found = synthesis_report.run(synthesis_report.designs(folder), lambda names: None, lambda name: None)
    folder.write_report("synthesis", found.as_json(load_board(arguments["board"])))
    return {"fits": True, "resources": found.total.resources.as_json()}


def evaluate(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """As `auflow eval` and `auflow eval --aus`: F1-frame on a dataset, validity of AUs on rendered faces."""
    del results, place
    from qnn.data.splits import Division
    from qnn.evaluation.measuring import measure, select

    checkpoint, found = Path(arguments["checkpoint"]), {}
    if (given := arguments["division"]) is not None:
        division = Division(**{**given, "root": Path(given["root"])})
        measured = measure(checkpoint, select(division), seed=division.seed)
        found["micro_f1"] = measured.to_json()["micro_f1"]
    if (rendered := arguments["rendered"]) is not None:
        from qnn.evaluation.aus.measuring import AuMeasurement
        from qnn.evaluation.aus.sources import MEASURING, rendered_faces

        figures = AuMeasurement(checkpoint, MEASURING, damaged=0).of_rendered(rendered_faces(Path(rendered), MEASURING))
        found["au_auc"] = figures.validity.means["others"].value
    return found


def folding(folded: Result) -> dict[str, Folding]:
    """The folding of every layer, out of the figures of `fold`."""
    names = [field.name for field in fields(Folding)]
    return {
        layer: Folding(**{name: entry[name] for name in names if name in entry})
        for layer, entry in folded["layers"].items()
    }
