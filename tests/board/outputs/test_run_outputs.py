# SPDX-License-Identifier: Apache-2.0
"""A run's outputs are chosen by their names, checked before the work begins, and shared by several inputs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from observed import CONTRACT, face, frame, rows_of
from packages import largest_file

from board.outputs import Places, RunOutputs
from board.outputs.record import record_name
from board.sources.array import ArraySource
from board.sources.frame import Source
from board.sources.pictures import PictureSource


def video(name: str = "video.mp4", count: int = 3, live: bool = False) -> ArraySource:
    source = ArraySource(np.zeros((count, 64, 64), np.uint8), name, moving=True, fps=30)
    source.live = live
    return source


ONE = ArraySource(np.zeros((1, 64, 64), np.uint8), "one.png")
PICTURES = PictureSource([Path("a.png"), Path("b.png")], "folder")


def places(folder: Path, sources: list[Source], out: str | None, annotate: str | None, resume: bool = False) -> Places:
    found = [None if name is None else folder / name for name in (out, annotate)]
    return Places(sources, found[0], found[1], resume)


def kinds(made: Places) -> list[list[str]]:
    made.check([])
    with RunOutputs(made, CONTRACT, {}) as outputs:
        return [
            [type(output).__name__.replace("_Part", "table") for output in (outputs.of(number) or [[]])[0]]
            for number in range(len(made.sources))
        ]


def test_outputs_are_chosen_by_their_names(tmp_path: Path) -> None:
    assert kinds(places(tmp_path, [video()], None, None)) == [["TerminalOutput"]]
    assert kinds(places(tmp_path, [video()], "a.csv", "a.mp4")) == [["table", "VideoOutput"]]
    assert kinds(places(tmp_path, [video()], "a.jsonl", "folder")) == [["table", "PicturesOutput"]]
    assert kinds(places(tmp_path, [video()], "rows", None)) == [["CsvOutput"]]
    assert kinds(places(tmp_path, [ONE], None, "a.png")) == [["TerminalOutput", "PicturesOutput"]]
    several: list[Source] = [video(), ONE, PICTURES]
    drawn = [["table", "VideoOutput"], ["table", "PicturesOutput"], ["table", "PicturesOutput"]]
    assert kinds(places(tmp_path, several, "all.csv", "seen")) == drawn


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["a.mp4", "b.mp4"], ["a", "b"]),
        (["a.mp4", "a.avi"], ["a.mp4", "a.avi"]),
        (["s1/a.mp4", "s2/a.mp4"], ["s1_a", "s2_a"]),
        (["a.mp4", "a.mp4", "a-2.mp4"], ["a", "a-2", "a-2-2"]),
        (["/x/a.mp4"], ["x_a"]),
        (["a\x1b\n.mp4", os.fsdecode(b"\xe9.mp4")], [r"a\x1b\n", r"\xe9"]),
    ],
)
def test_every_input_has_its_own_file(tmp_path: Path, names: list[str], labels: list[str]) -> None:
    made = places(tmp_path, [video(name) for name in names], "rows", "seen")
    assert made.labels == labels
    assert [made.table(number) for number in range(len(names))] == [tmp_path / f"rows/{one}.csv" for one in labels]
    if len(names) > 1:
        assert made.drawn(1) == tmp_path / f"seen/{labels[1]}.mp4"


@pytest.mark.parametrize(
    ("sources", "out", "annotate", "resume", "message"),
    [
        ([video()], "a.xlsx", None, False, r"rows go to a file that ends in \.csv or \.jsonl, or to a folder, got"),
        ([video()], "/dev/null", None, False, "or to a folder, got /dev/null"),
        ([video()], None, "a.png", False, "one annotated picture is for an input of one"),
        ([video()], None, "a.docx", False, "annotated frames go to"),
        ([video()], None, None, True, "to be resumed a run needs a file for its rows"),
        ([video()], "a.csv", "a.mp4", True, "an annotated video cannot be continued"),
        ([ONE, video()], "a.csv", "seen", True, "an annotated video cannot be continued"),
        ([ONE, video()], "a.csv", "a.mp4", False, "one annotated file is for one input"),
        ([video(live=True)], "a.csv", None, True, "a source with an end"),
        ([ONE, video(live=True)], "a.csv", None, False, "a camera must be the only input"),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_written(
    tmp_path: Path, sources: list[Source], out: str | None, annotate: str | None, resume: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        places(tmp_path, sources, out, annotate, resume).check([])
    assert list(tmp_path.iterdir()) == []


def test_no_input_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "seen").mkdir()
    for name in ("a.mp4", "seen/video.mp4", "a.csv", "seen/x.jpg"):
        (tmp_path / name).write_text("precious")
    os.link(tmp_path / "a.mp4", tmp_path / "same.mp4")
    for made, inputs in (
        (places(tmp_path, [video()], None, "a.mp4"), ["a.mp4"]),
        (places(tmp_path, [video()], None, "same.mp4"), ["a.mp4"]),
        (places(tmp_path, [video()], "a.csv", None), ["a.csv"]),
        (places(tmp_path, [video(), ONE], None, "seen"), ["a.mp4", "seen/video.mp4"]),
        (places(tmp_path, [video(), ONE], None, "seen"), ["seen"]),
        (places(tmp_path, [video()], None, "seen/video.mp4"), ["seen"]),
        (places(tmp_path, [ONE], None, "seen/x.jpg"), ["."]),
    ):
        with pytest.raises(ValueError, match="an output must not be the input"):
            made.check([str(tmp_path / name) for name in inputs])
    places(tmp_path, [video()], "seen/new.csv", "seen/new.mp4").check([str(tmp_path / "seen")])


def test_a_place_that_cannot_be_written_is_named_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, annotate in (("file/a.csv", None), ("file/rows/x", None), (None, "file/a.mp4"), (None, "file/x")):
        with pytest.raises(RuntimeError, match=r"cannot write .*file.*: \w"):
            places(tmp_path, [ONE], out, annotate).check([])
    with largest_file(0), pytest.raises(RuntimeError, match="File too large; make room there, or name another place"):
        places(tmp_path, [ONE], "a.csv", None).check([])


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_named(tmp_path: Path) -> None:
    with read_only(tmp_path), pytest.raises(RuntimeError, match="name a place that you may write to"):
        places(tmp_path, [ONE], "a.csv", None).check([])


def test_what_an_interrupted_run_left_is_found_first(tmp_path: Path) -> None:
    made = places(tmp_path, [video("a"), video("b")], "rows", None)
    with RunOutputs(made, CONTRACT, {}) as outputs:
        ((table,), _) = outputs.of(1) or ([], 0)
        table.write(frame(0), [face(0)])
    with pytest.raises(ValueError, match=r"rows/b\.csv\.partial holds what an interrupted run found"):
        made.check([])
    replace(made, resume=True).check([])


def test_a_running_run_is_named_rather_than_resuming_advised(tmp_path: Path) -> None:
    made = places(tmp_path, [video()], "a.csv", None)
    with RunOutputs(made, CONTRACT, {}) as outputs:
        ((table,), _) = outputs.of(0) or ([], 0)
        table.write(frame(0), [face(0)])
        for resume in (False, True):
            with pytest.raises(RuntimeError, match=r"a\.csv is in use by this process already: close that first$"):
                replace(made, resume=resume).check([])


def test_several_inputs_share_a_table(tmp_path: Path) -> None:
    made = places(tmp_path, [video("a", 2), video("b", 3)], "all.csv", None)
    with RunOutputs(made, CONTRACT, {}) as outputs:
        for number, source in enumerate(made.sources):
            ((table,), start) = outputs.of(number) or ([], 0)
            for index in range(start, source.count or 0):
                table.write(frame(index), [replace(face(index), source=source.name)])
            assert not (tmp_path / "all.csv").exists()
            table.close()
        outputs.finish()
    expected = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), ("b", "3")]
    assert [(row["source"], row["frame"]) for row in rows_of(tmp_path / "all.csv")] == expected
    assert [file.name for file in tmp_path.iterdir()] == ["all.csv"]


def test_a_folder_of_tables_goes_on_with_the_input_that_was_interrupted(tmp_path: Path) -> None:
    made = places(tmp_path, [video("a", 2), video("b", 3), video("c", 1)], "rows", None)

    def run(made: Places, stop: tuple[int, int] | None = None) -> list[int | None]:
        begun: list[int | None] = []
        with RunOutputs(made, CONTRACT, {"--max-faces": 8}) as outputs:
            for number, source in enumerate(made.sources):
                opened = outputs.of(number)
                begun.append(None if opened is None else opened[1])
                if opened is None:
                    continue
                ((table,), start) = opened
                for index in range(start, source.count or 0):
                    if (number, index) == stop:
                        return begun
                    table.write(frame(index), [replace(face(index), source=source.name)])
                table.close()
            outputs.finish()
        return begun

    run(made, (1, 2))
    assert record_name(tmp_path / "rows/a.csv").exists()
    assert run(replace(made, resume=True)) == [None, 1, 0]
    assert sorted(file.name for file in (tmp_path / "rows").iterdir()) == ["a.csv", "b.csv", "c.csv"]
    assert [row["frame"] for row in rows_of(tmp_path / "rows/b.csv")] == ["1", "2", "3"]
