# SPDX-License-Identifier: Apache-2.0
"""Plan: what is explored, as a graph of tasks, and the points that their results make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from board.core.files import sha256
from hls_build.cluster.task import Result, Task
from hls_build.config.board import Board, load_board
from hls_build.config.folding import DEFAULT_MULTIPLIER, LATENCY_INTERVALS
from hls_build.explore import steps
from qnn.data.splits import Division
from qnn.network.checkpoint import Card, card_path, read_card
from qnn.network.presets import FLOAT

FASTEST = "max"
"""Names the highest rate that fits, where a number of frames per second is another."""
CARD, MEASURED = "card", "measured"
FOLDING, SIMULATION, ESTIMATE, SYNTHESIS = "folding", "simulation", "estimate", "synthesis"


@dataclass(frozen=True)
class Point:
    """One network on one board at one rate.

    Attributes:
        network: Name of the checkpoint.
        preset: Its preset.
        board: Name of the board.
        clock_mhz: Clock of the accelerator.
        asked: Frames per second that were asked for, or FASTEST.
        why_not: Why it does not fit, or what failed; empty where it is whole. Figures are None then.
        fps: Frames per second.
        latency_ms: From a frame's first pixel to its result.
        lut: Look-up tables.
        ff: Flip-flops.
        bram18: Block RAMs of 18 kbit.
        dsp: DSP slices.
        speed_from: What tells fps and latency: FOLDING or SIMULATION.
        resources_from: What tells resources: FOLDING, ESTIMATE or SYNTHESIS.
        f1: Micro F1-frame; None where nobody measured it.
        f1_from: CARD, which tells it of the faces that it was trained beside, or MEASURED.
        au_auc: Mean over AUs of the AUC of rendered faces that show an AU alone against those that show one other.
    """

    network: str
    preset: str
    board: str
    clock_mhz: float
    asked: str
    why_not: str = ""
    fps: float | None = None
    latency_ms: float | None = None
    lut: int | None = None
    ff: int | None = None
    bram18: int | None = None
    dsp: int | None = None
    speed_from: str = ""
    resources_from: str = ""
    f1: float | None = None
    f1_from: str = ""
    au_auc: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it fits and nothing failed."""
        return not self.why_not


@dataclass(frozen=True)
class Network:
    """A quantized checkpoint.

    Attributes:
        name: What a person reads.
        checkpoint: Its .safetensors file.
        card: What it is.
    """

    name: str
    checkpoint: Path
    card: Card

    @property
    def files(self) -> dict[str, Path]:
        """What a task reads of it."""
        return {"checkpoint": self.checkpoint.resolve(), "card": card_path(self.checkpoint).resolve()}


def networks(checkpoints: Sequence[Path]) -> tuple[Network, ...]:
    """Checkpoints, each once, by names of their own.

    Raises:
        ValueError: One is refused, or is not quantized.
    """
    found: dict[str, Network] = {}
    for path in {path.resolve(): path for path in checkpoints}.values():
        card = read_card(path)
        if card.preset == FLOAT:
            raise ValueError(
                f"an accelerator needs a quantized checkpoint, got the float one {path}: quantize it first"
            )
        name = path.stem if path.stem not in found else str(path.with_suffix(""))
        found[name] = Network(name, path, card)
    return tuple(found.values())


@dataclass(frozen=True)
class Plan:
    """What is explored: every network on every board at every rate.

    Attributes:
        networks: Checkpoints.
        boards: Boards.
        rates: Frames per second; None for the highest rate that fits.
        clock_mhz: Of the accelerator; None takes each board's.
        double_pump: Whether multipliers may run at twice the clock.
        latency: Most frame intervals from a frame's first pixel to its result.
        build: Whether every point is built and simulated.
        synthesise: Whether it is synthesised too.
        frames: Faces that are simulated, beside six test patterns.
        division: Faces of a dataset to measure F1 on; None takes what the cards tell.
        rendered: What `auflow render` wrote, to measure AUs on; None leaves them out.
        multiplier: What multiplies, one of MULTIPLIER_CHOICES.

    Raises:
        ValueError: There is nothing to explore, synthesis without a build, or for a device that Yosys does not count.
    """

    networks: tuple[Network, ...]
    boards: tuple[Board, ...]
    rates: tuple[float | None, ...]
    clock_mhz: float | None = None
    double_pump: bool = True
    latency: float = LATENCY_INTERVALS
    build: bool = False
    synthesise: bool = False
    frames: int = 2
    division: Division | None = None
    rendered: Path | None = None
    multiplier: str = DEFAULT_MULTIPLIER

    def __post_init__(self) -> None:
        if not (self.networks and self.boards and self.rates):
            raise ValueError("an exploration needs a network, a board and a rate, got none of one of them")
        if self.synthesise and not self.build:
            raise ValueError("--synth counts what was built, got no build: add --build")
        for board in self.boards if self.synthesise else ():
            if board.is_zynqmp:
                raise ValueError(f"--synth is for 7-series devices, got {board.name} ({board.part}): leave it out")

    def tasks(self) -> list[Task]:
        """The graph."""
        found = []
        for network in self.networks:
            found.append(Task(f"export {network.name}", steps.export, {}, network.files))
            if self.division is not None or self.rendered is not None:
                found.append(Task(f"eval {network.name}", steps.evaluate, self._faces(), network.files))
            for board in self.boards:
                for rate in self.rates:
                    found += self._of_point(network, board, rate)
        return found

    def _of_point(self, network: Network, board: Board, rate: float | None) -> list[Task]:
        name, clock_mhz = point_name(network, board, rate), self.clock_mhz or board.clock_mhz
        on_board = {"board": board.name, "clock_mhz": clock_mhz}
        told = {**on_board, "fps": rate, "double_pump": self.double_pump, "latency": self.latency}
        told["multiplier"] = self.multiplier
        found = [Task(f"fold {name}", steps.fold, told, network.files, (f"export {network.name}",))]
        if self.build:
            called = "".join(c if c.isalnum() or c in "._-" else "_" for c in f"{board.name.lower()}_{name}")
            of_build = {**on_board, "name": called, "preset": network.card.preset, "frames": self.frames}
            found.append(Task(f"build {name}", steps.build, of_build, network.files, (f"fold {name}",)))
        if self.synthesise:
            found.append(Task(f"synth {name}", steps.synthesise, {"board": board.name}, {}, (f"build {name}",)))
        return found

    def _faces(self) -> dict[str, Any]:
        """What `steps.evaluate` is told: which faces, and what tells whether they are still the same."""
        rendered = None if self.rendered is None else str(self.rendered.resolve())
        division, roots = None, [] if self.rendered is None else [self.rendered]
        if self.division is not None:
            root = self.division.root.resolve()
            division, roots = {**asdict(self.division), "root": str(root)}, [*roots, root]
        return {"division": division, "rendered": rendered, "content": [listing(root) for root in roots]}

    def points(self, results: Mapping[str, Result], failures: Mapping[str, str]) -> list[Point]:
        """What the tasks' results say of every point."""
        return [
            self._point(network, board, rate, results, failures)
            for network in self.networks
            for board in self.boards
            for rate in self.rates
        ]

    def _point(
        self,
        network: Network,
        board: Board,
        rate: float | None,
        results: Mapping[str, Result],
        failures: Mapping[str, str],
    ) -> Point:
        name, clock_mhz = point_name(network, board, rate), self.clock_mhz or board.clock_mhz
        about: dict[str, Any] = {
            "network": network.name, "preset": network.card.preset, "board": board.name, "clock_mhz": clock_mhz,
            "asked": asked(rate),
        }  # fmt: skip
        own = [f"{step} {name}" for step in ("fold", "build", "synth")] + [f"eval {network.name}"]
        if failed := [f"{step} failed: {failures[step]}" for step in own if step in failures]:
            return Point(**about, why_not=failed[0])
        fold, build, synth, measured = (results.get(step) for step in own)
        assert fold is not None, "a task has a result or a failure"
        if not fold["fits"]:
            return Point(**about, why_not=fold["why"])
        speed, amounts = build or fold, synth or build or fold
        measured = measured or {}
        f1 = network.card.metrics.get("micro_f1") if self.division is None else measured["micro_f1"]
        return Point(
            **about,
            fps=speed["frames_per_second"],
            latency_ms=speed["latency_cycles"] / clock_mhz / 1000,
            **amounts["resources"],
            speed_from=SIMULATION if build else FOLDING,
            resources_from=SYNTHESIS if synth else ESTIMATE if build else FOLDING,
            f1=f1,
            f1_from="" if f1 is None else CARD if self.division is None else MEASURED,
            au_auc=measured.get("au_auc"),
        )


def asked(rate: float | None) -> str:
    """A rate as a person gives it."""
    return FASTEST if rate is None else f"{rate:g}"


def point_name(network: Network, board: Board, rate: float | None) -> str:
    """A point, as the names of its tasks tell it."""
    return f"{network.name} {board.name} {asked(rate)}"


def boards(names: Sequence[str]) -> tuple[Board, ...]:
    """Boards, each once.

    Raises:
        ValueError: There is none of a name.
    """
    return tuple(load_board(name) for name in dict.fromkeys(names))


def listing(folder: Path) -> str:
    """Digest of the names, sizes and times of all files of a folder: datasets are too large to read for it."""
    found = sorted((str(path.relative_to(folder)), path.stat()) for path in folder.rglob("*") if path.is_file())
    return sha256("\n".join(f"{name} {about.st_size} {about.st_mtime_ns}" for name, about in found).encode())
