# SPDX-License-Identifier: Apache-2.0
"""What the tests over all kernels try of each: the CASES in tests/hls_build/kernels/test_<kernel>.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qonnx_models import QonnxCase

from hls_build.kernels import KERNELS
from hls_build.kernels.kernel_spec import KernelSpec

FOLDER = Path(__file__).parents[1] / "hls_build" / "kernels"
FRAMES = 40
MOST_LETTERS = 16
"""A text that is longer is a table."""
Shape = list[int]


@dataclass(frozen=True)
class NodeCase:
    """A spec as a FINN node, with the shapes that its tensors must have."""

    spec: KernelSpec
    inputs: Sequence[Shape]
    outputs: Sequence[Shape]


@dataclass(frozen=True)
class Cases:
    """What is tried of one kernel.

    Attributes:
        specs: Small geometries; each meets every stall, and its timing is held to the cycle.
        illegal: Changes of the first spec's fields, with what the error says (a regular expression).
        illegal_rtl: Changes of the first spec's RTL parameters, with what the elaboration says.
        nodes: Geometries that are tried as FINN nodes too.
        qonnx: Nodes that the kernel's rules lower, each tried in a network from QONNX to RTL; empty without rules.
        synthesised: Specs whose cost is compared with what Yosys counts.
        full_size: Geometries of the real network; a few frames of each meet stalls on both sides.
        proved: Geometries so small that the kernel's properties are proved of them in seconds.
        proved_slowly: Larger ones.
        lut_share: How far estimated LUTs may be off, as a share of what Yosys counts.
        ff_share: The same of flip-flops; 0 for an exact estimate.
    """

    specs: Sequence[KernelSpec]
    illegal: Sequence[tuple[dict[str, Any], str]]
    illegal_rtl: Sequence[tuple[dict[str, int], str]]
    nodes: Sequence[NodeCase]
    synthesised: Sequence[KernelSpec]
    qonnx: Sequence[QonnxCase] = ()
    full_size: Sequence[KernelSpec] = ()
    proved: Sequence[KernelSpec] = ()
    proved_slowly: Sequence[KernelSpec] = ()
    lut_share: float = 0.3
    ff_share: float = 0.3


@cache
def all_cases() -> Mapping[str, Cases]:
    """Cases of every registered kernel, by its name.

    Raises:
        FileNotFoundError: A kernel has no test file.
    """
    return {kernel.name: _load(FOLDER / f"test_{kernel.name}.py") for kernel in KERNELS}


def _load(path: Path) -> Cases:
    """CASES of a test file, read as a module of its own."""
    found = spec_from_file_location(f"cases_in_{path.stem}", path)
    assert found is not None and found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    cases: Cases = module.CASES
    return cases


def label(spec: KernelSpec) -> str:
    """Name of a spec, without its tables."""
    values = [getattr(spec, field.name) for field in dataclasses.fields(spec)]
    told = [str(value) for value in values if not isinstance(value, tuple)]
    return "-".join([spec.module, *(text for text in told if len(text) <= MOST_LETTERS)])


def each(*kinds: str) -> pytest.MarkDecorator:
    """Parametrize a test by `spec` over all kernels' cases of some kinds, such as "specs" and "full_size"."""
    found = [spec for cases in all_cases().values() for kind in kinds for spec in getattr(cases, kind)]
    return pytest.mark.parametrize("spec", found, ids=label)


def each_synthesised() -> pytest.MarkDecorator:
    """Parametrize a test by `spec` over what is synthesised of all kernels, those beyond two of each in slow tests."""
    found = [
        pytest.param(spec, marks=pytest.mark.slow if number > 1 else ())
        for cases in all_cases().values()
        for number, spec in enumerate(cases.synthesised)
    ]
    return pytest.mark.parametrize("spec", found, ids=label)


def each_change(kind: str) -> pytest.MarkDecorator:
    """Parametrize a test by `spec`, `change` and `rule` over all kernels' cases of a kind of illegal change."""
    found = [(cases.specs[0], *case) for cases in all_cases().values() for case in getattr(cases, kind)]
    return pytest.mark.parametrize(("spec", "change", "rule"), found, ids=_change_label)


def _change_label(value: Any) -> str:
    if isinstance(value, KernelSpec):
        return value.module
    if isinstance(value, dict):
        return "-".join(f"{key}={new}" for key, new in value.items() if not isinstance(new, np.ndarray)) or "table"
    return ""


def each_node() -> pytest.MarkDecorator:
    """Parametrize a test by `kernel` and `case` over all kernels' nodes."""
    found = [(kernel, case) for kernel in KERNELS for case in all_cases()[kernel.name].nodes]
    return pytest.mark.parametrize(("kernel", "case"), found, ids=[label(case.spec) for _, case in found])


def each_qonnx_case() -> pytest.MarkDecorator:
    """Parametrize a test by `kernel` and `case` over all kernels' QONNX nodes."""
    found = [(kernel, case) for kernel in KERNELS for case in all_cases()[kernel.name].qonnx]
    return pytest.mark.parametrize(("kernel", "case"), found, ids=[kernel.name for kernel, _ in found])


def random_inputs(spec: KernelSpec, rng: np.random.Generator, frames: int) -> list[np.ndarray]:
    """Random frames (frames, H, W, C) for every input; two of each hold least and greatest values alone."""
    return list(_random_inputs(spec, rng, frames))


def _random_inputs(spec: KernelSpec, rng: np.random.Generator, frames: int) -> Iterator[np.ndarray]:
    for port in spec.inputs:
        low, high = port.limits
        x = rng.integers(low, high + 1, (frames, *frame_size(spec, port.pixels), port.channels))
        x[1], x[2] = low, high
        yield x


def frame_size(spec: KernelSpec, pixels: int) -> tuple[int, int]:
    """Height and width of a frame of so many pixels: the spec's own where it has them, else one row."""
    size = (getattr(spec, "height", 1), getattr(spec, "width", pixels))
    return size if size[0] * size[1] == pixels else (1, pixels)
