# SPDX-License-Identifier: Apache-2.0
"""The deployment package: all that a board needs of one build, as a folder or as the archive it came in."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile, ZipInfo

from board.core.contract import Contract
from board.core.files import sha256, whole, write_json
from board.core.lock import lock_name, locked
from board.core.plain_contract import PlainContract, read_contract
from board.core.reading import LARGEST_TEXT_BYTES, decoding, member, packed_files, parse_json, read_bytes
from board.core.weights import FILE as WEIGHTS

if TYPE_CHECKING:  # what few deployments need takes a board's time to import
    from board.core.graph import IntegerGraph
    from board.simulation.harness import Simulation

FORMAT = "auflow-deployment-2"
MANIFEST = "manifest.json"
CONTRACT = "accelerator.json"
INTEGER = "integer.npz"
ONNX = "standard.onnx"
BITFILE = "accelerator.bit"
HANDOFF = "accelerator.hwh"
SHELL_FILE = "shell.json"
LIBRARY = "sim/accelerator.so"
EXAMPLE = "example.jpg"
FINDER_MODEL = "finder/yunet.onnx"
FINDER_PARAM, FINDER_WEIGHTS = "finder/yunet.param", "finder/yunet.bin"
FINDER_LICENCE = "finder/LICENSE"

LARGEST_BYTES = 512 << 20
"""Of an unpacked archive; the largest real one is a tenth of it."""
ARCHIVE = "a deployment", f"a folder or a whole .zip archive with {MANIFEST}", "copy it again"
"""What an archive is, what it must be and what helps where it is none, for `board.core.reading`."""


@dataclass(frozen=True)
class Timing:
    """Cycles that the accelerator took in simulation; None where it was not simulated.

    Attributes:
        first_out_cycles: From the first pixel offered to the first accumulator.
        interval_cycles: Between successive frames at full rate.
    """

    first_out_cycles: int | None = None
    interval_cycles: int | None = None


@dataclass(frozen=True)
class Simulated:
    """The simulation library in a deployment.

    Attributes:
        platform: What it was compiled for, such as "linux-x86_64".
        streams: Streams inside the accelerator that it shows, in its bit order.
        fifos: FIFOs that it shows.
    """

    platform: str
    streams: tuple[str, ...]
    fifos: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """manifest.json.

    Attributes:
        name: Of the build.
        preset: Widths of the network.
        files: Digest of every file by its path in the package.
        timing: What the simulation of the build measured.
        simulation: What is known of the simulation library; None where there is none.
    """

    name: str
    preset: str
    files: dict[str, str]
    timing: Timing
    simulation: Simulated | None

    def write(self, folder: Path) -> None:
        """Write manifest.json."""
        write_json(folder / MANIFEST, {"format": FORMAT, **asdict(self)})

    @classmethod
    def parse(cls, text: str, where: Path) -> Manifest:
        """Read the text of a manifest.json.

        Raises:
            ValueError: It is broken or of another version.
        """
        content: Any = parse_json(text, where, f"a deployment's {MANIFEST}", "build it again")
        try:
            if content["format"] != FORMAT:
                raise ValueError(f"got {content['format']!r}")
            simulation = content["simulation"]
            files = dict(content["files"])
            if not all(isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest) for digest in files.values()):
                raise ValueError("got a digest that is none")
            if simulation is not None:
                streams, fifos = tuple(simulation["streams"]), tuple(simulation["fifos"])
                simulation = Simulated(str(simulation["platform"]), streams, fifos)
            return cls(str(content["name"]), str(content["preset"]), files, Timing(**content["timing"]), simulation)
        except (ValueError, KeyError, TypeError) as error:
            said = str(error) if isinstance(error, ValueError) else f"got {'no ' * isinstance(error, KeyError)}{error}"
            raise ValueError(
                f"a deployment's {MANIFEST} must be of format {FORMAT}, {said} in {where}: build it again"
            ) from None


class Deployment:
    """A deployment whose files are checked against its manifest whenever they are used.

    Args:
        path: Its folder, or its .zip archive, which is unpacked into a folder beside it.
        trusted: Run the simulation library in it wherever it comes from; otherwise only where it was built here.

    Attributes:
        folder: Where its files are.
        trusted: As given.
        manifest: What they should be.
        accelerator: What the accelerator takes and gives, whatever network it computes.

    Raises:
        ValueError: There is none, it is damaged, or its parts are not of one build.
    """

    def __init__(self, path: Path, trusted: bool = False) -> None:
        self.trusted = trusted
        self.folder = unpack(path) if path.is_file() else path
        manifest = self.folder / MANIFEST
        if not manifest.is_file():
            raise ValueError(
                f"a deployment must hold {MANIFEST}, got none in {path}: name the folder deploy/ that `auflow build`"
                " left, or its archive"
            )
        text = read_bytes(manifest, f"a deployment's {MANIFEST}", "build it again").decode(errors="replace")
        self.manifest = Manifest.parse(text, manifest)
        self.accelerator: Contract | PlainContract = read_contract(self.file(CONTRACT))

    @property
    def contract(self) -> Contract:
        """What a network of action units takes and gives.

        Raises:
            ValueError: It is another network, of `auflow compile`.
        """
        if not isinstance(self.accelerator, Contract):
            raise ValueError(
                f"this needs a network of action units, got {self.manifest.name} of `auflow compile` in {self.folder}:"
                " run it by `auflow parity --deploy`, or by board.executors.open_executor"
            )
        return self.accelerator

    @property
    def has_bitfile(self) -> bool:
        """Whether it can drive an FPGA."""
        return BITFILE in self.manifest.files and HANDOFF in self.manifest.files

    @property
    def has_onnx(self) -> bool:
        """Whether ONNX Runtime can run it."""
        return ONNX in self.manifest.files

    @property
    def has_finder(self) -> bool:
        """Whether it holds the face detector YuNet."""
        return FINDER_MODEL in self.manifest.files

    @property
    def onnx(self) -> Path:
        """The integer network in standard ONNX operators."""
        return self.file(ONNX)

    @property
    def bitfile(self) -> Path:
        """The bitfile; its .hwh is checked too and lies beside it, as do shell.json and weights where it has any."""
        beside = [SHELL_FILE] if SHELL_FILE in self.manifest.files else []
        for name in (HANDOFF, *beside, *([WEIGHTS] if self.accelerator.weights else [])):
            self.file(name)
        path = self.file(BITFILE)
        self.accelerator.check_bitfile(path)
        return path

    def file(self, name: str) -> Path:
        """A file of the package.

        Raises:
            ValueError: The package has none of this name, or it is not the one that was packed.
        """
        path = self.folder / name
        if name not in self.manifest.files:
            raise ValueError(
                f"deployment {self.folder} must hold {name} for this, but was built without it, and holds"
                f" {', '.join(sorted(self.manifest.files)[:8])}: use one that holds it"
            )
        if not path.is_file():
            raise ValueError(f"deployment {self.folder} must hold {name}, which is missing: unpack it again")
        if (actual := sha256(path)) != self.manifest.files[name]:
            wanted, got = told_apart(self.manifest.files[name], actual)
            raise ValueError(f"{name} must have sha256 {wanted}, got {got} in {self.folder}: unpack it again")
        return path

    def integer_graph(self) -> IntegerGraph:
        """The integer network."""
        from board.core.graph import IntegerGraph

        graph = IntegerGraph.load(self.file(INTEGER))
        if graph.tensors[graph.input].shape != self.accelerator.shape:
            raise ValueError(
                f"{INTEGER} must take frames of {self.accelerator.shape}, got {graph.tensors[graph.input].shape}"
                f" in {self.folder}: use the files of one build"
            )
        return graph

    def simulation(self) -> Simulation:
        """Start the verilated accelerator.

        Raises:
            ValueError: The package holds none, or one for another kind of computer.
            RuntimeError: It was not built here and is not trusted.
        """
        from board.simulation.accelerator import feed_weights
        from board.simulation.harness import Simulation

        simulated, here = self.manifest.simulation, sysconfig.get_platform()
        if simulated is not None and simulated.platform != here:
            raise ValueError(
                f"the simulation library in {self.folder} runs on {simulated.platform}, this computer is {here}:"
                " use another executor or build the deployment here"
            )
        library = self.file(LIBRARY)
        for name in self.manifest.files:
            if name.startswith("sim/"):
                self.file(name)
        assert simulated is not None, "the manifest describes the library that it lists"
        streams, fifos = simulated.streams, simulated.fifos
        simulation = Simulation(library, workdir=library.parent, monitored=streams, fifos=fifos, trusted=self.trusted)
        if self.accelerator.weights is not None:
            feed_weights(simulation, self.accelerator.weights, self.file(WEIGHTS))
        return simulation


def unpack(archive: Path) -> Path:
    """Unpack a deployment's archive into a folder beside it that is called like it, or find it unpacked there.

    Every file must be listed in the archive's manifest with its digest and lie inside the package; nothing else is
    written.

    Raises:
        ValueError: It is no such archive, it is damaged, or it tries to leave its folder.
        RuntimeError: It cannot be written.
    """
    folder = archive.with_suffix("")
    with ExitStack() as opened:
        with decoding(archive, *ARCHIVE):
            packed = opened.enter_context(ZipFile(archive))
            infos = packed_files(packed, LARGEST_BYTES)
            listed = next((info for info in infos if info.filename == MANIFEST), None)
            if listed is None:
                raise ValueError("one without it")
            content = member(packed, listed, LARGEST_TEXT_BYTES)
        manifest = Manifest.parse(content.decode(errors="replace"), archive)
        _check_names(infos, manifest, archive)
        if not _is_unpacked(folder, content):
            opened.enter_context(locked(lock_name(folder), f"{folder}, into which {archive} is unpacked,", wait=True))
        if not _is_unpacked(folder, content):
            if folder.exists():
                raise ValueError(f"{archive} unpacks into {folder}, which holds something else: move one of them")
            _extract(packed, infos, manifest, folder, archive)
    return folder


def _is_unpacked(folder: Path, manifest: bytes) -> bool:
    """Whether a folder is that of an archive with a manifest.json."""
    return (folder / MANIFEST).is_file() and (folder / MANIFEST).read_bytes() == manifest


def _check_names(infos: Sequence[ZipInfo], manifest: Manifest, archive: Path) -> None:
    """Refuse an archive that holds more or other than its manifest says, or names that lead elsewhere."""
    for info in infos:
        path = PurePosixPath(info.filename)
        kind = info.external_attr >> 28  # of a Unix file: 8 regular, 0 unknown, 10 a link
        leaves = path.is_absolute() or ".." in path.parts or any(odd in info.filename for odd in "\\:")
        if leaves or kind not in (0, 8):
            raise ValueError(f"an archive's files must lie in it, got {info.filename!r} in {archive}: do not use it")
    names = sorted(info.filename for info in infos)
    expected = sorted([*manifest.files, MANIFEST])
    if names != expected:
        odd = sorted(set(names) ^ set(expected)) or names
        raise ValueError(f"an archive must hold what its {MANIFEST} lists, got a difference at {odd[0]!r} in {archive}")


def told_apart(*digests: str) -> list[str]:
    """The beginnings of digests, or all of each where they begin alike."""
    short = [f"{digest[:12]}..." for digest in digests]
    return short if len(set(short)) == len(set(digests)) else list(digests)


def _extract(packed: ZipFile, infos: Sequence[ZipInfo], manifest: Manifest, folder: Path, archive: Path) -> None:
    """Write all files, or none."""
    with whole(folder) as partial:
        for info in infos:
            name = info.filename
            with decoding(archive, *ARCHIVE):
                content = member(packed, info, info.file_size)
            if name != MANIFEST and (actual := sha256(content)) != manifest.files[name]:
                wanted, got = told_apart(manifest.files[name], actual)
                raise ValueError(f"{name} must have sha256 {wanted}, got {got} in {archive}: copy it again")
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_bytes(content)
