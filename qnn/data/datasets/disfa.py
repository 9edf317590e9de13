# SPDX-License-Identifier: Apache-2.0
"""DISFA: 27 subjects watch videos; the intensity of twelve AUs is coded in every frame.

Layout: `ActionUnit_Labels/SN001/SN001_au1.txt`, lines `frame,intensity` with frames from 1 and intensities from 0 to
5; video `Videos_LeftCamera/LeftVideoSN001_comp.avi`, the folder also found as `Video_LeftCamera`.
(Mavadati et al. 2013)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qnn.data.dataset import Dataset, Index, Report, Source, block, join
from qnn.data.label_files import read_numbers
from qnn.data.reading import LOST_FRAMES, frame_count

LABELS = "ActionUnit_Labels"
VIDEOS = ("Videos_LeftCamera", "Video_LeftCamera")
ACTIVE_FROM = {"paper": 1, "usual": 2}
STRONGEST = 5


class Disfa(Dataset):
    """Frames of the left camera.

    Rule `paper` takes every intensity but 0 for active and drops frames without an active AU; rule `usual` takes
    intensities from 2 for active and keeps every frame.
    """

    name = "disfa"
    title = "DISFA"
    aus = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    colour = "rgb"
    protocols = ("subjects", "paper")
    layout = "ActionUnit_Labels and Videos_LeftCamera"
    markers = (LABELS, *VIDEOS)
    label_rules = ("paper", "usual")
    published_subjects = 27
    terms = (
        "For non-commercial research after a signed agreement with the University of Denver; it must not be passed on."
    )

    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index the frames of every subject that has labels."""
        videos = next((root / name for name in VIDEOS if (root / name).is_dir()), root / VIDEOS[0])
        blocks = []
        for folder in (root / LABELS, videos):
            if not folder.is_dir():
                report.missing(folder, self.title)
                return join((), len(self.aus))
        for folder in sorted(path for path in (root / LABELS).glob("SN*") if path.is_dir()):
            intensities = self._intensities(folder, report)
            video = videos / f"LeftVideo{folder.name}_comp.avi"
            if not video.is_file():
                report.missing(video, self.title)
            elif intensities is not None:
                intensities = _within(intensities, video, report)
                active = intensities >= ACTIVE_FROM[labels]  # (frames, AUs)
                kept = active.any(axis=1) if labels == "paper" else np.ones(len(active), dtype=bool)
                sources = [Source(video, frame) for frame in np.flatnonzero(kept).tolist()]
                blocks.append(block(sources, active[kept], subject=folder.name))
        return join(blocks, len(self.aus))

    def _intensities(self, folder: Path, report: Report) -> npt.NDArray[np.int64] | None:
        """Intensity of every AU in every frame of a subject, (frames, AUs)."""
        columns = []
        for au in self.aus:
            path = folder / f"{folder.name}_au{au}.txt"
            if not path.is_file():
                report.missing(path, self.title)
                continue
            table = read_numbers(path, ("frame", "intensity"), report)
            if table is None:
                continue
            if not np.array_equal(table[:, 0], np.arange(1, len(table) + 1)):
                report.wrong(
                    "label file", f"the frames of a label file must count from 1 without a gap, they do not in {path}"
                )
            elif ((table[:, 1] < 0) | (table[:, 1] > STRONGEST)).any():
                report.wrong(
                    "label line", f"an intensity must be from 0 to {STRONGEST}, got {table[:, 1].max()} in {path}"
                )
            else:
                columns.append(table[:, 1])
        if len(columns) < len(self.aus):
            return None
        lengths = sorted({len(column) for column in columns})
        if len(lengths) > 1:
            report.wrong(
                "label file",
                f"the label files of a subject must have one length, got {lengths[0]} to {lengths[-1]} in {folder}",
            )
            return None
        return np.stack(columns, axis=1)


def _within(intensities: npt.NDArray[np.int64], video: Path, report: Report) -> npt.NDArray[np.int64]:
    """Intensities of the frames that the video has; a few more or fewer are usual in the official files."""
    try:
        frames = frame_count(video)
    except ValueError as error:
        report.wrong("unreadable", str(error), "")
        return intensities[:0]
    if abs(frames - len(intensities)) > LOST_FRAMES:
        report.wrong(
            "label file",
            f"labels must cover their video, got {len(intensities):,} labelled of {frames:,} frames in {video}",
        )
    for frame in range(frames, len(intensities)):
        report.spare(
            "labelled frames beyond the video", f"DISFA needs the labelled frame {frame + 1}, {video} ends before"
        )
    return intensities[:frames]
