# SPDX-License-Identifier: Apache-2.0
"""`auflow data check` counts what is there, lists all that is wrong, and ends accordingly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trees
from commands import Ran, refused, run_cli

from qnn.data import checking
from qnn.data.datasets import NAMES, find
from qnn.data.datasets.ferplus import FOLDERS


def check(name: str, root: Path, *options: object) -> Ran:
    return run_cli("data", "check", name, root, *options)


@pytest.mark.parametrize("name", NAMES)
def test_a_good_folder_ends_well(tmp_path: Path, name: str) -> None:
    root = trees.tree(name, tmp_path / "set")
    result = check(name, root)
    assert result.status == 0, result.stderr
    assert result.stdout.splitlines()[0].startswith(f"{find(name).title} in {root}: ")
    assert find(name).terms in result.stdout
    assert result.stdout.endswith("nothing is wrong\n")


def test_a_quick_check_opens_no_picture_and_says_so(tmp_path: Path) -> None:
    root = trees.tree("ferplus", tmp_path)
    (root / "FER2013Train" / "fer0000000.png").write_bytes(b"no picture")
    assert check("ferplus", root).status == 1
    result = check("ferplus", root, "--quick")
    assert result.status == 0 and "note: no picture was opened, as --quick asks" in result.stdout


def test_counts(tmp_path: Path) -> None:
    counts = checking.check("ckplus", trees.tree("ckplus", tmp_path / "ck"), progress=False).counts
    assert counts.pictures == 16
    assert counts.groups == {"neutral": 4, "happiness": 3, "surprise": 3, "contempt": 3, "none": 3}
    assert counts.subjects == {"S005": 8, "S010": 4, "S011": 4}
    assert counts.aus[12] == {"active": 3, "inactive": 13, "unknown": 0}
    counts = checking.check("bp4d", trees.tree("bp4d", tmp_path / "bp"), "usual", progress=False).counts
    assert counts.groups == {"T1": 8, "T2": 4}
    assert counts.aus[10] == {"active": 6, "inactive": 3, "unknown": 3}
    counts = checking.check("ferplus", trees.tree("ferplus", tmp_path / "fer"), progress=False).counts
    assert counts.splits == {"train": 3, "valid": 3} and counts.subjects == {}


def test_bp4d_says_how_many_nines_there_are(tmp_path: Path) -> None:
    root = trees.tree("bp4d", tmp_path)
    result = check("bp4d", root)
    assert "note: BP4D was published with 41 subjects, got 2" in result.stdout
    assert "note: 6 intensities are 9" in result.stdout and "`--labels usual` masks them" in result.stdout
    assert "intensities" not in check("bp4d", root, "--labels", "usual").stdout


def test_a_split_that_is_not_there_is_a_note(tmp_path: Path) -> None:
    root = trees.tree("ferplus", tmp_path)
    result = check("ferplus", root)
    assert result.status == 0
    assert f"note: {root / 'FER2013Test'} is missing: there is no split test" in result.stdout


def test_everything_wrong_is_listed_by_kind(tmp_path: Path) -> None:
    root = trees.tree("ferplus", tmp_path / "set", "Train", "Valid", "Test")
    for folder in FOLDERS.values():
        (root / folder / "fer0000000.png").unlink()
        (root / folder / "fer0000003.png").write_bytes(b"")
        (root / folder / "fer0000007.png").rename(root / folder / "fer0000007.PNG")
    target = tmp_path / "found.json"
    result = check("ferplus", root, "--json", target)
    assert result.status == 1
    lines = result.stdout.splitlines()
    assert [line for line in lines if line.endswith(": 3")] == ["misnamed: 3", "missing: 3", "unreadable: 3"]
    assert lines[-1] == "9 problems"
    assert f"  FERPlus needs {root}/FER2013Test/fer0000000.png, got none" in lines
    found = json.loads(target.read_text())
    assert found["dataset"] == "ferplus" and found["pictures"] == 3
    assert [problem["kind"] for problem in found["problems"]] == 3 * ["missing", "misnamed"] + 3 * ["unreadable"]
    assert found["aus"]["AU9"] == {"active": 3, "inactive": 0, "unknown": 0}
    quick = check("ferplus", root, "--quick")
    assert quick.status == 1 and "unreadable" not in quick.stdout and quick.stdout.endswith("6 problems\n")


def test_the_first_five_of_a_kind_are_printed(tmp_path: Path) -> None:
    root = trees.tree("ckplus", tmp_path)
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        trees.write(path, trees.noise(number, 20, 30))
    result = check("ckplus", root)
    lines = result.stdout.splitlines()
    start = lines.index("size: 16")
    assert all("must have at least 48x48 pixels, got 30x20 in" in line for line in lines[start + 1 : start + 6])
    assert lines[start + 6 :] == ["  and 11 more", "16 problems"]


def test_a_broken_video_is_found(tmp_path: Path) -> None:
    root = trees.tree("disfa", tmp_path)
    video = root / "Videos_LeftCamera" / "LeftVideoSN002_comp.avi"
    video.write_bytes(b"no video")
    result = check("disfa", root)
    assert result.status == 1
    assert f"  a video must be a file OpenCV reads, got {video}: copy it again" in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1] == "1 problem"


def test_the_folder_of_another_dataset(tmp_path: Path) -> None:
    root = trees.tree("rafdb", tmp_path)
    result = check("ckplus", root)
    assert result.status == 1
    assert f"{root} looks like RAF-DB, not CK+: use `auflow data check rafdb {root}`" in result.stdout


def test_unknown_names_are_errors(tmp_path: Path) -> None:
    assert "got 'raf'" in refused("data", "check", "raf", tmp_path)
    assert "must be one of paper, got 'usual'" in refused("data", "check", "rafdb", tmp_path, "--labels", "usual")
