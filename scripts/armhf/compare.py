# SPDX-License-Identifier: Apache-2.0
"""Detect the same on two computers and hold one's rows against the other's by `==`.

    python compare.py prepare FOLDER ARCHIVE COUNT [WEIGHTS...]     inputs and deployments, on the host; weights `all`
    python compare.py answers FOLDER OUT EXECUTOR...                rows of every deployment, executor and input
    python compare.py equal ONE OTHER                               exit status 1 where they differ

Compared are every accumulator, and the frame, status, face and box that it belongs to. Inputs are lossless, since
decoders of other formats differ from computer to computer.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from board.cli.main import main as auflow
from board.core.files import sha256
from board.deployment import CONTRACT, EXAMPLE, Deployment, Timing, unpack
from board.executors import open_executor
from board.faces.finders.haar import Haar
from board.faces.load import load_faces
from board.sources.pictures import read_picture

VIDEO_FRAMES = 4
FINDER = "haar"
"""The other one computes in floats, whose last bits, and so a pixel of a box, may differ from computer to computer."""
TARGET, CLOCK_MHZ = Path("hls_build/config/builds/pynq-z2_w4a4.toml"), 100
"""A build whose board is emulated for weights alone, and its clock."""
TIMING = Timing(first_out_cycles=440_000, interval_cycles=148_000)
"""About the default build's. Weights alone have none, and no accumulator depends on it."""
EMOTION_SUMS = "emotion_accumulators"
"""Of a row of a network that has outputs for emotions."""
KEYS = ("frame", "status", "face_id", "box", "emotion")


def prepare(folder: Path, archive: Path, count: int, weights: list[str]) -> None:
    """A picture, a video, `count` faces, and the deployments of an archive and of shipped weights."""
    from board.bench import FPS, HEIGHT_PX, WIDTH_PX, SwayingVideo

    deployments = folder / "deployments"
    deployments.mkdir()
    shutil.copyfile(archive, deployments / archive.name)
    unpack(deployments / archive.name)
    (deployments / archive.name).unlink()
    for checkpoint in checkpoints(weights):
        if not (deployments / checkpoint.stem).exists():
            weights_alone(checkpoint, deployments / checkpoint.stem)
    (folder / "inputs").mkdir()
    picture = read_picture(next(deployments.iterdir()) / EXAMPLE)
    cv2.imwrite(str(folder / "inputs/picture.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    np.save(folder / "inputs/faces.npy", faces(folder / "inputs/picture.png", count))
    clip = str(folder / "inputs/video.avi")
    writer = cv2.VideoWriter(clip, cv2.VideoWriter.fourcc(*"FFV1"), FPS, (WIDTH_PX, HEIGHT_PX))
    for frame in SwayingVideo(picture, VIDEO_FRAMES).frames():
        writer.write(cv2.cvtColor(np.asarray(frame.picture), cv2.COLOR_RGB2BGR))
    writer.release()


def checkpoints(names: list[str]) -> list[Path]:
    """Of shipped weights by their names; `all` are all that are quantized."""
    from qnn.network.presets import CHECKPOINTS, FLOAT, shipped_checkpoint

    if names != ["all"]:
        return [shipped_checkpoint(name) for name in names]
    return [path for path in sorted(CHECKPOINTS.glob("*.safetensors")) if not path.stem.startswith(FLOAT)]


def weights_alone(checkpoint: Path, out: Path) -> None:
    """A deployment of shipped weights for an emulated PYNQ-Z2, which computes with them behind its DMAs."""
    from hls_build.build.shipped import software
    from hls_build.config.build import load_build

    board = load_build(TARGET).board
    shutil.copytree(software(checkpoint), out)
    deployment = Deployment(out)
    # its streams are a build's as they are: three channels and one accumulator a beat
    bound = replace(deployment.contract, board=board.name, part=board.part, clock_mhz=CLOCK_MHZ)
    bound.write(out / CONTRACT)
    files = {**deployment.manifest.files, CONTRACT: sha256(out / CONTRACT)}
    replace(deployment.manifest, files=files, timing=TIMING).write(out)


def faces(picture: Path, count: int) -> np.ndarray:
    """The picture's face in many lights, sizes and places, with noise: uint8 (count, 48, 48, 3)."""
    (face,) = load_faces(picture, Haar().search_still, colour="rgb", margin=0.1)
    rng = np.random.default_rng(1)
    made = np.empty((count, *face.shape), np.uint8)
    for index in range(count):
        move = cv2.getRotationMatrix2D((24, 24), rng.uniform(-15, 15), rng.uniform(0.8, 1.3))
        move[:, 2] += rng.uniform(-5, 5, 2)
        turned = cv2.warpAffine(face, move, face.shape[:2], borderMode=cv2.BORDER_REPLICATE).astype(float)
        lit = turned * rng.uniform(0.4, 1.3) + rng.uniform(-30, 30) + rng.normal(0, rng.uniform(0, 12), face.shape)
        made[index] = np.clip(lit, 0, 255)
    return made


def answers(folder: Path, out: Path, executors: list[str]) -> None:
    """Rows of every deployment, executor and input, as JSONL; an executor that does not run here says why."""
    out.mkdir()
    for deploy in sorted((folder / "deployments").iterdir()):
        for name in executors:
            try:
                open_executor(Deployment(deploy), name).close()
            except (ValueError, RuntimeError) as error:
                print(f"armhf: skipped {name} on {deploy.name}: {error}")
                continue
            for given in sorted((folder / "inputs").iterdir()):
                rows = out / f"{deploy.name} {name} {given.name}.jsonl"
                words = ["detect", str(given), "--deploy", str(deploy), "--executor", name, "--out", str(rows)]
                words += ["--finder", FINDER]
                if auflow(words):
                    sys.exit(f"compare: auflow {' '.join(words)} failed")


def equal(one: Path, other: Path) -> None:
    """Compare every file of rows with the baseline's, numpy's on the first computer."""
    differences = compared = 0
    for path in sorted(other.iterdir()):
        deploy, name, given = path.stem.split(" ")
        expected, got = rows_of(one / f"{deploy} numpy {given}.jsonl"), rows_of(path)
        wrong = sum(a != b for a, b in zip(expected, got, strict=False)) + abs(len(expected) - len(got))
        accumulators = sum(len(row) - len(KEYS) for row in got)
        differences, compared = differences + wrong, compared + accumulators
        print(f"armhf: {deploy}, {name}, {given}: {len(got)} rows, {accumulators} accumulators, {wrong} rows differ")
    print(f"armhf: {differences} rows differ, {compared} accumulators compared")
    if differences or not any(other.iterdir()):
        sys.exit("armhf: not equal")


def rows_of(path: Path) -> list[tuple[object, ...]]:
    """Rows of a file as far as they are integers or follow from them."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    sums = [
        [*(unit["accumulator"] for unit in row.get("action_units", {}).values()), *row.get(EMOTION_SUMS, {}).values()]
        for row in rows
    ]
    return [(*(row.get(key) for key in KEYS), *found) for row, found in zip(rows, sums, strict=True)]


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command == "prepare":
        prepare(Path(words[0]), Path(words[1]), int(words[2]), words[3:])
    elif command == "answers":
        answers(Path(words[0]), Path(words[1]), words[2:])
    else:
        equal(Path(words[0]), Path(words[1]))
