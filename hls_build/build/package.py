# SPDX-License-Identifier: Apache-2.0
"""Pack what a board needs of a build, and what this computer needs of a checkpoint, as deployments."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import cv2

import board
from board.core.contract import Contract
from board.core.files import sha256, whole, write_bytes
from board.core.plain_contract import read_contract
from board.core.timing import UNMET
from board.core.weights import FILE as WEIGHTS
from board.deployment import (
    BITFILE,
    CONTRACT,
    EXAMPLE,
    FINDER_LICENCE,
    FINDER_MODEL,
    FINDER_PARAM,
    FINDER_WEIGHTS,
    INTEGER,
    LIBRARY,
    ONNX,
    Manifest,
    Simulated,
    Timing,
)
from hls_build import compiler
from hls_build.build import bom
from hls_build.build.contract import make_contract
from hls_build.build_folder import BuildFolder, files_of, pack, repack
from hls_build.config.board import Board
from hls_build.config.build import MODEL_PRESET, BuildConfig
from hls_build.rtl.stitch import Stitched
from qnn.data import finder
from qnn.data.example import example_picture
from qnn.export import export

BOARD = Path(board.__file__).parent
NOTEBOOK = "au_demo.ipynb"
SERVICE = "auflow-live.service"
README = """\
AUFlow deployment {name}: {preset} for {board}, {aus} action units. {bitfile}
Install on a PYNQ image, where all runs under sudo -E: pip install ./{wheel}; elsewhere: pip install "./{wheel}[pc]"
Detect: auflow detect PICTURE|FOLDER|VIDEO|/dev/video0 --deploy . --out aus.csv --annotate seen.mp4
Compare all executors by ==: auflow parity --deploy . ; measure: auflow bench --deploy .
See it in a browser: auflow live --deploy . ; the demo notebook is {notebook}, the public-domain example {example}.
{ncnn}
"""
PLAIN_README = """\
AUFlow deployment {name}: a network of `auflow compile` for {board}. {bitfile}
Install on a PYNQ image, where all runs under sudo -E: pip install ./{wheel}; elsewhere: pip install "./{wheel}[pc]"
Compare all executors by ==: auflow parity --deploy .
Run it on uint8 frames of shape (N, {input}), for float64 outputs of shape (N, {output}):

    from pathlib import Path
    from board.deployment import Deployment
    from board.executors import open_executor
    deployed = Deployment(Path("."))
    executor = open_executor(deployed)
    outputs = deployed.accelerator.real(executor.accumulators(frames))
"""
FINDER = {
    FINDER_MODEL: finder.MODEL,
    FINDER_LICENCE: finder.LICENCE,
    FINDER_PARAM: finder.PARAM,
    FINDER_WEIGHTS: finder.WEIGHTS,
}
"""Where a deployment keeps the face finder's files."""
WHEELS = "wheels"
"""Folder of a deployment, and of the Python environment, for what a board without a network cannot fetch."""
BOARD_PYTHON = "cp310"
"""Python of PYNQ 3.0, as wheels name it."""
NCNN = "With ncnn faces are searched nine times as fast as with the image's OpenCV: pip install --no-deps {wheel}"

log = logging.getLogger("auflow.build")


def write(folder: BuildFolder, build: BuildConfig, pack_simulation: bool) -> Path:
    """Fill a build's deploy/ and pack it.

    Args:
        folder: Of a finished build.
        build: Its configuration.
        pack_simulation: Whether to include the simulation library, which runs on this kind of computer only.

    Returns:
        The archive.

    Raises:
        RuntimeError: The wheel cannot be made, or the disk does not take it.
    """
    out = folder.deploy
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    contract = read_contract(folder.contract)
    of_faces = isinstance(contract, Contract)
    copies = {INTEGER: folder.integer, CONTRACT: folder.contract}
    copies |= {path.name: path for path in (folder.bitfile, folder.handoff, folder.shell) if path.is_file()}
    if contract.weights is not None:
        copies[WEIGHTS] = folder.rtl / WEIGHTS
    simulation = None
    if pack_simulation:
        stitched = Stitched.load(folder.rtl)
        simulation = Simulated(sysconfig.get_platform(), stitched.streams, stitched.fifos)
        copies |= {LIBRARY: folder.library, **{f"sim/{path.name}": path for path in folder.rtl.glob("*.dat")}}
    if of_faces:
        copies |= {ONNX: folder.root / export.STANDARD}
        copies |= {NOTEBOOK: BOARD / "notebooks" / NOTEBOOK, SERVICE: BOARD / "live" / SERVICE}
    for name, source in copies.items():
        (out / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, out / name)
    bitfile = "It holds no bitfile yet: executor fpga runs on an emulated board."
    if BITFILE in copies:
        unmet = contract.timing is not None and not contract.timing.met
        bitfile = f"It holds a bitfile{f', and {UNMET}: results may be wrong' if unmet else ''}."
    if isinstance(contract, Contract):
        _write_finder(out)
        _write_example(out)
        ncnn = _copy_wheel(out, build.board)
        text = README.format(
            name=build.name,
            preset=build.preset,
            board=build.board.name,
            aus=len(contract.action_units),
            wheel=board_wheel(out),
            ncnn=NCNN.format(wheel=f"./{ncnn}" if ncnn else "ncnn"),
            notebook=NOTEBOOK,
            example=EXAMPLE,
            bitfile=bitfile,
        )
    else:
        text = PLAIN_README.format(
            name=build.name,
            board=build.board.name,
            wheel=board_wheel(out),
            bitfile=bitfile,
            input=", ".join(map(str, contract.input.shape)),
            output=", ".join(map(str, contract.output.shape)),
        )
        if contract.output.heads:
            told = ", ".join(f"{head.name} {head.shape}" for head in contract.output.heads)
            text += f"\nby_head in place of real gives the model's outputs by their names: {told}.\n"
    (out / "README.md").write_text(text)
    figures = folder.read_report("simulation")
    timing = Timing(figures["first_out_cycles"], figures["interval_cycles"])
    _seal(out, build.name, build.preset, timing, simulation)
    pack(out, folder.archive)
    return folder.archive


def write_software(checkpoint: Path, out: Path) -> None:
    """Make a deployment without an accelerator, for the executors `numpy` and `onnx`.

    Args:
        checkpoint: A quantized .safetensors file with its card.
        out: Its folder, complete or not there.
    """
    with whole(out) as made, tempfile.TemporaryDirectory() as temporary:
        exported = Path(temporary)
        report = export.export(checkpoint, exported)
        graph = compiler.lower_file(exported / export.MODEL)
        made.mkdir()
        graph.save(made / INTEGER)
        make_contract(report, graph).write(made / CONTRACT)
        shutil.copyfile(exported / export.STANDARD, made / ONNX)
        _write_finder(made)
        _write_example(made)
        _seal(made, checkpoint.stem, report.preset, Timing(), None)


def board_wheel(out: Path) -> str:
    """Build the wheel of the board package into a folder and return its name; equal sources make equal bytes."""
    with tempfile.TemporaryDirectory() as temporary:  # setuptools leaves files beside what it builds
        source = Path(temporary) / "board"
        shutil.copytree(BOARD, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        done = subprocess.run([*command, "--wheel-dir", str(out), str(source)], capture_output=True, text=True)
    wheels = sorted(out.glob("*.whl"))
    if done.returncode or not wheels:
        raise RuntimeError(f"pip could not build the board's wheel: {(done.stderr or done.stdout).strip()[-400:]}")
    repack(wheels[0])  # which has this moment's times and this user's permissions
    return wheels[0].name


def _write_finder(folder: Path) -> None:
    """The face finder, for both of its runtimes where it could be converted."""
    files = finder.finder_files()
    for name, source in FINDER.items():
        if source in files:
            write_bytes(folder / name, files[source].read_bytes())
    if finder.PARAM not in files:
        log.warning("pnnx is not installed: the face finder is packed for OpenCV alone, which takes nine times as long")


def _copy_wheel(out: Path, target: Board) -> str | None:
    """Put ncnn's wheel for a board's processor into a deployment, where set-up has fetched it; its path there."""
    machine, fetched = "aarch64" if target.is_zynqmp else "armv7l", Path(sys.prefix) / WHEELS
    wheels = sorted(fetched.glob(f"ncnn-*-{BOARD_PYTHON}-*{machine}.whl"))
    if not wheels:
        log.warning(
            "no ncnn for a board's %s in %s: the archive has none, so that a board without a network searches faces by"
            " OpenCV; scripts/setup.sh fetches it",
            machine,
            fetched,
        )
        return None
    (out / WHEELS).mkdir(exist_ok=True)
    shutil.copyfile(wheels[-1], out / WHEELS / wheels[-1].name)
    return f"{WHEELS}/{wheels[-1].name}"


def _write_example(folder: Path) -> None:
    """The picture of qnn.data.example, public domain, so that a board has a face to begin with."""
    done, content = cv2.imencode(".jpg", cv2.cvtColor(example_picture(), cv2.COLOR_RGB2BGR))
    assert done, "OpenCV writes JPEG"
    write_bytes(folder / EXAMPLE, content.tobytes())


def _seal(folder: Path, name: str, preset: str, timing: Timing, simulation: Simulated | None) -> None:
    """Write the bill of materials and the manifest of all that a folder holds."""
    bom.write(folder, name, None if preset == MODEL_PRESET else "Apache-2.0")
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in files_of(folder)}
    Manifest(name, preset, files, timing, simulation).write(folder)
