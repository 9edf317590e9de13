# SPDX-License-Identifier: Apache-2.0
"""Run cocotb tests against a design in the pinned Verilator: compiled once by content, one process a run."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from board.core import cache
from hls_build.simulation import verilator

SUPPORT = Path(__file__).parent
SETTINGS = "AUFLOW_BENCH"
"""Environment variable that carries a run's settings as JSON."""
TIMEOUT_S = 3000.0
DRAWS = 20
"""A mutant that only a rare stall shows is noticed in one draw of two or three."""
UNIT_BYTES = 2_000_000
"""C++ that is compiled as one: a smaller unit takes longer to read its headers than to compile."""
RUNTIME = ("verilated", "verilated_vpi", "verilated_threads")


def compiled(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str]) -> Path:
    """The executable of a design whose top's signals cocotb can reach; assertions end it."""
    options = [
        *("--cc", "--vpi", "-O3", "--no-timing", "--assert", "--prefix", "Vtop", *verilator.LENIENT),
        *("--x-assign", "fast", "--x-initial", "fast", "--output-split", "20000"),
    ]
    runtime = _runtime()
    words = [runtime.name, top, *options, repr(sorted(parameters.items())), inspect.getsource(_make)]
    key = verilator._digest(words, sources)
    make = lambda folder: _make(folder, sources, top, parameters, options, runtime)  # noqa: E731
    return cache.entry("models", key, make) / "bench"


def _runtime() -> Path:
    """Folder of Verilator's compiled runtime with its VPI, made once for all designs."""
    units = [verilator.verilator_root() / f"include/{name}.cpp" for name in RUNTIME]
    key = verilator._digest([verilator._compiler_version(verilator.compiler()), inspect.getsource(_flags)], units)
    return cache.entry("runtime", key, lambda folder: verilator._compile(units, folder, ["-O2", *_flags()], jobs=1))


def _flags() -> list[str]:
    """Of the compiler: cocotb's library takes symbols out of the executable."""
    return [flag for flag in verilator._flags(trace=False) if flag != "-fvisibility=hidden"]


def _make(
    folder: Path,
    sources: Sequence[Path],
    top: str,
    parameters: Mapping[str, int | str],
    options: Sequence[str],
    runtime: Path,
) -> None:
    """Leave the executable in a folder."""
    import cocotb_tools.config as installed

    public = folder / "public.vlt"  # the top's ports alone: the design behind them stays optimised
    public.write_text(f'`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n')
    read = [verilator._readable(source, folder, False) for source in sources]
    arguments = [*options, "--Mdir", ".", str(public), *verilator._arguments(read, top, parameters, {})]
    verilator._verilate(arguments, folder, top)
    start = Path(installed.share_dir) / "lib/verilator/verilator.cpp"
    together: list[list[Path]] = [[start]]
    for unit in sorted(folder.glob("*.cpp")):
        if sum(one.stat().st_size for one in together[-1]) > UNIT_BYTES:
            together.append([])
        together[-1].append(unit)
    units = [folder / f"whole{index}.cpp" for index in range(len(together))]
    for unit, parts in zip(units, together, strict=True):
        unit.write_text("".join(f'#include "{part}"\n' for part in parts))
    objects = verilator._compile(units, folder, ["-O1", "-I.", *_flags()], jobs=2)
    links = [f"-L{installed.libs_dir}", f"-Wl,-rpath,{installed.libs_dir}", "-lcocotbvpi_verilator", "-lpthread"]
    linked = [*objects, *sorted(runtime.glob("*.o"))]
    command = [verilator.compiler(), "-o", "bench", "-rdynamic", *map(str, linked), *links, "-latomic"]
    verilator._run(command, folder)
    for path in folder.iterdir():
        if path.name != "bench":
            path.unlink()


def run(
    executable: Path,
    top: str,
    module: str,
    settings: Mapping[str, Any],
    cases: Sequence[str] = (),
    cwd: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Run the cocotb tests of a module of this folder; the first that fails raises AssertionError with its reason.

    Args:
        executable: What `compiled` gave.
        top: Module of the design.
        module: Name of the Python module with the tests.
        settings: What the tests read with `settings()`.
        cases: Tests to run; all without.
        cwd: Folder that memory files are read from.
        timeout_s: How long it may take.
    """
    import cocotb_tools.config as installed
    import find_libpython

    with tempfile.TemporaryDirectory(prefix="auflow-bench-") as place:
        results = Path(place) / "results.xml"
        users = [find_libpython.find_libpython(), installed.pygpi_entry_point()]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path]),
            "PYGPI_PYTHON_BIN": sys.executable,
            "GPI_USERS": ";".join(filter(None, users)),
            "COCOTB_TOPLEVEL": top,
            "COCOTB_TEST_MODULES": module,
            "COCOTB_RESULTS_FILE": str(results),
            "COCOTB_LOG_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore::DeprecationWarning",  # of cocotbext-axi, which also serves cocotb 1
            "COCOTB_TRUST_INERTIAL_WRITES": "1",
            "TOPLEVEL_LANG": "verilog",
            SETTINGS: json.dumps(dict(settings)),
        }
        if cases:
            environment["COCOTB_TEST_FILTER"] = "|".join(rf"\.{case}$" for case in cases)
        done = subprocess.run(
            [str(executable)], cwd=cwd or place, env=environment, capture_output=True, text=True, timeout=timeout_s
        )
        said = (done.stdout + done.stderr)[-4000:]
        assert results.is_file(), said
        tests = list(ElementTree.parse(results).getroot().iter("testcase"))
        failed = [
            test.get("name") for test in tests if test.find("failure") is not None or test.find("error") is not None
        ]
        assert tests and not failed and done.returncode == 0, f"{failed} of {len(tests)}\n{said}"


def assert_noticed(hold: Callable[[list[Path], int], None], planted: list[Path], sound: list[Path], seed: int) -> None:
    """Of DRAWS draws of stalls and errors one must fail with a mutant, and pass without.

    Args:
        hold: Runs the case that must notice, with sources and a seed; raises AssertionError where it fails.
        planted: Sources with the mutant.
        sound: Sources without.
        seed: Of the first draw.
    """
    for draw in range(seed, seed + DRAWS):
        try:
            hold(planted, draw)
        except AssertionError:
            hold(sound, draw)
            return
    raise AssertionError(f"the mutant must be noticed within {DRAWS} draws, from seed {seed} on none failed")


def settings() -> dict[str, Any]:
    """The settings of this run, within its process."""
    content: dict[str, Any] = json.loads(os.environ[SETTINGS])
    return content
