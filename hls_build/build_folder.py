# SPDX-License-Identifier: Apache-2.0
"""The folder of a build: where it keeps what, and folders as archives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_IFREG
from typing import TYPE_CHECKING, Any, Literal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from board.core import trust
from board.core.files import sha256, whole, write_json
from board.core.reading import parsing, read_json
from board.deployment import BITFILE, CONTRACT, HANDOFF, INTEGER, LIBRARY, SHELL_FILE

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

Report = Literal["export", "lowering", "estimate", "check", "parity", "simulation", "bitstream", "synthesis", "timing"]
"""Names of the files in report/ that steps and commands write, each for one."""


STATE = "the state of a build", "build again without --resume"
"""What build.json is and what helps where it is none, for `board.core.reading`."""


@dataclass(frozen=True)
class State:
    """How far a build is, and what it is made from.

    Attributes:
        key: Digest of all that the steps are made from.
        checkpoint: The network's, as qnn.network.presets.text_of names it; empty of a user's own model.
        steps: Finished ones by name, with what each took.
    """

    key: str
    checkpoint: str
    steps: Mapping[str, Any]


@dataclass(frozen=True)
class BuildFolder:
    """Where a build keeps what; `root` is build/<name>."""

    root: Path

    @property
    def state(self) -> Path:
        """Finished steps and what they were made from."""
        return self.root / "build.json"

    @property
    def log(self) -> Path:
        """What happened, with times."""
        return self.root / "build.log"

    @property
    def integer(self) -> Path:
        """The integer graph."""
        return self.root / INTEGER

    @property
    def dataflow(self) -> Path:
        """The FINN+ graph."""
        return self.root / "dataflow.onnx"

    @property
    def contract(self) -> Path:
        """What the host needs to know."""
        return self.root / CONTRACT

    @property
    def rtl(self) -> Path:
        """Sources, memory files and their manifest."""
        return self.root / "rtl"

    @property
    def sim(self) -> Path:
        """The verilated accelerator."""
        return self.root / "sim"

    @property
    def library(self) -> Path:
        """Shared library of the verilated accelerator."""
        return self.root / LIBRARY

    @property
    def finn(self) -> Path:
        """What FINN+ writes on the way."""
        return self.root / "finn"

    @property
    def bitfile(self) -> Path:
        """The bitstream, where Vivado made one."""
        return self.root / BITFILE

    @property
    def handoff(self) -> Path:
        """The bitstream's description for pynq."""
        return self.root / HANDOFF

    @property
    def shell(self) -> Path:
        """What AUFlow's shell watches, where the bitstream has that shell."""
        return self.root / SHELL_FILE

    @property
    def vivado(self) -> Path:
        """The Vivado project as an archive, and unpacked where it was run."""
        return self.root / "vivado"

    @property
    def deploy(self) -> Path:
        """The deployment package."""
        return self.root / "deploy"

    @property
    def archive(self) -> Path:
        """The deployment package as one file."""
        return self.root / f"{self.root.resolve().name}.zip"

    @property
    def report(self) -> Path:
        """Figures as JSON."""
        return self.root / "report"

    @property
    def timeline(self) -> Path:
        """When every stream moved, recorded for the report's page."""
        return self.report / "timeline.npz"

    @property
    def timing_rows(self) -> Path:
        """The slowest path of each layer, as CSV."""
        return self.report / "timing.csv"

    @property
    def vivado_reports(self) -> Path:
        """Vivado's own reports."""
        return self.report / "vivado"

    def read_state(self) -> State:
        """Read build.json.

        Raises:
            ValueError: There is no build, or the file is none of ours.
        """
        if not self.state.is_file():
            raise ValueError(f"no build in {self.root}: run `auflow build --out {self.root}` first")
        content = read_json(self.state, *STATE)
        with parsing(self.state, *STATE):
            steps = {str(name): {**entry, "files": _digests(entry)} for name, entry in content["steps"].items()}
            return State(str(content["key"]), str(content["checkpoint"]), steps)

    def read_dataflow(self) -> ModelWrapper:
        """Read dataflow.onnx.

        Raises:
            ValueError: It is missing or broken.
        """
        import onnx  # which commands that only ask where a file lies do not wait for
        from qonnx.core.modelwrapper import ModelWrapper

        try:
            return ModelWrapper(onnx.load(self.dataflow))
        except Exception as error:  # protobuf's own class is not public
            raise ValueError(
                f"a dataflow graph must be a whole ONNX file, got {' '.join(str(error).split())} in {self.dataflow}:"
                " build again"
            ) from None

    def write_state(self, state: State) -> None:
        """Write build.json, and remember that this build was made here."""
        write_json(self.state, asdict(state))
        trust.record(self.state)

    def check_made_here(self) -> None:
        """Refuse a build that came from elsewhere: its RTL and its FINN+ graph run programs.

        Raises:
            RuntimeError: It was not this user on this computer who built it.
        """
        trust.check(self.state, "the build of")

    def check_finished(self, step: str) -> None:
        """Raise ValueError unless there is a build that got as far as a step."""
        if step not in self.read_state().steps:
            raise ValueError(
                f"the build in {self.root} has not finished step {step}: run `auflow build --out {self.root} --resume`"
            )

    def check_unchanged(self, *steps: str) -> None:
        """Hold every file of some steps, by default of all, to what its step made.

        Raises:
            ValueError: There is no build, or a file of it is missing or another one.
        """
        state = self.read_state()
        command = "build" if state.checkpoint else "compile"
        for step, entry in state.steps.items():
            for name, digest in entry["files"].items() if step in steps or not steps else ():
                path = self.root / name
                if not path.is_file() or sha256(path) != digest:
                    raise ValueError(
                        f"{path} is not what step {step} made: give the same `auflow {command}` with --resume, which"
                        " makes it anew"
                    )

    def report_file(self, name: Report) -> Path:
        """report/<name>.json."""
        return self.report / f"{name}.json"

    def write_report(self, name: Report, content: Mapping[str, Any]) -> None:
        """Write report/<name>.json."""
        write_json(self.report_file(name), content)

    def read_report(self, name: Report) -> dict[str, Any]:
        """Read report/<name>.json.

        Raises:
            ValueError: The build did not get that far.
        """
        content: dict[str, Any] = read_json(
            self.report_file(name), f"the {name} report of a build", "run `auflow build` to its end first"
        )
        return content


def _digests(step: Mapping[str, Any]) -> dict[str, str]:
    """Digests of what a step made; of an older build, which told none, one of a file that is not there."""
    return {str(name): str(digest) for name, digest in step.get("files", {"its files": ""}).items()}


def files_of(folder: Path) -> list[Path]:
    """All files in a folder and below, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pack(folder: Path, archive: Path, inside: str = "") -> None:
    """Pack a folder as a .zip file, complete or not there; equal folders make equal archives.

    Args:
        folder: What to pack.
        archive: The file.
        inside: Folder in the archive that holds everything; empty for none.
    """
    names = {(Path(inside) / path.relative_to(folder)).as_posix(): path for path in files_of(folder)}
    _write_zip(archive, ((name, path.read_bytes()) for name, path in names.items()))


def repack(archive: Path) -> None:
    """Write a .zip file anew, its files in their order, as `pack` would."""
    with ZipFile(archive) as packed:
        files = [(name, packed.read(name)) for name in packed.namelist()]
    _write_zip(archive, files)


def _write_zip(archive: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Every file is dated 1980, which is what ZipInfo does, and for all to read: neither clock nor umask shows."""
    with whole(archive) as partial, ZipFile(partial, "w", ZIP_DEFLATED) as packed:
        for name, content in files:
            info = ZipInfo(name)
            info.compress_type, info.create_system, info.external_attr = ZIP_DEFLATED, 3, (S_IFREG | 0o644) << 16
            packed.writestr(info, content)
