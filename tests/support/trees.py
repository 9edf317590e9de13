# SPDX-License-Identifier: Apache-2.0
"""Small folders in the official layouts of the five datasets, with the example face where one is looked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from qnn.data.example import example_picture

FER_VOTES = {  # neutral happiness surprise sadness anger disgust fear contempt unknown not-a-face
    "fer0000000.png": (1, 9, 0, 0, 0, 0, 0, 0, 0, 0),  # happiness
    "fer0000001.png": (4, 3, 1, 1, 1, 0, 0, 0, 0, 0),  # no majority
    "fer0000003.png": (0, 0, 0, 0, 0, 5, 4, 0, 1, 0),  # disgust
    "fer0000004.png": (1, 0, 0, 0, 0, 0, 0, 9, 0, 0),  # contempt, not in Table 2
    "fer0000005.png": (0, 0, 0, 0, 0, 0, 0, 0, 0, 10),  # not a face
    "fer0000007.png": (8, 0, 0, 2, 0, 0, 0, 0, 0, 0),  # neutral
}
FER_KEPT = {"fer0000000.png": "happiness", "fer0000003.png": "disgust", "fer0000007.png": "neutral"}

CK_SEQUENCES = {  # place: AUs with intensities, and the code of the emotion
    "S005/001": (((1, 3), (2, 0), (5, 2), (25, 4), (26, 1)), 7),  # surprise; AU25 is none of the thirteen
    "S005/002": (((6, 4), (12, 5)), 5),  # happy
    "S010/001": (((14, 2),), 2),  # contempt
    "S011/001": (((4, 2),), None),  # no emotion file
}
CK_FRAMES = 5

BP_FRAMES = (7, 8, 9, 10)
BP_INTENSITIES = {6: (5, 0, 0, 0), 10: (4, 4, 0, 0), 12: (5, 9, 0, 0), 14: (0, 0, 0, 9), 17: (0, 0, 4, 0)}
BP_OCCURRENCES = {6: (1, 0, 0, 0), 10: (1, 1, 0, 9), 12: (1, 1, 0, 0), 14: (0, 0, 0, 9), 17: (0, 0, 1, 0)}
BP_SESSIONS = {"F001/T1": "{}.jpg", "F001/T2": "{:04d}.jpg", "M002/T1": "{:03d}.jpg"}

DISFA_AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
DISFA_INTENSITIES = {1: (0, 1, 2, 0, 0, 0), 12: (0, 0, 3, 0, 5, 1)}
DISFA_SUBJECTS = ("SN001", "SN002", "SN016")

RAF_LINES = (
    *("train_00001.jpg 5", "train_00002.jpg 1", "train_00003.jpg 7", "train_00004.jpg 2"),
    *("test_0001.jpg 4", "test_0002.jpg 6", "test_0003.jpg 3"),
)


@lru_cache(maxsize=1)
def portrait() -> np.ndarray:
    """The example picture's upper half, RGB (256, 256, 3)."""
    return np.ascontiguousarray(example_picture()[:256, 96:352])


def shot(number: int) -> np.ndarray:
    """The portrait, a little darker for every number."""
    return portrait() - np.minimum(portrait(), np.uint8(8 * number))


def noise(number: int, *shape: int) -> np.ndarray:
    """A picture that differs from every other."""
    return np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)


def write(path: Path, picture: np.ndarray) -> None:
    """A picture file, grey or RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def put(path: Path, lines: Sequence[str]) -> None:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def ferplus(root: Path, splits: Sequence[str] = ("Train", "Valid")) -> Path:
    """Six faces in each split, three of which are usable."""
    for place, split in enumerate(splits):
        for number, name in enumerate(FER_VOTES):
            write(root / f"FER2013{split}" / name, noise(100 * place + number, 48, 48))
        lines = [f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}' for name, votes in FER_VOTES.items()]
        put(root / f"FER2013{split}" / "label.csv", lines)
    return root


def ferplus_by_csv(root: Path) -> Path:
    """The same faces, labelled by fer2013new.csv."""
    ferplus(root)
    lines = ["Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"]
    for usage, split in (("Training", "Train"), ("PublicTest", "Valid")):
        (root / f"FER2013{split}" / "label.csv").unlink()
        lines += [f"{usage},{name},{','.join(map(str, votes))}" for name, votes in FER_VOTES.items()]
        lines += [f"{usage},,0,0,0,0,0,0,0,0,0,10"]  # FER+ took it away
    put(root / "fer2013new.csv", lines)
    return root


def rafdb(root: Path) -> Path:
    """Four faces to train, three to test, every emotion once."""
    put(root / "EmoLabel" / "list_patition_label.txt", RAF_LINES)
    for number, line in enumerate(RAF_LINES):
        write(root / "Image" / "aligned" / f"{line.partition('.')[0]}_aligned.jpg", noise(number, 100, 100, 3))
    return root


def ckplus(root: Path, facs: str = "FACS", emotion: str = "Emotion") -> Path:
    """Four sequences of three subjects, five frames each."""
    for place, (aus, code) in CK_SEQUENCES.items():
        stem = place.replace("/", "_")
        for frame in range(1, CK_FRAMES + 1):
            write(root / "cohn-kanade-images" / place / f"{stem}_{frame:08d}.png", shot(frame))
        peak = f"{stem}_{CK_FRAMES:08d}"
        put(root / facs / place / f"{peak}_facs.txt", [f"   {au:.7e}   {strength:.7e}" for au, strength in aus])
        (root / emotion / place).mkdir(parents=True)
        if code is not None:
            put(root / emotion / place / f"{peak}_emotion.txt", [f"   {code:.7e}"])
    return root


def bp4d(
    root: Path, pictures: str = "", intensities: str = "AUCoding/AU_INT", occurrences: str = "AUCoding/AU_OCC"
) -> Path:
    """Three sessions of two subjects, four frames each, their numbers padded in three ways."""
    for place, name in BP_SESSIONS.items():
        session = place.replace("/", "_")
        for number, frame in enumerate(BP_FRAMES):
            write(root / pictures / place / name.format(frame), shot(number))
        for au, values in BP_INTENSITIES.items():
            lines = [f"{frame},{value}" for frame, value in zip(BP_FRAMES, values, strict=True)]
            put(root / intensities / f"AU{au:02d}" / f"{session}_AU{au:02d}.csv", lines)
        columns = [BP_OCCURRENCES.get(au, (0,) * len(BP_FRAMES)) for au in range(1, 28)]
        lines = [",".join(map(str, (frame, *row))) for frame, *row in zip(BP_FRAMES, *columns, strict=True)]
        put(root / occurrences / f"{session}.csv", [",".join(map(str, range(28))), *lines])
    return root


def disfa(root: Path, videos: str = "Videos_LeftCamera", frames: int = 6) -> Path:
    """Three subjects with six labelled frames each, and videos of so many frames."""
    for subject in DISFA_SUBJECTS:
        for au in DISFA_AUS:
            values = DISFA_INTENSITIES.get(au, (0,) * 6)
            lines = [f"{frame},{value}" for frame, value in enumerate(values, start=1)]
            put(root / "ActionUnit_Labels" / subject / f"{subject}_au{au}.txt", lines)
        write_video(root / videos / f"LeftVideo{subject}_comp.avi", [shot(number) for number in range(frames)])
    return root


def write_video(path: Path, pictures: Sequence[np.ndarray]) -> None:
    """A video of RGB pictures of one size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (width, height))
    for picture in pictures:
        video.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    video.release()


TREES: dict[str, Callable[[Path], Path]] = {
    "ckplus": ckplus,
    "bp4d": bp4d,
    "disfa": disfa,
    "ferplus": ferplus,
    "rafdb": rafdb,
}
