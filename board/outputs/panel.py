# SPDX-License-Identifier: Apache-2.0
"""The panel beside an annotated picture: bars of action units, a column for each face, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from board.core.arrays import Pixels
from board.core.contract import Contract
from board.core.outputs import ActionUnit
from board.core.text import ascii_only
from board.observation import OK, Observation
from board.outputs.ink import ABSENT, FAINT, PRESENT, TEXT, TICK, TRACK, TROUBLE, colour_of, text_size, write_text

EDGE, NAMES, LEAST_COLUMN = 16, 50, 14
"""Margin, column of the AUs' names, and least column of a face, in units."""
LEAST_TEXT = 0.28
"""Size of the smallest letters, of a unit."""


def draw_panel(panel: Pixels, observations: Sequence[Observation], contract: Contract, unit: float) -> None:
    """Draw the observations of one frame into a panel.

    One face has its AUs in words; several stand side by side, each under its number in the colour of its box.

    Args:
        panel: RGB uint8 (H, W, 3), filled with the background.
        observations: Of this frame.
        contract: Names the action units and their thresholds.
        unit: Pixels of a unit: text and lines scale with it.
    """
    faces = [seen for seen in observations if seen.face is not None]
    if len(faces) > 1:
        _columns(panel, sorted(faces, key=_face_id), contract, unit)
    elif observations:
        _one(panel, observations[0], contract, unit)


def _one(panel: Pixels, seen: Observation, contract: Contract, unit: float) -> None:
    """One bar for each action unit, or why there is none."""
    edge = round(EDGE * unit)
    title = f"face {_face_id(seen)}" if seen.face is not None and seen.status == OK else seen.status
    write_text(panel, title, (edge, round(30 * unit)), 0.62 * unit, TEXT if seen.status == OK else TROUBLE, unit)
    if seen.aus is None:
        for number, line in enumerate(_wrapped(seen.message, 40)):
            write_text(panel, line, (edge, round((58 + 20 * number) * unit)), 0.42 * unit, FAINT, unit)
        return
    if seen.aus.emotion is not None:
        start = edge + text_size(f"{title}  ", 0.62 * unit, unit)[0]
        write_text(panel, seen.aus.emotion, (start, round(30 * unit)), 0.62 * unit, PRESENT, unit)
    first, step = 48 * unit, (panel.shape[0] - 60 * unit - _remark(panel, contract, unit)) / len(contract.action_units)
    units = zip(contract.action_units, seen.aus.probabilities, seen.aus.occurrence, strict=True)
    for row, (action_unit, probability, present) in enumerate(units):
        top, short, title = round(first + row * step), action_unit.short, action_unit.name.partition(" ")[2]
        size, base = min(0.42 * unit, 0.016 * step), top + round(0.42 * step)
        write_text(panel, short, (edge, base), size, PRESENT if present else FAINT, unit)
        write_text(panel, title, (edge + round(52 * unit), base), size, TEXT if present else FAINT, unit)
        _bar(panel, (edge, panel.shape[1] - edge), top, step, action_unit, float(probability), bool(present), unit)


def _columns(panel: Pixels, faces: list[Observation], contract: Contract, unit: float) -> None:
    """A row for each action unit and a column for each face, as many as there is room for."""
    edge, names = round(EDGE * unit), round(NAMES * unit)
    room = panel.shape[1] - 2 * edge - names
    shown = faces[: max(1, int(room / (LEAST_COLUMN * unit)))]
    count = f"{len(faces)}" if len(shown) == len(faces) else f"{len(shown)} of {len(faces)}"
    write_text(panel, f"{count} faces", (edge, round(30 * unit)), 0.5 * unit, TEXT, unit)
    width, gap = room / len(shown), max(2, round(4 * unit))
    first, step = 66 * unit, (panel.shape[0] - 78 * unit - _remark(panel, contract, unit)) / len(contract.action_units)
    somewhere = [False] * len(contract.action_units)
    spans = [
        (round(edge + names + column * width) + gap // 2, round(edge + names + (column + 1) * width) - gap // 2)
        for column in range(len(shown))
    ]
    _heads(panel, [str(_face_id(seen)) for seen in shown], shown, spans, (48, 0.5), unit)
    said = [seen.status if seen.aus is None else (seen.aus.emotion or "") for seen in shown]
    _heads(panel, said, shown, spans, (62, 0.36), unit)
    for seen, span in zip(shown, spans, strict=True):
        for row, action_unit in enumerate(contract.action_units):
            top = round(first + row * step)
            if seen.aus is None:
                _track(panel, span, top, step)
                continue
            present = bool(seen.aus.occurrence[row])
            somewhere[row] |= present
            _bar(panel, span, top, step, action_unit, float(seen.aus.probabilities[row]), present, unit)
    for row, action_unit in enumerate(contract.action_units):
        base = round(first + row * step) + round(0.72 * step)
        colour, size = PRESENT if somewhere[row] else FAINT, min(0.42 * unit, 0.016 * step)
        write_text(panel, action_unit.short, (edge, base), size, colour, unit)


def _remark(panel: Pixels, contract: Contract, unit: float) -> float:
    """What a mark means, at the foot of the panel; the height that it takes."""
    if not contract.remark:
        return 0.0
    write_text(panel, contract.remark, (round(EDGE * unit), panel.shape[0] - round(8 * unit)), 0.36 * unit, FAINT, unit)
    return 14 * unit


def _heads(
    panel: Pixels,
    texts: list[str],
    faces: list[Observation],
    spans: list[tuple[int, int]],
    place: tuple[int, float],
    unit: float,
) -> None:
    """A line above the columns, such as of emotions, no larger than fits all of them; none where it would be tiny."""
    base, most = place
    room = min(right - left for left, right in spans)
    widest = max(text_size(text, most * unit, unit)[0] for text in texts)
    size = most * unit * min(1.0, room / max(1, widest))
    if size < LEAST_TEXT * unit:
        return
    for text, seen, (left, right) in zip(texts, faces, spans, strict=True):
        wide, _ = text_size(text, size, unit)
        write_text(panel, text, ((left + right - wide) // 2, round(base * unit)), size, colour_of(seen), unit)


def _bar(
    panel: Pixels,
    span: tuple[int, int],
    top: int,
    step: float,
    action_unit: ActionUnit,
    probability: float,
    present: bool,
    unit: float,
) -> None:
    """Bar, threshold and, where there is room, probability of one action unit of one face."""
    left, right = span
    size, number = min(0.42 * unit, 0.016 * step), f"{probability:.2f}"
    for text in (number, "1.0" if number == "1.00" else number[1:]):  # .87 where 0.87 does not fit
        wide, _ = text_size(text, size, unit)
        if wide <= right - left:
            base = top + round(0.42 * step)
            write_text(panel, text, (right - wide, base), size, TEXT if present else FAINT, unit)
            break
    y0, y1 = _track(panel, span, top, step)
    end = left + round((right - left) * probability)
    cv2.rectangle(panel, (left, y0), (end, y1), PRESENT if present else ABSENT, -1)
    tick = left + round((right - left) * action_unit.threshold)
    cv2.line(panel, (tick, y0), (tick, y1 + max(1, round(2 * unit))), TICK, max(1, round(unit)))


def _track(panel: Pixels, span: tuple[int, int], top: int, step: float) -> tuple[int, int]:
    """What a bar fills; its upper and lower edge."""
    y0, y1 = top + round(0.56 * step), top + round(0.78 * step)
    cv2.rectangle(panel, (span[0], y0), (span[1], y1), TRACK, -1)
    return y0, y1


def _face_id(seen: Observation) -> int:
    assert seen.face is not None, "asked for faces only"
    return seen.face.face_id


def _wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most so many characters."""
    lines = [""]
    for word in ascii_only(text).split():
        for start in range(0, len(word), columns - 1):  # such as a path
            part = word[start : start + columns - 1]
            if start or len(lines[-1]) + len(part) >= columns:
                lines.append("")
            lines[-1] = f"{lines[-1]} {part}".strip()
    return lines
