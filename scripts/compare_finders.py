#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the face finders: what each misses, and what action units come of its squares.

    scripts/compare_finders.py                                  what each misses, of the astronaut
    scripts/compare_finders.py --photos DIR                     of a folder of portraits too, one face each
    scripts/compare_finders.py --ferplus FERPLUS [--every N]    F1 and emotions by both finders and both crops
    scripts/compare_finders.py --fit FERPLUS [--every N]        square about YuNet's faces that fits FERPlus's frames

FERPlus's faces fill their pictures: they are enlarged four times and surrounded by their edges before the search.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.facs import EMOTIONS
from board.deployment import Deployment
from board.executors.onnx_executor import OnnxExecutor
from board.faces.crop import Box, cut_face, to_grey
from board.faces.find import Face
from board.faces.finders import open_finder
from board.faces.finders.finder import Finder
from board.faces.finders.yunet import VIDEO, YuNet
from board.sources.pictures import pictures_in, read_picture
from hls_build.build.shipped import software
from qnn.data.example import example_picture
from qnn.data.faces import Faces
from qnn.data.loading import load
from qnn.network.presets import shipped_checkpoint

PAPERS = "w4a4-paper"
"""The weights whose AUs follow Table 2, as FERPlus's labels do."""
FRAME = Box(96, 96, 192)
"""Where a FERPlus picture lies in what `surrounded` makes of it."""
HIT = 0.5
"""Share of the true face's side within which the centre of a found square counts as the face."""
Portrait = tuple[Pixels, tuple[float, float], float]
"""A picture, the centre of its face and the side of the square about it."""


def turned(portrait: Portrait, clockwise_deg: float) -> Portrait:
    """The same, turned about its face."""
    picture, centre, side = portrait
    turn = cv2.getRotationMatrix2D(centre, -clockwise_deg, 1)
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(picture, turn, picture.shape[1::-1], borderMode=border), np.uint8), centre, side


def darker(portrait: Portrait, gain: float) -> Portrait:
    """The same in less light."""
    picture, centre, side = portrait
    return (picture * gain).astype(np.uint8), centre, side


def far(portrait: Portrait, face_px: int) -> Portrait:
    """A frame of 640x480 in which the face has so many pixels."""
    picture, (x, y), side = portrait
    scale = face_px / side
    move = np.array([[scale, 0, 320 - scale * x], [0, scale, 240 - scale * y]])
    wide = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale) if scale < 0.7 else picture  # no aliases
    frame = cv2.warpAffine(wide, move, (640, 480), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(frame, np.uint8), (320.0, 240.0), float(face_px)


def grouped(portraits: Sequence[Portrait]) -> tuple[Pixels, list[Portrait]]:
    """All in one picture, side by side, each half as large as the one before last."""
    canvas, places = np.full((480, 640, 3), 110, np.uint8), []
    for index in range(8):
        picture, (x, y), side = portraits[index % len(portraits)]
        face_px = (90, 70, 56, 48)[index // 2]
        scale, half = face_px / side, int(face_px * 0.8)
        left, top = 80 + 160 * (index // 2), 120 + 240 * (index % 2)
        around = Box(round(x - half / scale), round(y - half / scale), round(2 * half / scale))
        rows = slice(max(0, around.top), around.top + around.side)
        part = picture[rows, max(0, around.left) : around.left + around.side]
        small = cv2.resize(part, (2 * half, 2 * half), interpolation=cv2.INTER_AREA)
        canvas[top - half : top + half, left - half : left + half] = small
        places.append((canvas, (float(left), float(top)), float(face_px)))
    return canvas, places


def hit(found: Sequence[Face], portrait: Portrait) -> bool:
    """Whether one of the faces found is the portrait's."""
    _, (x, y), side = portrait
    centres = [(face.box.left + face.box.side / 2, face.box.top + face.box.side / 2) for face in found]
    return any(np.hypot(left - x, top - y) < HIT * side for left, top in centres)


def misses(finders: Sequence[Finder], portraits: Sequence[Portrait]) -> None:
    """Print what each finder misses, of frames of a video and of still pictures, in colours and in grey."""
    searches: list[tuple[str, Callable[[Pixels], list[Face]]]] = []
    for finder in finders:
        searches.append((f"{finder.name} still", finder.search_still))
        searches.append((f"{finder.name} video", finder.search))
        searches.append((f"{finder.name} video, grey", lambda picture, search=finder.search: search(to_grey(picture))))
    group, places = grouped(portraits)
    cases = [("as they are", list(portraits))]
    cases += [
        (f"turned {d} degrees", [turned(p, s * d) for p in portraits for s in (-1, 1)]) for d in range(10, 70, 10)
    ]
    cases += [(f"light x {gain}", [darker(p, gain) for p in portraits]) for gain in (0.5, 0.25, 0.12, 0.06)]
    cases += [(f"{px} px in 640x480", [far(p, px) for p in portraits]) for px in (100, 80, 60, 50, 40, 30)]
    print(f"| missed of {len(portraits)} portraits | of | " + " | ".join(name for name, _ in searches) + " |")
    print("|---|---:|" + "---:|" * len(searches))
    for name, shown in cases:
        missed = [sum(not hit(search(one[0]), one) for one in shown) for _, search in searches]
        print(f"| {name} | {len(shown)} | " + " | ".join(map(str, missed)) + " |", flush=True)
    missed = [sum(not hit(found, one) for one in places) for found in (search(group) for _, search in searches)]
    print(f"| a group, 48 to 90 px | {len(places)} | " + " | ".join(map(str, missed)) + " |")


def surrounded(face: Pixels, clockwise_deg: float = 0.0) -> Pixels:
    """A FERPlus picture (48, 48) enlarged, with its edges repeated around it, and turned: (384, 384)."""
    large = cv2.resize(face, (192, 192), interpolation=cv2.INTER_CUBIC)
    picture = np.asarray(cv2.copyMakeBorder(large, *(96,) * 4, cv2.BORDER_REPLICATE), np.uint8)
    return turned((picture, (191.5, 191.5), 192), clockwise_deg)[0] if clockwise_deg else picture


def ferplus(root: Path, split: str, every: int) -> Faces:
    """Every so many faces of a split that show an emotion; of the validation set none that is in the training set."""
    faces = load("ferplus", root)
    chosen = faces.take(faces.splits == split)
    if split != "train":
        chosen = chosen.without_copies_of(faces.take(faces.splits == "train"))
    return chosen.take(chosen.emotions >= 0).take(np.arange(0, int((chosen.emotions >= 0).sum()), every))


def recognition(haar: Finder, yunet: YuNet, root: Path, every: int) -> None:
    """Print F1 by Table 2 and emotions of PAPERS by finder and crop, over faces that the finder finds."""
    faces, deployment = ferplus(root, "valid", every), Deployment(software(shipped_checkpoint(PAPERS)))
    executor = OnnxExecutor(deployment.onnx)

    def row(title: str, rows: Sequence[int], crops: Sequence[Pixels]) -> None:
        outputs = deployment.contract.outputs(executor.accumulators(np.stack(crops)))
        present, labels = np.array([one.occurrence for one in outputs]), faces.labels[list(rows)] == 1
        f1 = 2 * (present & labels).sum() / (present.sum() + labels.sum())
        truth = [EMOTIONS[index] for index in faces.emotions[list(rows)]]
        right = np.mean([one.emotion == name for one, name in zip(outputs, truth, strict=True)])
        print(f"| {title} | {len(rows)} of {len(faces)} | {f1:.3f} | {100 * right:.1f} % |", flush=True)

    print("| turned by | finder, crop | found | micro F1 | emotion |\n|---|---|---:|---:|---:|")
    for degrees in (0, 10, 20, 30):
        pictures = [surrounded(face, degrees) for face in faces.pixels]
        squares = {
            finder.name: [next(iter(finder.search_still(one)), None) for one in pictures] for finder in (haar, yunet)
        }
        everyone = list(range(len(faces)))
        row(f"{degrees} | FERPlus's own frames", everyone, [cut_face(one, FRAME) for one in pictures])
        both = [index for index in everyone if squares["haar"][index] and squares["yunet"][index]]
        for which, rows in (("", both), (", all it finds", [i for i in everyone if squares["yunet"][i]])):
            for name, found in squares.items():
                if rows is not both and name == "haar":
                    continue
                known = [(pictures[index], found[index]) for index in rows]
                flat = [cut_face(picture, face.box) for picture, face in known if face]
                row(f"{degrees} | {name}{which}, as they are", rows, flat)
                upright = [
                    cut_face(picture, face.box, roll_deg=yunet.with_roll(picture, face).roll_deg)
                    for picture, face in known
                    if face
                ]
                row(f"{degrees} | {name}{which}, upright", rows, upright)


def fit(yunet: YuNet, root: Path, every: int) -> None:
    """Print the side and place of FERPlus's frame in terms of what YuNet finds in training faces."""
    sides, heights = [], []
    for face in ferplus(root, "train", every).pixels:
        for row in yunet.rows(surrounded(face), VIDEO.longest_px)[:1]:
            size = float(np.sqrt(row[2] * row[3]))
            middle = row[4:14].reshape(5, 2)[[0, 1, 3, 4], 1].mean()
            sides.append(FRAME.side / size)
            heights.append(((row[1] + row[3] / 2 + middle) / 2 - (FRAME.top + FRAME.side / 2)) / FRAME.side)
    low, median, high = np.percentile(sides, (25, 50, 75))
    print(f"{len(sides)} faces: side {median:.3f} times the box ({low:.3f} to {high:.3f} for half of them),")
    print(f"centre {np.median(heights):.3f} of the side above the middle of box and points")


def portraits_of(finder: Finder, pictures: Sequence[Pixels]) -> list[Portrait]:
    """Pictures with the place of their faces as a finder tells it of them upright and in full light."""
    found = [(picture, finder.search_still(picture)[0].box) for picture in pictures]
    return [(picture, (box.left + box.side / 2, box.top + box.side / 2), float(box.side)) for picture, box in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="DIR", help="portraits, one face each")
    parser.add_argument("--ferplus", type=Path, metavar="FERPLUS", help="measure recognition on FER2013Valid")
    parser.add_argument("--fit", type=Path, metavar="FERPLUS", help="fit YuNet's square to FER2013Train")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="of FERPlus take every Nth face")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    deployment = Deployment(software())
    haar, yunet = open_finder(deployment, "haar"), open_finder(deployment, "yunet")
    assert isinstance(yunet, YuNet)
    if options.ferplus:
        recognition(haar, yunet, options.ferplus, options.every)
    elif options.fit:
        fit(yunet, options.fit, options.every)
    else:
        pictures = [example_picture()]
        if options.photos:
            pictures += [read_picture(path) for path in pictures_in(options.photos)]
        misses([yunet, haar], portraits_of(yunet, pictures))


if __name__ == "__main__":
    main()
