# SPDX-License-Identifier: Apache-2.0
"""A build as a Vivado project that lies anywhere: one folder, one archive, one command."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from qonnx.core.modelwrapper import ModelWrapper

from board.core.files import plain_folder, sha256
from board.deployment import BITFILE, HANDOFF, SHELL_FILE
from hls_build.build_folder import files_of, pack
from hls_build.config.board import Board
from hls_build.config.build import BuildConfig
from hls_build.finn_adapter import is_pumped
from hls_build.shell.spec import FRAME_FILE, ShellSpec
from hls_build.shell.spec import write as write_shell
from hls_build.vivado import reports, shell
from hls_build.vivado.finn_steps import KERNELS, RTLLIB, Call, zynq_build

HERE = Path(__file__).resolve().parent
FILES = "files.sha256"
"""List of all files, as `sha256sum --check` reads it."""
SCRIPTS = ("implement.tcl", "reports.tcl")
"""What the shell's script runs besides what FINN+ wrote."""
LIBRARIES = ("nodes", "rtllib", "kernels", "hls")

README = """\
AUFlow accelerator {name} for {board} ({part}), {clock:g} MHz, as a Vivado project.

Needs Vivado{hls} 2022.2 or 2024.2 on Linux (source {settings}) and the board files of
{board_part}: from Vivado's board store, or unpacked into board_files/ here. Then, in this folder:

    vivado -mode batch -source build.tcl

result/ gets accelerator.bit, accelerator.hwh, the reports and a checkpoint, accelerator.dcp. Where timing is not met,
other strategies of implementation are tried, and the best is taken: read timing.rpt before you use its bitfile.
What was done is kept in work/, with every tool's log, and not done again. AUFLOW_JOBS=N sets the parallel runs (4),
AUFLOW_STRATEGIES=N how many strategies are tried at most (4).

{files} lists all files; {sources}
"""
FINN_SOURCES = """\
src/nodes and src/kernels hold the RTL that was simulated, src/rtllib the part of FINN+'s
library that it uses, src/hls what the DMAs need of finn-hlslib, src/1_* to src/6_* the scripts of FINN+'s Zynq
build."""
OWN_SOURCES = """\
src/rtl holds the RTL that was simulated and AUFlow's shell round it, src/1_shell the script of
FINN+'s Zynq design with this shell in it. result/ gets shell.json too, which belongs beside accelerator.bit."""


@dataclass(frozen=True)
class _Step:
    """A call of a tool in the project.

    Attributes:
        folder: Below src/ and work/.
        call: What FINN+ would have called, with its own paths.
        inputs: Files and folders of the call's folder that it reads.
    """

    folder: str
    call: Call
    inputs: tuple[Path, ...]


def write(
    model: ModelWrapper, build: BuildConfig, rtl: Path, archive: Path, own_shell: ShellSpec | None = None
) -> None:
    """Write a build's Vivado project as one archive, complete or not there.

    Args:
        model: Dataflow graph.
        build: Its configuration.
        rtl: Its RTL folder, which was simulated.
        archive: A .zip file; its folder is called like it.
        own_shell: AUFlow's shell round the accelerator; None takes FINN's.

    Raises:
        RuntimeError: FINN+ did not make what is expected, or the disk does not take it.
    """
    with plain_folder() as temporary:
        workspace, folder = temporary / "finn", temporary / archive.stem
        workspace.mkdir()
        calls = zynq_build(model, build.board, build.clk_period_ns, rtl, workspace)
        double_pumped = _is_double_pumped(model)
        if own_shell is None:
            _fill(folder, calls, workspace, build, double_pumped)
        else:
            _fill_own(folder, calls[-1], own_shell, rtl, build, double_pumped)
        pack(folder, archive, archive.stem)


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a project into a folder, or leave it alone where it is unpacked already; return its own folder."""
    project = folder / archive.stem
    with ZipFile(archive) as packed:
        listed = packed.read(f"{archive.stem}/{FILES}")
        if (project / FILES).is_file() and (project / FILES).read_bytes() == listed:
            return project
        shutil.rmtree(project, ignore_errors=True)
        packed.extractall(folder)
    return project


def _is_double_pumped(model: ModelWrapper) -> bool:
    """Whether a multiplier or a weight memory runs at twice the clock."""
    return any(is_pumped(node) for node in model.graph.node)


def _fill(folder: Path, calls: list[Call], workspace: Path, build: BuildConfig, double_pumped: bool) -> None:
    """Write the project's folder, with FINN's shell."""
    steps = [_step(index, call) for index, call in enumerate(calls, 1)]
    places = _places(steps, workspace)
    source = folder / "src"
    shutil.copytree(workspace / "nodes", source / "nodes")
    shutil.copytree(HERE / "hls", source / "hls")
    for step in steps:
        _copy(step.inputs, source / step.folder)
    _finish_design(source / steps[-1].folder, steps[-1].call, build, double_pumped)
    _copy_library(source, list(source.rglob("*.tcl")), workspace)
    for path in files_of(source):
        path.write_text(_placed(path.read_text(), places))
    _seal(folder, steps, LIBRARIES, build, FINN_SOURCES)


def _fill_own(
    folder: Path, call: Call, own_shell: ShellSpec, rtl: Path, build: BuildConfig, double_pumped: bool
) -> None:
    """Write the project's folder, with AUFlow's shell: one call, which reads plain sources."""
    sources = folder / "src" / shell.OWN_RTL
    sources.mkdir(parents=True)
    for path in [*write_shell(own_shell, rtl, sources), *rtl.glob("*.dat")]:
        if path.parent != sources:
            shutil.copyfile(path, sources / path.name)
    for path in files_of(sources):
        if path.suffix in (".v", ".sv"):
            placed = path.read_text()
            if own_shell.self_test is not None:
                placed = placed.replace(f'"{FRAME_FILE}"', f'"./{FRAME_FILE}"')
            path.write_text(placed.replace('"./', f'"@ROOT@/{shell.OWN_RTL}/'))
    step = _Step("1_shell", call, (call.script,))
    _copy(step.inputs, folder / "src" / step.folder)
    weights = own_shell.weights is not None
    _finish_design(folder / "src" / step.folder, call, build, double_pumped, own=True, weights=weights)
    _seal(folder, [step], (shell.OWN_RTL,), build, OWN_SOURCES)


def _finish_design(
    folder: Path, call: Call, build: BuildConfig, double_pumped: bool, own: bool = False, weights: bool = False
) -> None:
    """Put what FINN+'s design lacks into its script, and the scripts that it runs beside it."""
    for name in SCRIPTS:
        shutil.copyfile(HERE / "scripts" / name, folder / name)
    script = folder / call.script.name
    text = script.read_text()
    for rewrite in shell.rewrites(build.board, build.clock_mhz, double_pumped, own, weights):
        text = rewrite.apply(text)
    script.write_text(text)


def _seal(folder: Path, steps: list[_Step], libraries: tuple[str, ...], build: BuildConfig, sources: str) -> None:
    """Write what runs the steps, what a person reads, and the list of all files."""
    shutil.copyfile(HERE / "scripts/build.tcl", folder / "build.tcl")
    (folder / "steps.tcl").write_text(_steps_script(steps, libraries, build.board))
    (folder / "README.md").write_text(
        README.format(
            name=build.name,
            board=build.board.name,
            part=build.board.part,
            clock=build.clock_mhz,
            board_part=build.board.board_part,
            files=FILES,
            hls=" with Vitis HLS" if any(step.call.tool == "vitis_hls" for step in steps) else "",
            settings="both settings64.sh" if any(step.call.tool == "vitis_hls" for step in steps) else "settings64.sh",
            sources=sources,
        )
    )
    listed = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files_of(folder)]
    (folder / FILES).write_text("".join(listed))


def _step(index: int, call: Call) -> _Step:
    """Name a call's folder and list what it reads there."""
    script = call.script
    content = script.read_text()
    if call.tool == "vitis_hls":
        top = re.search(r'^set config_toplevelfxn "(\S+)"$', content, re.MULTILINE)
        assert top, "FINN+'s HLS script names its function"
        return _Step(f"{index}_{top[1]}", call, (script, call.folder / f"top_{top[1]}.cpp"))
    design = re.search(r'^create_bd_design "(\S+)"$', content, re.MULTILINE)
    if design and design[1] != "top":
        return _Step(f"{index}_{design[1]}", call, (script, call.folder / "data"))
    return _Step(f"{index}_shell", call, (script,))


def _places(steps: list[_Step], workspace: Path) -> dict[str, str]:
    """New places of old paths."""
    places = {str(step.call.folder): f"@ROOT@/{step.folder}" for step in steps}
    places |= {str(workspace / "deps" / name): "@ROOT@/hls" for name in ("finn-hlslib", "attention-hlslib")}
    places |= {str(workspace / "nodes"): "@ROOT@/nodes"}
    return places | {str(workspace / RTLLIB): "@ROOT@/rtllib", str(workspace / KERNELS): "@ROOT@/kernels"}


def _placed(text: str, places: dict[str, str]) -> str:
    """A text with old paths replaced."""
    for old, new in places.items():
        text = text.replace(old, new)
    return text


def _copy(inputs: Iterable[Path], target: Path) -> None:
    target.mkdir(parents=True)
    for path in inputs:
        if path.is_dir():
            shutil.copytree(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def _copy_library(source: Path, scripts: Iterable[Path], workspace: Path) -> None:
    """Copy the RTL that scripts add from FINN+'s library and from ours."""
    library, kernels = workspace / RTLLIB, workspace / KERNELS
    (source / "kernels").mkdir()
    (source / "rtllib/memstream").mkdir(parents=True)  # which FINN+ names as a repository of IP, though it holds none
    for script in scripts:
        for name in re.findall(r"^add_files -norecurse (\S+)$", script.read_text(), re.MULTILINE):
            path = Path(name.replace("$::env(FINN_RTLLIB)", str(library)))
            if path.is_relative_to(library):
                target = source / "rtllib" / path.relative_to(library)
            elif path.is_relative_to(kernels):
                target = source / "kernels" / path.relative_to(kernels)
            else:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _steps_script(steps: list[_Step], libraries: tuple[str, ...], board: Board) -> str:
    """steps.tcl: what build.tcl does."""
    calls = []
    for step in steps:
        *options, script = step.call.arguments
        calls.append(f"  {{{step.folder} {step.call.tool} {{{' '.join([*options, Path(script).name])}}}}}")
    last = steps[-1].folder
    handoff = "sources_1/bd/top/hw_handoff/top.hwh"
    results = {
        BITFILE: [f"{last}/{BITFILE}"],
        HANDOFF: [f"{last}/finn_zynq_link.{kind}/{handoff}" for kind in ("srcs", "gen")],
        **{name: [f"{last}/{name}"] for name in (*reports.NAMES, reports.CHECKPOINT)},
    }
    if shell.OWN_RTL in libraries:
        results[SHELL_FILE] = [f"{shell.OWN_RTL}/{SHELL_FILE}"]
    lines = [f"  {name} {{{' '.join(candidates)}}}" for name, candidates in results.items()]
    return "\n".join(
        [
            "# SPDX-License-Identifier: Apache-2.0",
            f"set part {board.part}",
            f"set board_part {board.board_part}",
            f"set libraries {{{' '.join(libraries)}}}",
            "set steps {",
            *calls,
            "}",
            "set results {",
            *lines,
            "}",
            "",
        ]
    )
