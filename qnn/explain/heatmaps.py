# SPDX-License-Identifier: Apache-2.0
"""Heat maps drawn over faces, one by one and in a figure like the paper's Figs. 6 and 7."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import nn

from board.core.arrays import Pixels
from board.core.facs import AU_TITLES
from board.core.files import write_bytes, write_figure
from board.faces.crop import Box, cut_face, cut_square, framed, to_input
from board.faces.load import locate_face
from qnn.data.finder import finder
from qnn.explain.explanation import HIRESCAM, Explanation, explain
from qnn.network.checkpoint import Card

LEAST_AUS = 3
SHOWN_PX = 384
COLOUR_MAP = "turbo"
"""Cold for little, warm for much, as in the paper's figures."""

STRENGTH = (0.30, 0.60)
"""Share of the heat's colour over the face where there is none of it, and where there is most."""

ROWS = 6
"""Faces in one figure."""

CELL_INCHES = 1.9
DPI = 110


@dataclass(frozen=True)
class Explained:
    """A face and what a network sees in it.

    Attributes:
        name: Of its files.
        picture: The face as people see it, RGB uint8 (SHOWN_PX, SHOWN_PX, 3).
        explanation: What the network sees.
        aus: AUs to show.
    """

    name: str
    picture: Pixels
    explanation: Explanation
    aus: tuple[int, ...]


@dataclass(frozen=True)
class Panel:
    """One heat map over a face.

    Attributes:
        key: Of its file.
        title: What it shows, in up to two lines.
        overlay: RGB uint8 (SHOWN_PX, SHOWN_PX, 3).
    """

    key: str
    title: str
    overlay: Pixels


def explain_pictures(
    network: nn.Module, card: Card, paths: Sequence[Path], aus: tuple[int, ...] | None = None, method: str = HIRESCAM
) -> list[Explained]:
    """Find the face of each picture and explain what a network sees in it.

    Args:
        network: In eval mode, a quantized one frozen; see qnn.evaluation.measuring.load_network.
        card: Its card.
        paths: Pixels files.
        aus: AUs to show; by default those present, and at least the LEAST_AUS likeliest.
        method: One of qnn.explain.explanation.METHODS.

    Raises:
        ValueError: A picture that cannot be read or shows no face, AUs that the network does not detect, or another
            method.
    """
    check_aus(aus, card)
    explained: list[Explained] = []
    for path in paths:
        if not path.is_file():
            raise ValueError(f"a picture must be a file, got {path}, which is none")
        picture, face = locate_face(path, finder().search_still)
        crop = cut_face(picture, face.box, card.crop_margin, card.colour, face.roll_deg)
        found = explain(network, card, crop, method)
        taken = [one.name for one in explained]
        name = next(name for name in _names(path.stem) if name not in taken)
        shown = found.ranked(max(LEAST_AUS, int(found.present.sum()))) if aus is None else aus
        square = framed(picture, face.box, card.crop_margin)
        explained.append(Explained(name, enlarged(picture, square, face.roll_deg), found, shown))
    return explained


def check_aus(aus: tuple[int, ...] | None, card: Card) -> None:
    """Refuse AUs that the card's network does not detect.

    Raises:
        ValueError: It says which.
    """
    if unknown := [au for au in aus or () if au not in card.aus]:
        raise ValueError(f"the AUs of this checkpoint are {', '.join(map(str, card.aus))}, got {unknown[0]}")


def _names(stem: str) -> Iterator[str]:
    """Names for pictures of one stem, such as those of two folders."""
    yield stem
    yield from (f"{stem}-{number}" for number in itertools.count(2))


def enlarged(picture: Pixels, square: Box, roll_deg: float = 0.0) -> Pixels:
    """A square of a picture in its own colours, turned upright, SHOWN_PX wide."""
    shown = cv2.resize(cut_square(picture, square, roll_deg), (SHOWN_PX, SHOWN_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(shown, dtype=np.uint8)


def overlay(face: Pixels, heat: npt.NDArray[np.float32], smooth: bool = True) -> Pixels:
    """Lay a map over a face.

    Args:
        face: RGB uint8 (H, W, 3).
        heat: Of any size, between 0 and 1; a map of zeros leaves the face in grey.
        smooth: Blend neighbours; otherwise each element of the map is a square.

    Returns:
        RGB uint8 (H, W, 3).
    """
    if heat.ndim != 2 or not (np.isfinite(heat).all() and heat.min() >= 0 and heat.max() <= 1):
        raise ValueError(f"heat must be finite numbers of shape (h, w) between 0 and 1, got shape {heat.shape}")
    grey = to_input(face, "grey")
    if not heat.any():
        return grey
    height, width = face.shape[:2]
    grown = cv2.resize(heat, (width, height), interpolation=cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST)
    grown = np.clip(grown, 0, 1)[..., np.newaxis]
    colours = matplotlib.colormaps[COLOUR_MAP](grown[..., 0])[..., :3] * 255
    share = STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * grown
    return np.round(grey * (1 - share) + colours * share).astype(np.uint8)


def panels(explained: Explained) -> list[Panel]:
    """Heat maps of a face: its emotion, the AUs to show, and the spatial gates."""
    found, face = explained.explanation, explained.picture
    result = []
    if found.emotion is not None and found.emotions is not None and found.emotion_maps is not None:
        index = int(found.emotions.argmax())
        heat, remark = _to_one(found.emotion_maps[index])
        title = f"{found.emotion} {found.emotions[index]:.2f}{remark}"
        result.append(Panel(found.emotion, title, overlay(face, heat)))
    for au in explained.aus:
        index = found.aus.index(au)
        heat, remark = _to_one(found.au_maps[index])
        state = "" if found.present[index] else " (absent)"
        title = f"{found.names[index]} {found.probabilities[index]:.2f}{state}\n{AU_TITLES[au]}{remark}"
        result.append(Panel(f"AU{au}", title, overlay(face, heat)))
    for number, gate in enumerate(found.gates, start=1):
        low, high = float(gate.min()), float(gate.max())
        heat = (gate - low) / (high - low) if high > low else np.zeros_like(gate)
        title = f"attention {number}, {len(gate)}x{len(gate)}\ngate {low:.2f} to {high:.2f}"
        result.append(Panel(f"attention{number}", title, overlay(face, heat, smooth=False)))
    return result


def _to_one(heat: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], str]:
    """A map with 1 as its maximum, and what to say where it has none."""
    most = heat.max()
    return (heat / most, "") if most > 0 else (heat, ", no evidence")


def write(explained: Sequence[Explained], out: Path) -> list[Path]:
    """Write a PNG for each heat map, and figure.png (figure_1.png ... where faces are many); return the latter."""
    rows = [panels(one) for one in explained]
    for one, row in zip(explained, rows, strict=True):
        for panel in row:
            path = out / f"{one.name}_{panel.key}.png"
            _, content = cv2.imencode(".png", cv2.cvtColor(panel.overlay, cv2.COLOR_RGB2BGR))
            write_bytes(path, content.tobytes())
    figures = []
    for start in range(0, len(rows), ROWS):
        path = out / ("figure.png" if len(rows) <= ROWS else f"figure_{start // ROWS + 1}.png")
        write_figure(path, figure(explained[start : start + ROWS], rows[start : start + ROWS]), DPI)
        figures.append(path)
    return figures


def figure(explained: Sequence[Explained], rows: Sequence[Sequence[Panel]]) -> Figure:
    """Faces in rows; the face and its heat maps in columns."""
    columns = 1 + max(map(len, rows))
    result = Figure(figsize=(CELL_INCHES * columns, (CELL_INCHES + 0.35) * len(rows) + 0.65))
    result.set_layout_engine("constrained", h_pad=0.06)
    axes = result.subplots(len(rows), columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for line, one, row in zip(axes, explained, rows, strict=True):
        line[0].imshow(one.picture)
        line[0].set_title(one.name, fontsize=8)
        gates = len(one.explanation.gates)  # they share the last columns, however many AUs a face shows
        places = [*range(1, len(row) - gates + 1), *range(columns - gates, columns)]
        for place, panel in zip(places, row, strict=True):
            axis = line[place]
            axis.imshow(panel.overlay)
            axis.set_title(panel.title, fontsize=8)
    scale = result.colorbar(
        ScalarMappable(Normalize(0, 1), COLOUR_MAP), ax=axes, location="bottom", shrink=0.4, aspect=45, pad=0.01
    )
    scale.set_ticks([0, 1], labels=["none", "most in this map"], fontsize=8)
    method, remark = explained[0].explanation.method, explained[0].explanation.remark
    said = f"evidence ({method}), or from the least to the largest gate (attention)"
    scale.set_label(f"{said}; {remark}" if remark else said, fontsize=8)
    return result
