# SPDX-License-Identifier: Apache-2.0
"""BP4D: 41 subjects in eight tasks that evoke emotions, FACS-coded frame by frame.

Layout: pictures `F001/T1/2440.jpg`, the number unpadded or padded to three or four digits, in the folder itself or
under `Sequences(2D+3D)` or `BP4D-training`. Intensities of five AUs `AUCoding/AU_INT/AU06/F001_T1_AU06.csv`, also
found under `AU Intensity Codes3.0`, lines `frame,intensity`. Occurrence `AUCoding/AU_OCC/F001_T1.csv`, also found
under `AUCoding`, a header with AU numbers, then the frame number and 0, 1 or 9 for unknown. (Zhang et al. 2014)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qnn.data.dataset import Dataset, Index, Report, Source, block, join
from qnn.data.label_files import read_numbers, read_table, shown, whole_numbers

PICTURES = ("", "Sequences(2D+3D)", "BP4D-training")
INTENSITIES = ("AUCoding/AU_INT", "AU_INT", "AU Intensity Codes3.0")
OCCURRENCES = ("AUCoding/AU_OCC", "AU_OCC", "AUCoding/AUCoding", "AUCoding")
SUBJECT = "[FM][0-9][0-9][0-9]"
SESSION = re.compile(r"([FM]\d{3})_(T\d)(?:_AU\d+)?\.csv")
ACTIVE_ABOVE = 4
UNKNOWN = 9


class Bp4d(Dataset):
    """Labelled frames.

    Rule `paper` reads the intensities as 0 to 9: above 4 is active, and frames without an active AU are dropped. The
    official code book has 0 to 5 and 9 for unknown; rule `usual` reads the occurrence files, knows 9 as unknown and
    keeps every frame.
    """

    name = "bp4d"
    title = "BP4D"
    aus = (6, 10, 12, 14, 17)
    colour = "rgb"
    protocols = ("subjects", "paper")
    layout = "pictures F001/T1/2440.jpg and AUCoding/AU_INT or AUCoding/AU_OCC"
    markers = (*(str(Path(place, SUBJECT, "T[1-8]")) for place in PICTURES), *INTENSITIES, *OCCURRENCES)
    label_rules = ("paper", "usual")
    published_subjects = 41
    terms = "For non-commercial research after a signed licence from Binghamton University; it must not be passed on."

    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index every session."""
        pictures = next((root / name for name in PICTURES if any((root / name).glob(f"{SUBJECT}/T[1-8]"))), None)
        if pictures is None:
            report.wrong("missing", f"BP4D needs pictures such as {root / 'F001' / 'T1' / '2440.jpg'}, got none")
            return join((), len(self.aus))
        sessions = self._intensities(root, report) if labels == "paper" else self._occurrences(root, report)
        blocks = []
        for subject, task, frames, occurrence in sessions:
            blocks.append(_session(pictures / subject / task, frames, occurrence, report))
        return join(blocks, len(self.aus))

    def _intensities(
        self, root: Path, report: Report
    ) -> Iterator[tuple[str, str, npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Subject, task, frame numbers (N,) and occurrence (N, AUs) by the paper's rule, of every session."""
        folder = next((root / name for name in INTENSITIES if (root / name).is_dir()), None)
        if folder is None:
            report.missing(root / INTENSITIES[0], self.title)
            return
        nines = 0
        for subject, task in _sessions(folder / f"AU{self.aus[0]:02d}", report):
            columns = []
            for au in self.aus:
                path = folder / f"AU{au:02d}" / f"{subject}_{task}_AU{au:02d}.csv"
                if not path.is_file():
                    path = path.with_name(f"{subject}_{task}.csv")
                if not path.is_file():
                    report.missing(path.with_name(f"{subject}_{task}_AU{au:02d}.csv"), self.title)
                    continue
                table = read_numbers(path, ("frame", "intensity"), report)
                if table is None:
                    continue
                if ((table[:, 1] < 0) | (table[:, 1] > UNKNOWN)).any():
                    report.wrong("label line", f"an intensity must be from 0 to 9, got {table[:, 1].max()} in {path}")
                    continue
                columns.append(table)
            if len(columns) < len(self.aus):
                continue
            if not all(np.array_equal(table[:, 0], columns[0][:, 0]) for table in columns):
                report.wrong(
                    "label file",
                    f"the intensity files of {subject} {task} must code the same frames, they differ in {folder}",
                )
                continue
            values = np.stack([table[:, 1] for table in columns], axis=1)  # (N, AUs)
            nines += int(np.count_nonzero(values == UNKNOWN))
            active = values > ACTIVE_ABOVE
            kept = active.any(axis=1)
            yield subject, task, columns[0][kept, 0], active[kept].astype(np.float32)
        if nines:
            report.note(
                f"{nines:,} intensities are 9, which the paper's rule takes for active and the code book calls unknown:"
                " `--labels usual` masks them"
            )

    def _occurrences(
        self, root: Path, report: Report
    ) -> Iterator[tuple[str, str, npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """The same from the occurrence files, NaN where nobody knows."""
        folder = next((root / name for name in OCCURRENCES if any((root / name).glob("[FM]*_T*.csv"))), None)
        if folder is None:
            report.missing(root / OCCURRENCES[0], self.title)
            return
        for subject, task in _sessions(folder, report):
            table = self._occurrence_table(folder / f"{subject}_{task}.csv", report)
            if table is not None:
                yield (
                    subject,
                    task,
                    table[:, 0],
                    np.where(table[:, 1:] == UNKNOWN, np.nan, table[:, 1:]).astype(np.float32),
                )

    def _occurrence_table(self, path: Path, report: Report) -> npt.NDArray[np.int64] | None:
        """Frame number and the five AUs (N, 6) of one occurrence file."""
        if (table := read_table(path, self.title, report)) is None:
            return None
        header, *lines = table or [[]]
        heads = [re.sub(r"^AU0*", "", cell.strip(), flags=re.IGNORECASE) for cell in header]
        absent = [au for au in self.aus if str(au) not in heads[1:]]
        if absent:
            report.wrong(
                "label file",
                f"the header of an occurrence file must name AU {absent[0]}, got {shown(','.join(header))} in {path}",
            )
            return None
        chosen = [0, *(heads.index(str(au), 1) for au in self.aus)]
        rows = []
        for number, line in enumerate(lines, start=2):
            if not any(cell.strip() for cell in line):
                continue
            row = whole_numbers([line[column] for column in chosen]) if len(line) == len(header) else None
            if row is None or any(value not in (0, 1, UNKNOWN) for value in row[1:]):
                report.wrong(
                    "label line",
                    f"a line must hold a frame number and 0, 1 or 9 for each of {len(header) - 1} columns,"
                    f" got {shown(','.join(line))} in line {number} of {path}",
                )
                return None
            rows.append(row)
        return np.array(rows, dtype=np.int64).reshape(-1, len(chosen))


def _sessions(folder: Path, report: Report) -> list[tuple[str, str]]:
    """Subject and task of every label file of a folder."""
    if not folder.is_dir():
        report.missing(folder, Bp4d.title)
        return []
    found = []
    for path in sorted(folder.glob("[!.]*.csv")):
        if match := SESSION.fullmatch(path.name):
            found.append((match[1], match[2]))
        else:
            report.wrong("misnamed", f"a label file must have a name such as F001_T1.csv, got {path}")
    return found


def _session(folder: Path, frames: npt.NDArray[np.int64], occurrence: npt.NDArray[np.float32], report: Report) -> Index:
    """Index of one task of a subject; labelled frames without a picture are left out."""
    if not folder.is_dir():
        report.missing(folder, Bp4d.title)
        return block((), occurrence[:0])
    with os.scandir(folder) as entries:
        stems = {entry.name: entry.name.rpartition(".") for entry in entries}
    pictures = {
        int(stem): name for name, (stem, _, suffix) in stems.items() if suffix.lower() == "jpg" and stem.isdecimal()
    }
    there = np.array([frame in pictures for frame in frames.tolist()], dtype=bool)
    for frame in frames[~there].tolist():
        report.spare(
            "labelled frames without a picture",
            f"BP4D needs a picture of the labelled frame {frame}, got none in {folder}",
        )
    sources = [Source(folder / pictures[frame]) for frame in frames[there].tolist()]
    return block(sources, occurrence[there], groups=folder.name, subject=folder.parent.name)
