# SPDX-License-Identifier: Apache-2.0
"""Run cocotb tests against a design in the pinned Verilator: compiled once by content, one process a run."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from board.core import cache
from hls_build.simulation import verilator

SUPPORT = Path(__file__).parent
SETTINGS = "AUFLOW_BENCH"
"""Environment variable that carries a run's settings as JSON."""
TIMEOUT_S = 3000
_RUNTIME = ("verilated", "verilated_vpi", "verilated_threads")


def compiled(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str]) -> Path:
    """The executable of a design whose top's signals cocotb can reach; assertions end it."""
    import cocotb_tools.config as installed

    options = [
        *("--cc", "--vpi", "-O3", "--no-timing", "--assert", "--prefix", "Vtop", "-Wno-fatal", "-Wno-lint"),
        *("-Wno-style", "--x-assign", "fast", "--x-initial", "fast", "--output-split", "20000"),
    ]
    start = Path(installed.share_dir) / "lib/verilator/verilator.cpp"
    digest = hashlib.sha256(repr((options, top, sorted(parameters.items()), inspect.getsource(_make))).encode())
    for source in (*sources, start):
        digest.update(source.read_bytes())
    key = digest.hexdigest()[:32]
    return cache.entry(
        "models", key, lambda folder: _make(folder, sources, top, parameters, options, start, installed.libs_dir)
    ) / "bench"  # fmt: skip


def _make(
    folder: Path,
    sources: Sequence[Path],
    top: str,
    parameters: Mapping[str, int | str],
    options: Sequence[str],
    start: Path,
    libraries: Path,
) -> None:
    """Leave the executable in a folder."""
    root = verilator.verilator_root()
    public = folder / "public.vlt"  # the top's ports alone: the design behind them stays optimised
    public.write_text(f'`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n')
    read = [verilator._readable(source, folder) for source in sources]
    arguments = [*options, "--Mdir", ".", str(public), *verilator._arguments(read, top, parameters, {})]
    verilator._verilate(arguments, folder, top)
    made = sorted(folder.glob("*.cpp"))
    whole = folder / "whole.cpp"
    whole.write_text("".join(f'#include "{unit.name}"\n' for unit in made))
    flags = [flag for flag in verilator._flags(trace=False) if flag != "-fvisibility=hidden"]
    units = [whole, start, *(root / f"include/{name}.cpp" for name in _RUNTIME)]
    objects = verilator._compile(units, folder, ["-O1", "-I.", *flags], jobs=1)
    links = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lcocotbvpi_verilator", "-lpthread", "-latomic"]
    command = [verilator.compiler(), "-o", "bench", "-rdynamic", *(str(made) for made in objects), *links]
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
) -> None:
    """Run the cocotb tests of a module of this folder; the first that fails raises AssertionError with its reason.

    Args:
        executable: What `compiled` gave.
        top: Module of the design.
        module: Name of the Python module with the tests.
        settings: What the tests read with `settings()`.
        cases: Tests to run; all without.
        cwd: Folder that memory files are read from.
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
            "GPI_USERS": ";".join(users),
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
            [str(executable)], cwd=cwd or place, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        said = (done.stdout + done.stderr)[-4000:]
        assert results.is_file(), said
        tests = list(ElementTree.parse(results).getroot().iter("testcase"))
        failed = [
            test.get("name") for test in tests if test.find("failure") is not None or test.find("error") is not None
        ]
        assert tests and not failed and done.returncode == 0, f"{failed} of {len(tests)}\n{said}"


def settings() -> dict[str, Any]:
    """The settings of this run, within its process."""
    content: dict[str, Any] = json.loads(os.environ[SETTINGS])
    return content
