# SPDX-License-Identifier: Apache-2.0
"""Prepared faces: cut by the board's own rule, in the index's order, from the cache where nothing changed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trees

from board.core.facs import EMOTIONS
from board.faces.crop import SIDE_PX, Box, cut_face, to_input
from board.faces.find import Face, find_face
from qnn.data import loading, reading
from qnn.data.dataset import Source
from qnn.data.datasets import NAMES, find
from qnn.data.faces import Faces
from qnn.data.finder import finder
from qnn.data.indexing import index
from qnn.data.loading import load

Load = Callable[..., Faces]

FER = "FER2013Train/fer0000000.png"
RAF = "Image/aligned/test_0001_aligned.jpg"
VIDEO = "Videos_LeftCamera/LeftVideoSN001_comp.avi"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def quiet(cache: Path) -> Load:
    """Loading into that folder without a bar."""
    return partial(load, progress=False)


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading any picture from here on fails the test."""
    monkeypatch.setattr(loading, "prepare", lambda *args: pytest.fail("read the pictures again"))


def picture(path: Path) -> np.ndarray:
    """A picture file as RGB."""
    read = cv2.imread(str(path))
    assert read is not None
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("name", NAMES)
def test_faces_stand_in_the_order_of_the_index(tmp_path: Path, quiet: Load, name: str) -> None:
    dataset, root = find(name), trees.tree(name, tmp_path / "set")
    faces, indexed = quiet(name, root), index(dataset, root)
    assert len(faces) == len(indexed) and faces.aus == dataset.aus
    assert faces.pixels.shape[1:] == ((48, 48) if dataset.colour == "grey" else (48, 48, 3))
    for field in ("labels", "emotions", "votes", "groups", "subjects", "splits"):
        np.testing.assert_array_equal(getattr(faces, field), getattr(indexed, field))
    for pixels, source in zip(faces.pixels, indexed.sources, strict=True):
        if source.frame is None:
            read = picture(source.path)
            whole = Face(0, Box(0, 0, len(read)), 1.0)
            face = whole if dataset.cropped else find_face(read, finder().search_still)
            assert face is not None
            expected = cut_face(read, face.box, colour=dataset.colour, roll_deg=face.roll_deg)
            np.testing.assert_array_equal(pixels, expected[..., 0] if dataset.colour == "grey" else expected)


def test_frames_of_a_video_stand_in_their_order(tmp_path: Path, quiet: Load) -> None:
    faces = quiet("disfa", trees.tree("disfa", tmp_path))
    brightness = faces.pixels.reshape(len(faces), -1).mean(1)
    assert (np.diff(brightness[:4]) < 0).all(), "every frame of the video is darker than the one before"
    assert len({face.tobytes() for face in faces.pixels[:4]}) == 4


def test_the_cache_serves_the_second_time(
    tmp_path: Path, quiet: Load, request: pytest.FixtureRequest, cache: Path
) -> None:
    root = trees.tree("ckplus", tmp_path / "set")
    first = quiet("ckplus", root)
    request.getfixturevalue("unreadable")
    again = quiet("ckplus", root)
    for field in Faces.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    root.rename(tmp_path / "elsewhere")
    np.testing.assert_array_equal(quiet("ckplus", tmp_path / "elsewhere").pixels, first.pixels)
    assert not [file for file in cache.rglob("*") if file.is_file() and str(os.getpid()) in file.name], (
        "no partial file"
    )


def test_labels_are_read_anew_though_pixels_are_cached(
    tmp_path: Path, quiet: Load, request: pytest.FixtureRequest
) -> None:
    root = trees.tree("ferplus", tmp_path / "set", "Train")
    quiet("ferplus", root)
    request.getfixturevalue("unreadable")
    labels = root / "FER2013Train" / "label.csv"
    labels.write_text(labels.read_text().replace("1,9,0,0,0,0,0,0,0,0", "1,0,9,0,0,0,0,0,0,0"))
    faces = quiet("ferplus", root)
    assert faces.groups.tolist() == ["surprise", "disgust", "neutral"]


def test_a_changed_picture_is_read_anew(tmp_path: Path, quiet: Load) -> None:
    root = trees.tree("rafdb", tmp_path / "set")
    before = quiet("rafdb", root)
    changed = root / "Image" / "aligned" / "train_00002_aligned.jpg"
    trees.write(changed, trees.noise(77, 100, 100, 3))
    after = quiet("rafdb", root)
    same = [np.array_equal(one, other) for one, other in zip(before.pixels, after.pixels, strict=True)]
    assert same == [True, False, *5 * [True]]
    changed.write_bytes(jpeg_of_size(changed.stat().st_size))  # the same size at another time
    os.utime(changed, ns=(1, 1))
    plain = quiet("rafdb", root)
    assert not np.array_equal(plain.pixels[1], after.pixels[1])
    trees.write(changed, trees.noise(78, 100, 100, 3))  # another size at the same time
    os.utime(changed, ns=(1, 1))
    assert not np.array_equal(quiet("rafdb", root).pixels[1], plain.pixels[1])


def jpeg_of_size(size: int) -> bytes:
    """A plain JPEG, filled up to a size with what decoders pass over."""
    _, encoded = cv2.imencode(".jpg", np.full((100, 100, 3), 90, np.uint8))
    assert len(encoded) < size
    return encoded.tobytes() + b"\0" * (size - len(encoded))


@pytest.mark.parametrize("damage", [lambda whole: whole[:500], lambda whole: b"", lambda whole: whole[:-1] + b"x"])
def test_a_damaged_cache_is_made_anew(
    tmp_path: Path, quiet: Load, cache: Path, damage: Callable[[bytes], bytes]
) -> None:
    root = trees.tree("ferplus", tmp_path / "set")
    first = quiet("ferplus", root)
    (file,) = (file for file in cache.rglob("*.npz"))
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    np.testing.assert_array_equal(quiet("ferplus", root).pixels, first.pixels)
    assert len(file.read_bytes()) == len(whole)


def test_the_margin_has_its_own_cache(tmp_path: Path, quiet: Load) -> None:
    root = trees.tree("ckplus", tmp_path / "set")
    plain, wide = quiet("ckplus", root), quiet("ckplus", root, margin=0.2)
    assert not np.array_equal(plain.pixels, wide.pixels)
    read = picture(index(find("ckplus"), root).sources[0].path)
    face = find_face(read, finder().search_still)
    assert face is not None
    np.testing.assert_array_equal(wide.pixels[0], cut_face(read, face.box, 0.2, "rgb", face.roll_deg))


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "there"))
    load("rafdb", trees.tree("rafdb", tmp_path / "set"), progress=False)
    assert list((tmp_path / "there" / "faces").glob("rafdb-*/faces.npz"))


@pytest.mark.parametrize("name", ["bp4d", "rafdb"])
def test_several_workers_do_as_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reading, "PICTURES_PER_LOT", 2)
    root = trees.tree(name, tmp_path / "set")
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "one"))
    one = load(name, root, workers=1, progress=False)
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "several"))
    several = load(name, root, workers=2)
    np.testing.assert_array_equal(one.pixels, several.pixels)
    assert "Traceback" not in capfd.readouterr().err


def test_a_killed_preparation_keeps_what_it_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: Load, cache: Path
) -> None:
    monkeypatch.setattr(reading, "PICTURES_PER_LOT", 4)
    root = trees.tree("ckplus", tmp_path / "set")
    done: list[int] = []

    def two_lots(*arguments: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(len(arguments))
        return reading.prepare(*arguments)

    monkeypatch.setattr(loading, "prepare", two_lots)
    with pytest.raises(KeyboardInterrupt):
        quiet("ckplus", root, workers=1)
    assert len(list(cache.rglob("*.npz"))) == 2
    done.clear()
    assert len(quiet("ckplus", root, workers=1)) == 16, "two of four lots were left"


def test_pictures_without_a_face_are_left_out_and_counted(
    tmp_path: Path, quiet: Load, caplog: pytest.LogCaptureFixture
) -> None:
    root = trees.tree("bp4d", tmp_path / "set")
    trees.write(root / "F001" / "T1" / "8.jpg", np.full((256, 256, 3), 127, np.uint8))
    for _ in range(2):
        caplog.clear()
        faces = quiet("bp4d", root)
        assert len(faces) == 8
        np.testing.assert_array_equal(faces.labels[:2], [(1, 0, 1, 0, 0), (0, 0, 0, 1, 0)])
        assert "BP4D: no face in 1 of 9 pictures, left out" in caplog.text


def test_no_face_at_all_is_refused(tmp_path: Path, quiet: Load) -> None:
    root = trees.tree("bp4d", tmp_path / "set")
    for path in root.rglob("*.jpg"):
        trees.write(path, np.full((256, 256, 3), 127, np.uint8))
    with pytest.raises(ValueError, match=f"BP4D needs at least one face, found none in 9 pictures in {root}"):
        quiet("bp4d", root)


@pytest.mark.parametrize(
    ("name", "place", "content", "sentence"),
    [
        ("ferplus", FER, b"", "a picture must hold data, got the empty file {}: copy it again"),
        ("rafdb", RAF, b"no", "a picture must be a file OpenCV reads, got {}"),
        ("ferplus", FER, (40, 48), "a FERPlus face must be a picture of 48x48 pixels, got 48x40 in {}"),
        ("rafdb", RAF, (100, 90), "must be a square of at least 48x48 pixels, got 90x100 in {}"),
        ("bp4d", "F001/T1/7.jpg", (40, 90), "a picture of BP4D must have at least 48x48 pixels, got 90x40 in {}"),
        ("disfa", VIDEO, None, "a video must hold every labelled frame, got none from"),
    ],
)
def test_an_unreadable_picture_is_one_sentence(
    tmp_path: Path, quiet: Load, name: str, place: str, content: bytes | tuple[int, int] | None, sentence: str
) -> None:
    root = trees.tree(name, tmp_path / "set")
    path = root / place
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, tuple):
        trees.write(path, trees.noise(0, *content))
    else:
        cut_short(root, path)
    with pytest.raises(ValueError) as caught:
        quiet(name, root)
    assert sentence.format(path) in str(caught.value) and "\n" not in str(caught.value)


def cut_short(root: Path, video: Path) -> None:
    """A video whose index promises twenty frames, of which the last ones are noise."""
    trees.write_video(video, [trees.shot(number) for number in range(20)])
    for file in (root / "ActionUnit_Labels" / "SN001").iterdir():
        file.write_text("".join(f"{frame},1\n" for frame in range(1, 21)))
    whole = bytearray(video.read_bytes())
    frames = [place for place in range(len(whole)) if whole[place : place + 4] == b"00dc"][:20]
    for start, end in zip(frames[8:], [*frames[9:], len(whole)], strict=True):
        whole[start + 8 : end] = bytes(end - start - 8)
    video.write_bytes(whole)


def test_lots_keep_a_video_together_and_cut_pictures() -> None:
    pictures = [Source(Path(str(number))) for number in range(reading.PICTURES_PER_LOT + 1)]
    videos = [Source(Path(name), frame) for name in "ab" for frame in range(3)]
    cut = reading.lots([*pictures, *videos])
    assert [len(lot) for lot in cut] == [reading.PICTURES_PER_LOT, 1, 3, 3]
    assert [source for lot in cut for source in lot] == [*pictures, *videos]


@pytest.mark.skipif("AUFLOW_FERPLUS" not in os.environ, reason="AUFLOW_FERPLUS names no FERPlus folder")
def test_the_real_validation_part() -> None:
    root = Path(os.environ["AUFLOW_FERPLUS"])
    faces = load("ferplus", root, splits=("valid",), progress=False)
    assert len(faces) == 3164
    assert set(faces.emotions) == set(range(len(EMOTIONS)))
    np.testing.assert_allclose(faces.votes.sum(1), 1, rtol=1e-6)


def test_a_picture_of_the_networks_size_is_a_face_already(rng: np.random.Generator) -> None:
    """Some copies of CK+ hold faces that were cut already; none was found in them."""
    picture = rng.integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    dataset = find("ckplus")
    face = dataset.face(picture, margin=0.2)
    assert face is not None
    np.testing.assert_array_equal(face, to_input(picture, dataset.colour))


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """A killed run leaves none behind, which would take a core each for as long as the machine runs."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from qnn.data.loading import executor\n"
        "if __name__ == '__main__':\n"
        "    with executor(2, 2, processes=True) as pool:\n"
        "        print(*{pool.submit(os.getpid).result() for _ in range(4)}, flush=True)\n"
        "        time.sleep(600)\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert workers
        parent.kill()
    deadline = time.monotonic() + 30
    while any(map(_runs, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [worker for worker in workers if _runs(worker)]


def _runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
