# SPDX-License-Identifier: Apache-2.0
"""The fault bench: every command under every fault, as a table and as JSON. scripts/faults.sh runs it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import random
import shutil
import stat
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import faults
from faults import REFUSED, SAME, Bench, Command, Files, emptied, judge, made_good, mounted, remount, used_bytes

COMMANDS = ("detect", "export", "eval", "train", "build", "label")
KILLS = 20
SIZES = (0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.97)
"""Of a disk, as shares of what the command writes."""
FAR_FUTURE_S = 400 * 86_400.0
HOST = ("hls_build.cli.main", "torch", "lightning", "onnxruntime", "matplotlib.pyplot", "brevitas.nn", "qonnx",
        "qnn.training.runs", "qnn.evaluation.measuring", "qnn.export.export", "hls_build.compiler")  # fmt: skip
BUILT = ("model.onnx", "standard.onnx", "integer.npz", "accelerator.json", "rtl", "deploy", "out.zip")
TIMES = ("hours",)
"""Names of values in JSON that are times."""


@dataclass(frozen=True)
class Row:
    """One command under one fault.

    Attributes:
        command: Its name.
        fault: What was done to it.
        runs: How often.
        same: Of these, ended like the undisturbed one without help.
        refused: Of these, refused in a sentence or killed, and then made good by the same command.
        wrong: What was wrong with the others, each beginning with one of faults.WRONG.
        seconds: All runs together.
    """

    command: str
    fault: str
    runs: int
    same: int
    refused: int
    wrong: tuple[str, ...]
    seconds: float


def film(path: Path, frames: int = 200) -> None:
    """A face that moves, so that rows differ."""
    import cv2
    import numpy as np

    from qnn.data.example import example_picture

    picture = cv2.resize(example_picture()[:256, 96:352], (160, 160), interpolation=cv2.INTER_AREA)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for index in range(frames):
        view = np.roll(picture, (index % 7, index % 11), (0, 1))[:120]
        video.write(np.ascontiguousarray(view[..., ::-1]))
    video.release()


def faces(root: Path) -> None:
    """A small dataset in FERPlus's layout, of faces whose bands are quickly learned."""
    from bands import band_faces
    from emotion_faces import write_split

    for split, count in (("Train", 80), ("Valid", 24)):
        write_split(root, split, band_faces(count, seed=count).pixels)


def portraits(root: Path) -> None:
    """A small dataset in FERPlus's layout, of a face in which a teacher sees landmarks."""
    from emotion_faces import write_split

    from qnn.data.example import example_faces

    write_split(root, "Train", example_faces(140)[..., 0])


def commands(inputs: Path) -> dict[str, Command]:
    """The commands that can run here, and what they read."""
    from hls_build.build.package import write_software
    from hls_build.config.build import BUILDS
    from qnn.network.presets import shipped_checkpoint

    tiny, root, clip, deploy = shipped_checkpoint("tiny"), inputs / "ferplus", inputs / "film.avi", inputs / "deploy"
    film(clip)
    faces(root)
    write_software(tiny, deploy)
    ferplus = ["--data", "ferplus", "--root", str(root)]
    quick = ["--divisor", "8", "--set", "epochs=2", "--set", "batch=16", "--accelerator", "cpu"]

    def trained(out: Path) -> Files:
        # what stands for a network: its weights and its card
        names = [f"{preset}{suffix}" for preset in ("float", "tiny") for suffix in (".safetensors", ".json")]
        return {name: faults.without(text, *TIMES) for name, text in faults.files_in(out, names).items()}

    found = {
        "detect": Command(
            "detect",
            lambda out: ["detect", str(clip), "--deploy", str(deploy), "--executor", "numpy",
                         "--out", str(out / "aus.csv")],
            lambda out: faults.rows_without_latency(out / "aus.csv"),
            ("--resume",),
        ),
        "export": Command(
            "export",
            lambda out: ["export", "--checkpoint", str(tiny), "--out", str(out / "exported")],
            lambda out: faults.files_in(out, ["exported/model.onnx", "exported/standard.onnx", "exported/export.json"]),
        ),
        "eval": Command(
            "eval",
            lambda out: ["eval", "--checkpoint", str(tiny), *ferplus, "--json", f"{out}/eval.json", "--csv",
                         f"{out}/eval.csv", "--card", f"{out}/card.md", "--plots", str(out / "plots")],
            lambda out: faults.files_in(out, ["eval.json", "eval.csv", "card.md", "plots"]),
        ),
        "train": Command(
            "train",
            lambda out: ["train", *ferplus, "--run", str(out), "--preset", "float", "--preset", "tiny", *quick],
            trained,
        ),
        "build": Command(
            "build",
            lambda out: ["build", "--config", str(BUILDS / "pynq-z2_tiny.toml"), "--out", str(out / "out")],
            lambda out: faults.files_in(out / "out", BUILT),
            ("--resume",),
        ),
    }  # fmt: skip
    if importlib.util.find_spec("mediapipe") is not None and (model := os.environ.get("AUFLOW_LANDMARKER")):
        portraits(seen := inputs / "portraits")
        found["label"] = Command(
            "label",
            lambda out: ["label", "--data", "ferplus", "--root", str(seen), "--labels", "all", "--model", model,
                         "--workers", "1", "--out", str(out / "labels.npz")],
            lambda out: faults.files_in(out, ["labels.npz"]),
            anew=("labels",),
        )  # fmt: skip
    return found


class Faults:
    """All faults of one command.

    Args:
        bench: Where it runs.
        command: What runs.
        expected: What an undisturbed run left.
        seconds: That it took.
        used: Bytes that it wrote.
        kills: How often it is killed.
        place: A folder for its outputs.
    """

    def __init__(
        self, bench: Bench, command: Command, expected: Files, seconds: float, used: int, kills: int, place: Path
    ) -> None:
        self.bench, self.command, self.expected, self.place = bench, command, expected, place
        self.seconds, self.used, self.kills = seconds, used, kills
        self.random = random.Random(zlib.crc32(command.name.encode()))

    def rows(self, only: Sequence[str] = ()) -> Iterator[Row]:
        """One fault after another, or some by their names."""
        for fault, runs in (
            ("disk full", [lambda share=share: self.disk_full(share) for share in SIZES]),
            ("kill -9", [self.kill] * self.kills),
            ("read-only folder", [self.read_only, self.read_only_cache]),
            ("clock set back", [self.clock_back, self.files_of_the_future]),
            ("umask 077", [lambda: self.finished(umask=0o077)]),
            ("TMPDIR full", [self.temporary_full]),
            ("compiler gone", [self.compiler_gone] if self.command.name == "build" else []),
            ("two at once", [self.two_at_once]),
        ):
            if only and fault not in only:
                continue
            began, same, refused, wrong = time.monotonic(), 0, 0, []
            for run in runs:
                forget(self.bench, self.command)
                found = run()
                same, refused = same + (found == [SAME]), refused + (found == [REFUSED])
                wrong += [one for one in found if one not in (SAME, REFUSED)]
            if runs:
                yield Row(
                    self.command.name, fault, len(runs), same, refused, tuple(wrong), round(time.monotonic() - began, 1)
                )

    def finished(self, out: Path | None = None, **struck: object) -> list[str]:
        """A whole run under a fault, and another without if it was refused."""
        out = out or emptied(self.place)
        ended = self.bench.run(self.command.words(out), **struck)
        return self.healed(out, judge(self.command, out, self.expected, ended), ended.status)

    def healed(self, out: Path, wrong: list[str], status: int) -> list[str]:
        """The verdict when a run without the fault made good what is left to do."""
        if status:
            wrong = [*wrong, *made_good(self.command, out, self.expected, self.bench)]
        return wrong or [REFUSED if status else SAME]

    def disk_full(self, share: float) -> list[str]:
        """A disk of a share of what is needed; then it grows."""
        size = max(4096, int(self.used * share) // 4096 * 4096)
        with mounted(self.place, size) as may:
            if not may:
                return self.finished(file_bytes=size)
            ended = self.bench.run(self.command.words(self.place))
            wrong = judge(self.command, self.place, self.expected, ended)
            remount(self.place, f"size={4 * self.used + (64 << 20)}")
            return self.healed(self.place, wrong, ended.status)

    def kill(self) -> list[str]:
        """Killed at some time, then given again."""
        out = emptied(self.place)
        ended = self.bench.killed(self.command.words(out), self.random.uniform(0.02, 1) * self.seconds)
        return self.healed(out, judge(self.command, out, self.expected, ended), ended.status)

    def read_only(self) -> list[str]:
        """A folder that cannot be written."""
        with mounted(self.place, 1 << 30) as may:
            if not may and os.geteuid() == 0:
                return [SAME]
            _lock(self.place, may)
            try:
                ended = self.bench.run(self.command.words(self.place))
                wrong = judge(self.command, self.place, self.expected, ended)
            finally:
                _unlock(self.place, may)
            return self.healed(self.place, wrong, ended.status)

    def read_only_cache(self) -> list[str]:
        """A cache that cannot be written."""
        cache = self.place.with_name("frozen")
        with mounted(cache, 1 << 20) as may:
            _lock(cache, may)
            try:
                return self.finished(environment={"AUFLOW_CACHE": str(cache)})
            finally:
                _unlock(cache, may)

    def clock_back(self) -> list[str]:
        """The time of day jumps back a day in the middle."""
        return self.finished(clock_back_s=self.seconds / 2)

    def files_of_the_future(self) -> list[str]:
        """Killed in the middle, then the clock is set back: all that is there is of next year."""
        out = emptied(self.place)
        ended = self.bench.killed(self.command.words(out), self.seconds / 2)
        wrong = judge(self.command, out, self.expected, ended)
        moment = time.time() + FAR_FUTURE_S
        for folder in (out, self.bench.work / "cache"):
            for path in folder.rglob("*"):
                os.utime(path, (moment, moment), follow_symlinks=False)
        return self.healed(out, wrong, ended.status)

    def temporary_full(self) -> list[str]:
        """A full disk for temporary files."""
        folder = self.place.with_name("full")
        with mounted(folder, 8192) as may, ExitStack() as stack:
            if may:
                (folder / "filler").write_bytes(bytes(8192 - 4096))
                stack.enter_context(_filled(folder))
            return self.finished(environment={"TMPDIR": str(folder)})

    def compiler_gone(self) -> list[str]:
        """A C++ compiler that is gone after the second file, with nothing in the cache."""
        tools, cache = emptied(self.place.with_name("tools")), emptied(self.place.with_name("cold"))
        compiler = tools / "g++"
        found = shutil.which("g++")
        compiler.write_text(
            f"#!/bin/sh\nn=$(cat {tools}/n 2>/dev/null || echo 0)\necho $((n+1)) >{tools}/n\n"
            f'[ "$n" -gt 2 ] && {{ echo "g++: No such file or directory" >&2; exit 127; }}\nexec {found} "$@"\n'
        )
        compiler.chmod(0o755)
        known, self.bench.environment = self.bench.environment, {**self.bench.environment, "AUFLOW_CACHE": str(cache)}
        try:  # both runs have that cache, which also says what was built here
            return self.finished(environment={"CXX": str(compiler)})
        finally:
            self.bench.environment = known

    def two_at_once(self) -> list[str]:
        """The same command twice: one may be refused, and what is there in the end is one's."""
        out = emptied(self.place)
        both = [self.bench.start(self.command.words(out)) for _ in range(2)]
        ended = [self.bench.wait(*one) for one in both]
        wrong = [
            found
            for one in ended
            if one.status
            for found in ([] if one.refused else [f"{faults.BARE}: {one.said[-300:]}"])
        ]
        if all(one.status for one in ended):
            wrong.append(f"{faults.LOST}: neither of both ended")
        if self.command.read(out) != self.expected:
            wrong.append(f"{faults.DIFFERENT}: after both")
        return wrong or [REFUSED if any(one.status for one in ended) else SAME]


def forget(bench: Bench, command: Command) -> None:
    """Empty what of the cache a command begins without."""
    for kind in command.anew:
        shutil.rmtree(bench.work / "cache" / kind, ignore_errors=True)


def _lock(folder: Path, is_mounted: bool) -> None:
    if is_mounted:
        remount(folder, "ro")
    else:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)


def _unlock(folder: Path, is_mounted: bool) -> None:
    if is_mounted:
        remount(folder, "rw")
    else:
        folder.chmod(stat.S_IRWXU)


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """Take the last page of a small disk."""
    with open(folder / "last", "wb", buffering=0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            yield


def main(words: Sequence[str] | None = None) -> int:
    """Run the bench; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/faults.sh", description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)} (default: all)")
    parser.add_argument("--kills", type=int, default=KILLS, help="times each is killed (default: %(default)s)")
    parser.add_argument(
        "--only", action="append", metavar="FAULT", help="of the second column; may be given several times"
    )
    parser.add_argument("--out", type=Path, help="write the table as JSON")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work and leave the logs in this folder")
    options = parser.parse_args(words)
    if unknown := [name for name in options.commands if name not in COMMANDS]:
        parser.error(f"a command must be one of {', '.join(COMMANDS)}, got {unknown[0]}")
    rows: list[Row] = []
    with ExitStack() as stack:
        work = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auflow-faults-")))
        (work / "inputs").mkdir(parents=True, exist_ok=True)
        known = commands(emptied(work / "inputs"))
        print(f"{'command':8} {'fault':18} {'runs':>4} {'same':>5} {'refused':>8} {'wrong':>6} {'s':>7}")
        for name in options.commands or COMMANDS:
            if name not in known:
                print(f"{name:8} is not measured: it needs MediaPipe, and its model's path in AUFLOW_LANDMARKER")
                continue
            with Bench(emptied(work / name), HOST) as bench:
                for row in _struck(bench, known[name], options.kills, options.only or ()):
                    rows.append(row)
                    print(f"{row.command:8} {row.fault:18} {row.runs:4} {row.same:5} {row.refused:8} {len(row.wrong):6}"
                          f" {row.seconds:7.1f}", *row.wrong, sep="\n    ", flush=True)  # fmt: skip
                    if options.out:
                        options.out.write_text(json.dumps([asdict(one) for one in rows], indent=2) + "\n")
    wrong = sum(len(row.wrong) for row in rows)
    print(f"{sum(row.runs for row in rows)} runs, {wrong} wrong")
    return int(wrong > 0)


def _struck(bench: Bench, command: Command, kills: int, only: Sequence[str]) -> Iterator[Row]:
    """Undisturbed runs, of which the first fills the caches, and all faults."""
    place, seconds = bench.work / "out", math.inf
    for _ in range(3):
        out = emptied(place)
        forget(bench, command)
        began = time.monotonic()
        ended = bench.run(command.words(out))
        seconds = min(seconds, time.monotonic() - began)
        if ended.status:
            raise SystemExit(f"undisturbed, {command.name} failed: {ended.said}")
        expected = command.read(out)
    yield from Faults(bench, command, expected, seconds, used_bytes(out), kills, place).rows(only)


if __name__ == "__main__":
    sys.exit(main())
