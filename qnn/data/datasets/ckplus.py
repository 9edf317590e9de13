# SPDX-License-Identifier: Apache-2.0
"""CK+: posed sequences from a neutral face to the peak of an expression, with FACS codes of the peak.

Layout: `cohn-kanade-images/S005/001/S005_001_00000001.png`, `FACS/S005/001/S005_001_00000011_facs.txt` with a line
`AU intensity` per AU, `Emotion/S005/001/S005_001_00000011_emotion.txt` with one number for 327 of the 593 sequences;
the label folders are also found as `FACS_labels/FACS` and `Emotion_labels/Emotion`. (Lucey et al. 2010)

Of each sequence four frames are used: the first, which is neutral, and the last three, which carry the labels of the
peak. The paper does not say which it took; this is what the field does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from board.core.facs import AUS, EMOTIONS
from qnn.data.dataset import Dataset, Index, Report, Source, block, join
from qnn.data.faces import UNKNOWN_EMOTION
from qnn.data.label_files import read_numbers

PICTURES = ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images")
FACS = ("FACS", "FACS_labels/FACS")
EMOTION = ("Emotion", "Emotion_labels/Emotion")
CODES: tuple[str, ...] = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
PEAK_FRAMES = 3
NO_EMOTION = "none"


class CkPlus(Dataset):
    """First and last frames of every sequence; an AU is active where the FACS file lists it, whatever its intensity."""

    name = "ckplus"
    title = "CK+"
    aus = AUS
    colour = "rgb"
    protocols = ("subjects", "paper")
    layout = "cohn-kanade-images, FACS and Emotion"
    markers = PICTURES
    published_subjects = 123
    terms = (
        "For non-commercial research after a signed agreement; only pictures of consenting subjects may be published."
    )

    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index every sequence."""
        folders = []
        for names in (PICTURES, FACS, EMOTION):
            folder = next((root / name for name in names if (root / name).is_dir()), None)
            if folder is None:
                report.missing(root / names[0], self.title)
            else:
                folders.append(folder)
        if len(folders) < 3:
            return join((), len(AUS))
        pictures, facs, emotion = folders
        blocks = []
        for sequence in sorted(path for path in pictures.glob("[!.]*/[!.]*") if path.is_dir()):
            place = sequence.relative_to(pictures)
            blocks += self._sequence(sequence, facs / place, emotion / place, report)
        return join(blocks, len(AUS))

    def _sequence(self, folder: Path, facs: Path, emotion: Path, report: Report) -> list[Index]:
        """Index of a sequence's neutral frame and of its peak."""
        subject = folder.parent.name
        frames = sorted(folder.glob("[!.]*.png"))
        if len(frames) <= PEAK_FRAMES:
            report.wrong(
                "missing", f"a sequence must have at least {PEAK_FRAMES + 1} frames, got {len(frames)} in {folder}"
            )
            return []
        active = self._active(facs, report)
        code = self._code(emotion, report)
        if active is None or code is None:
            return []
        known = code in EMOTIONS
        neutral, peak = [Source(frames[0])], [Source(frame) for frame in frames[-PEAK_FRAMES:]]
        return [
            block(neutral, np.zeros((1, len(AUS))), EMOTIONS.index("neutral"), groups="neutral", subject=subject),
            block(
                peak,
                np.tile(np.isin(AUS, active), (PEAK_FRAMES, 1)),
                EMOTIONS.index(code) if known else UNKNOWN_EMOTION,
                groups=code,
                subject=subject,
            ),
        ]

    def _active(self, folder: Path, report: Report) -> list[int] | None:
        """AUs that a sequence's FACS file lists."""
        file = self._only(folder, "facs", report)
        if file is None:
            report.wrong("missing", f"a sequence of CK+ needs a *_facs.txt, got none in {folder}")
            return None
        rows = read_numbers(file, ("AU", "intensity"), report, delimiter=None)
        return None if rows is None else rows[:, 0].tolist()

    def _code(self, folder: Path, report: Report) -> str | None:
        """Name of a sequence's emotion, "none" where it has no file, None where that cannot be understood."""
        file = self._only(folder, "emotion", report)
        if file is None:
            return NO_EMOTION
        rows = read_numbers(file, ("an emotion",), report, delimiter=None)
        if rows is None:
            return None
        if len(rows) != 1 or not 0 <= rows[0, 0] < len(CODES):
            report.wrong(
                "label line", f"an emotion file must hold one number from 0 to 7, got {rows.ravel().tolist()} in {file}"
            )
            return None
        return CODES[rows[0, 0]]

    def _only(self, folder: Path, kind: str, report: Report) -> Path | None:
        """The one label file of a kind in a folder, if there is any."""
        found = sorted(folder.glob(f"[!.]*_{kind}.txt"))
        if len(found) > 1:
            report.wrong("label file", f"a sequence must have one *_{kind}.txt, got {len(found)} in {folder}")
        return found[0] if found else None
