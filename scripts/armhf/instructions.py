# SPDX-License-Identifier: Apache-2.0
"""Before and after the counting of scripts/instructions.sh: what is detected in, and the table."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

from board.bench import FPS, HEIGHT_PX, WIDTH_PX, SwayingVideo
from board.core.files import write_json
from board.deployment import EXAMPLE, Deployment
from board.sources.pictures import read_picture

CLOCK_MHZ, PER_CYCLE = 650.0, 0.6
"""Of a PYNQ-Z1's or Z2's Cortex-A9; instructions per cycle are an assumption, 0.45 to 0.8 for such code."""
FRAMES = 16
"""Of the video."""
HANDS = 3
"""Times that a frame goes from thread to thread."""
JPEG_QUALITY = 85
"""Of a camera's pictures: 51 kB here, as webcams send them; at OpenCV's 95 they are 91 kB and take a fifth more."""
PAGES = ("grey", "colour")
"""How a camera is decoded that the live page is counted with."""
MEMORY = {
    "detect": "detect, a video",
    "live": "live, a video, one browser",
    "grey": "live, a camera in grey, one browser",
    "colour": "live, a camera in colour, one browser",
}
"""What runs whose memory is measured."""

CAPTURE, FACES, INFERENCE, OUTPUT = "capture", "faces", "inference", "output"
ROUTES = {
    "a followed face, MJPG camera": {
        CAPTURE: ("decode a JPEG, grey",),
        FACES: ("faces of a frame, yunet",),
        INFERENCE: ("cut and observe a face, without the network", "transfer it, packing and polls included"),
        OUTPUT: ("write a row, csv",),
    },
    "a followed face, MJPG camera, haar": {
        CAPTURE: ("decode a JPEG, grey",),
        FACES: ("faces of a frame, haar",),
        INFERENCE: ("cut and observe a face, without the network", "transfer it, packing and polls included"),
        OUTPUT: ("write a row, csv",),
    },
    "a followed face, video": {
        CAPTURE: ("decode a video's frame",),
        FACES: ("faces of a frame, yunet",),
        INFERENCE: ("cut and observe a face, without the network", "transfer it, packing and polls included"),
        OUTPUT: ("write a row, csv",),
    },
    "no face in view, MJPG camera": {
        CAPTURE: ("decode a JPEG, grey",),
        FACES: ("search, yunet, grey, no face",),
        INFERENCE: (),
        OUTPUT: ("write a row, csv",),
    },
    "a followed face, drawn to MPEG-4": {
        CAPTURE: ("decode a JPEG, colour",),
        FACES: ("faces of a frame, yunet",),
        INFERENCE: ("cut and observe a face, without the network", "transfer it, packing and polls included"),
        OUTPUT: ("write a row, csv",),
        "drawing": ("draw a frame", "encode what is drawn, MPEG-4"),
    },
}
"""Stages of each thread for one frame."""


def prepare(share: Path, deploy: Path | None) -> None:
    """Put the deployment, and a video and a camera's pictures of its example face, where the guest finds them."""
    if deploy is None:
        from hls_build.build.shipped import software

        deploy = software()
    shutil.copytree(Deployment(deploy).folder, share / "deploy")
    size = WIDTH_PX, HEIGHT_PX
    writer = cv2.VideoWriter(str(share / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    (share / "camera").mkdir()
    for frame in SwayingVideo(read_picture(share / "deploy" / EXAMPLE), FRAMES).frames():
        picture = cv2.cvtColor(np.asarray(frame.picture), cv2.COLOR_RGB2BGR)
        writer.write(picture)
        path = share / f"camera/{frame.index:02d}.jpg"
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    writer.release()


def total(counters: Path) -> int:
    """Instructions of all threads of a program."""
    return int(np.fromfile(counters, "<u8")[:: 64 // 8].sum())


def figures(share: Path) -> dict[str, object]:
    """All that was counted, for programs; instructions."""
    stages = json.loads((share / "stages.json").read_text())
    python, opencv, detect = (total(share / f"start.{name}") for name in ("python", "opencv", "detect"))
    hand = stages["hand a frame from thread to thread"]
    routes = {}
    for name, threads in ROUTES.items():
        of_thread = {thread: sum(stages[stage] for stage in names) for thread, names in threads.items()}
        of_thread = {thread: count + hand for thread, count in of_thread.items()}
        routes[name] = {"threads": of_thread, "busiest": max(of_thread.values()), "in_all": sum(of_thread.values())}
    return {
        "assumed": {"clock_mhz": CLOCK_MHZ, "instructions_per_cycle": PER_CYCLE},
        "start": {
            "python": python,
            "numpy and OpenCV": opencv - python,
            "the rest, to the first row": detect - opencv,
            "in all": detect,
        },
        "stages": stages,
        "frames": routes,
        "page": {camera: page(share, camera) for camera in PAGES},
        "memory": {what: json.loads((share / f"memory.{what}.json").read_text()) for what in MEMORY},
    }


def page(share: Path, camera: str) -> dict[str, float]:
    """Instructions of a frame with nobody at the live page and with one browser, and the pictures that this one got."""
    found = {looks: json.loads((share / f"page.{camera}.{looks}.json").read_text()) for looks in ("no", "yes")}
    alone, seen = (found[looks]["instructions"] / found[looks]["frames"] for looks in ("no", "yes"))
    return {"nobody": alone, "one browser": seen, **{key: found["yes"][key] for key in ("pictures", "frames")}}


def table(share: Path, path: Path | None) -> None:
    """Print what was counted, and write it as JSON where asked."""
    found = figures(share)
    line("start", found["start"])
    line("stage", found["stages"])
    for name, route in found["frames"].items():
        line(name, {**route["threads"], "busiest thread": route["busiest"], "in all": route["in_all"]})
    for camera, counts in found["page"].items():
        looks = {looks: counts[looks] for looks in ("nobody", "one browser")}
        line(f"live page, a frame of a camera in {camera}", looks)
        more = looks["one browser"] / looks["nobody"] - 1
        print(f"  {more:.1%} more, {counts['pictures']} pictures in {counts['frames']} frames")
    print()
    for what, peak in found["memory"].items():
        print(f"peak resident memory of {MEMORY[what]}: {peak['peak_mb']} MB, without qemu's own")
    print(f"ms are an estimate: {CLOCK_MHZ:g} MHz and {PER_CYCLE:g} instructions per cycle, give or take 40 %")
    if path is not None:
        write_json(path, found)


def line(title: str, counts: dict[str, int]) -> None:
    """Millions of instructions and milliseconds of some counts."""
    print(f"\n{title:<44}{'Minsn':>10}{'ms':>10}")
    for name, count in counts.items():
        print(f"  {name:<42}{count / 1e6:>10.2f}{count / CLOCK_MHZ / PER_CYCLE / 1e3:>10.2f}")


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[2:]]
    {"prepare": prepare, "table": table}[sys.argv[1]](given[0], given[1] if len(given) > 1 else None)
