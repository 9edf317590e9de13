# SPDX-License-Identifier: Apache-2.0
"""A table goes on with what made it and with nothing else, and ends in the rows of a run that nobody stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from observed import CONTRACT, TABLES, face, frame
from packages import small_contract

from board.outputs import CsvOutput, JsonlOutput
from board.outputs.record import digest, record_name
from board.outputs.resumable_table import partial_of

Table = CsvOutput | JsonlOutput
Kind = Callable[..., Table]
MADE_BY = {"--max-faces": 8, "input 1": "video (abc)"}
SIZES = (6, 4)
"""Frames of two inputs."""


def run(out: Table, stop: tuple[int, int] | None = None) -> Table:
    """Write both inputs from where a table stands, two faces a frame, up to an input's frame."""
    for number in range(out.next_input, len(SIZES)):
        out.begin(number)
        for index in range(out.next_frame if number == out.next_input else 0, SIZES[number]):
            if (number, index) == stop:
                out.abandon()
                return out
            out.write(frame(index), [replace(face(index, face_id), source=f"video{number}") for face_id in (0, 1)])
    out.close()
    return out


@pytest.fixture(params=TABLES, ids=[name for _, name in TABLES])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param[0]


@pytest.fixture
def path(tmp_path: Path, kind: Kind) -> Path:
    return tmp_path / ("aus.csv" if kind is CsvOutput else "aus.jsonl")


@pytest.fixture
def whole(tmp_path: Path, kind: Kind) -> bytes:
    run(kind(tmp_path / "whole", CONTRACT, made_by=MADE_BY))
    return (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("stop", [(0, 0), (0, 1), (0, 5), (1, 0), (1, 1), (1, 3)], ids=str)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "unrecorded"])
def test_it_ends_in_the_same_rows_over_several_inputs(
    path: Path, kind: Kind, whole: bytes, stop: tuple[int, int], recorded: bool
) -> None:
    run(kind(path, CONTRACT, made_by=MADE_BY), stop)
    if not recorded:
        record_name(path).unlink(missing_ok=True)
    again = kind(path, CONTRACT, resume=True, made_by=MADE_BY)
    if recorded:
        assert (again.next_input, again.next_frame) == (stop[0], max(0, stop[1] - 1))
    else:
        assert (again.next_input, again.next_frame) == (0, 0)
    run(again)
    assert path.read_bytes() == whole
    assert [file.name for file in path.parent.iterdir() if file.name not in ("whole", path.name)] == []


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "unrecorded"])
def test_any_place_to_tear_it_is_as_good(path: Path, kind: Kind, whole: bytes, recorded: bool) -> None:
    for size in range(0, len(whole) + 1, len(whole) // 29):
        run(kind(path, CONTRACT, made_by=MADE_BY), (1, 3))
        content = partial_of(path).read_bytes()
        partial_of(path).write_bytes(content[:size])
        if not recorded:
            record_name(path).unlink(missing_ok=True)
        run(kind(path, CONTRACT, resume=True, made_by=MADE_BY))
        assert path.read_bytes() == whole
        path.unlink()


def test_a_partial_file_that_is_complete_is_finished(path: Path, kind: Kind, whole: bytes) -> None:
    out = kind(path, CONTRACT, made_by=MADE_BY)
    out.abandon()
    partial_of(path).write_bytes(whole)
    record_name(path).unlink(missing_ok=True)
    run(kind(path, CONTRACT, resume=True, made_by=MADE_BY))
    assert path.read_bytes() == whole


def test_a_finished_table_whose_record_is_kept_is_not_written_again(path: Path, kind: Kind) -> None:
    run(kind(path, CONTRACT, made_by=MADE_BY, keep_record=True))
    before = path.stat()
    again = kind(path, CONTRACT, resume=True, made_by=MADE_BY, keep_record=True)
    assert again.complete
    again.close()
    assert path.stat() == before and record_name(path).exists()
    with pytest.raises(ValueError, match="--max-faces 8, got 2"):
        kind(path, CONTRACT, resume=True, made_by={**MADE_BY, "--max-faces": 2}, keep_record=True)


def test_the_calibration_of_an_emotion_decides_over_rows() -> None:
    contract = small_contract(emotions=True)
    sharper = replace(contract.emotions[0], slope=contract.emotions[0].slope * 2)
    other = replace(contract, emotions=(sharper, *contract.emotions[1:]))
    assert digest(contract) == digest(replace(contract, clock_mhz=50.0)) != digest(other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--max-faces": 2}, "--max-faces 8, got 2"),
        ({"--max-faces": None}, "--max-faces 8, got not given"),
        ({"input 1": "video (abd)"}, r"input 1 video \(abc\), got video \(abd\)"),
        ({"input 2": "other"}, "input 2 not given, got other"),
    ],
)
def test_something_else_does_not_go_on_with_it(path: Path, kind: Kind, change: dict[str, object], said: str) -> None:
    run(kind(path, CONTRACT, made_by=MADE_BY), (1, 1))
    before = partial_of(path).read_bytes()
    refused = rf"must be resumed with what it was begun with, {said}: give the same, or delete it to begin anew"
    with pytest.raises(ValueError, match=refused):
        kind(path, CONTRACT, resume=True, made_by={**MADE_BY, **change})
    assert partial_of(path).read_bytes() == before
    run(kind(path, CONTRACT, resume=True, made_by=MADE_BY))  # its lock was given back


def test_other_weights_do_not_go_on_but_another_accelerator_does(path: Path, kind: Kind) -> None:
    unit = CONTRACT.action_units[3]
    units = (*CONTRACT.action_units[:3], replace(unit, threshold=0.4), *CONTRACT.action_units[4:])
    run(kind(path, CONTRACT), (0, 3))
    for other in (replace(CONTRACT, model_sha256="1" * 64), replace(CONTRACT, action_units=units)):
        with pytest.raises(ValueError, match="begun with, the network"):
            kind(path, other, resume=True)
    run(kind(path, replace(CONTRACT, clock_mhz=50.0, board="none"), resume=True))


def test_rows_without_a_record_are_proven(path: Path, kind: Kind) -> None:
    run(kind(path, CONTRACT), (0, 4))
    record_name(path).unlink(missing_ok=True)
    before = partial_of(path).read_bytes()
    out = kind(path, CONTRACT, resume=True)
    out.write(frame(0), [replace(face(0, number), source="video0") for number in (0, 1)])
    other = replace(face(1, 1), source="video0", message="late")
    with pytest.raises(ValueError, match="got another message in frame 2: name the input"):
        out.write(frame(1), [replace(face(1, 0), source="video0"), other])
    out.abandon()
    assert partial_of(path).read_bytes() == before


def test_a_quote_that_is_not_closed_is_another_row(tmp_path: Path) -> None:
    """Python's csv raises an error of its own on it, which once was a traceback."""
    path = tmp_path / "aus.csv"
    run(CsvOutput(path, CONTRACT), (0, 4))
    record_name(path).unlink(missing_ok=True)
    partial = partial_of(path)
    header, row, *others = partial.read_text().splitlines(keepends=True)
    partial.write_text("".join([header, row.replace(",", ',"', 1), *others]))
    out = CsvOutput(path, CONTRACT, resume=True)
    with pytest.raises(ValueError, match=r"must hold the rows that are computed now, got another \w+ in frame 1: name"):
        out.write(frame(0), [replace(face(0, number), source="video0") for number in (0, 1)])
    out.abandon()


def test_rows_without_a_record_of_a_longer_input_are_refused(path: Path, kind: Kind) -> None:
    run(kind(path, CONTRACT), (0, 4))
    record_name(path).unlink(missing_ok=True)
    before = partial_of(path).read_bytes()
    out = kind(path, CONTRACT, resume=True)
    out.write(frame(0), [replace(face(0, number), source="video0") for number in (0, 1)])
    with pytest.raises(ValueError, match="got more than it has frames"):
        out.close()
    assert partial_of(path).read_bytes() == before and not path.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "must be JSON"),
        ('{"format": "auflow-run-9"}', "must have format auflow-run-1"),
        ("[]", "must have format auflow-run-1"),
        ('{"format": "auflow-run-1", "made_by": 3}', "must have its keys"),
        ('{"format": "auflow-run-1", "other": 3}', "must have its keys"),
        ('{"format": "auflow-run-1", "made_by": {}, "begun": [-1]}', "must have its keys"),
    ],
)
def test_a_record_that_is_none_is_named(path: Path, kind: Kind, content: str, said: str) -> None:
    run(kind(path, CONTRACT), (0, 4))
    record_name(path).write_text(content)
    with pytest.raises(ValueError, match=rf"the record of an interrupted run {said}.*delete it"):
        kind(path, CONTRACT, resume=True)
    assert partial_of(path).exists()


def test_a_record_that_begins_nowhere_goes_on_from_the_first_row(path: Path, kind: Kind, whole: bytes) -> None:
    """It once was a fault of the program."""
    run(kind(path, CONTRACT, made_by=MADE_BY), (0, 4))
    record = json.loads(record_name(path).read_text())
    record_name(path).write_text(json.dumps({**record, "begun": []}))
    run(kind(path, CONTRACT, resume=True, made_by=MADE_BY))
    assert path.read_bytes() == whole


@pytest.mark.parametrize("line", ["[" * 5000, '{"frame": 1e400}', '{"frame": null}', '{"frame": 1.5}', "[]", "{}"])
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "unrecorded"])
def test_a_line_that_is_no_row_is_told(tmp_path: Path, line: str, recorded: bool) -> None:
    """One nested too deep, or of a frame that is no number, once was a fault of the program."""
    path = tmp_path / "aus.jsonl"
    run(JsonlOutput(path, CONTRACT), (0, 1))
    partial_of(path).write_text(f"{line}\n")
    if not recorded:
        record_name(path).unlink()
    with pytest.raises(ValueError, match=rf"^{partial_of(path)} (must hold rows only|has no record of what made it)"):
        JsonlOutput(path, CONTRACT, resume=True).write(frame(0), [face(0)])


def test_the_record_says_what_made_the_table(path: Path, kind: Kind) -> None:
    run(kind(path, CONTRACT, made_by=MADE_BY), (1, 1))
    record = json.loads(record_name(path).read_text())
    assert record["format"] == "auflow-run-1" and record["complete"] is False
    assert {key: record["made_by"][key] for key in MADE_BY} == MADE_BY
    rows = partial_of(path).read_bytes().splitlines(keepends=True)
    header = len(kind.HEADER)  # type: ignore[attr-defined] # of both kinds
    first = 2 * SIZES[0] + bool(header)
    assert record["begun"] == [header, len(b"".join(rows[:first]))]


def test_a_table_is_written_by_one_run_at_a_time(path: Path, kind: Kind) -> None:
    out = kind(path, CONTRACT)
    out.write(frame(0), [face(0)])
    for resume in (False, True):
        with pytest.raises(RuntimeError, match=r"the table .* is in use by this process already: close that first"):
            kind(path, CONTRACT, resume=resume)
    out.abandon()
    run(kind(path, CONTRACT, resume=True))


def test_a_table_without_a_row_leaves_nothing(path: Path, kind: Kind) -> None:
    kind(path, CONTRACT).abandon()
    assert list(path.parent.iterdir()) == []
