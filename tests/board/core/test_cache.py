# SPDX-License-Identifier: Apache-2.0
"""The cache: whole entries or none, made once, no larger than its limit, and nothing goes that is in use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from board.core import cache, trust
from board.core.files import cache_folder

HOLD = """
import sys
from pathlib import Path
from board.core import cache
cache.entry("models", sys.argv[1], lambda folder: (folder / "x").write_bytes(b"x" * 1000))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, with nothing in use at the end."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_held", {})
    return tmp_path / "cache"


def fill(size: int = 1000) -> Callable[[Path], object]:
    """Makes an entry of about so many bytes."""
    return lambda made: (made / "x").write_bytes(b"x" * size)


def put(name: str, kind: str = "models", size: int = 1000) -> Path:
    """An entry that nobody has in use."""
    place = cache.entry(kind, name, fill(size))
    cache.release(place)
    return place


def age(place: Path, days: float) -> None:
    """Let an entry not have been used for some days."""
    when = time.time() - days * 24 * 3600
    os.utime(place / cache.DIGESTS, (when, when))


def names() -> list[str]:
    """Of all entries, those that were not used for longest first."""
    return [one.place.name for one in cache.entries()]


def test_an_entry_is_made_once() -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        fill()(folder)

    places = {cache.entry("models", "a", make) for _ in range(3)}
    assert places == {cache_folder("models") / "a"} and len(made) == 1
    assert sorted(path.name for path in cache_folder("models").iterdir()) == ["a"]


@pytest.mark.parametrize("damage", ["cut short", "flipped", "gone", "more", "no digests", "broken digests"])
def test_a_damaged_entry_is_made_again(damage: str) -> None:
    place = put("a")
    file, digests = place / "x", place / cache.DIGESTS
    if damage == "cut short":
        os.truncate(file, 500)
    elif damage == "flipped":
        file.write_bytes(b"y" + file.read_bytes()[1:])
    elif damage == "gone":
        file.unlink()
    elif damage == "more":
        (place / "y").touch()
    elif damage == "no digests":
        digests.unlink()
    else:
        digests.write_text("{")
    assert cache.find("models", "a") is None
    assert cache.entry("models", "a", fill()) == place
    assert file.read_bytes() == b"x" * 1000 and not (place / "y").exists()


def test_what_fails_leaves_nothing() -> None:
    def fail(made: Path) -> None:
        fill()(made)
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        cache.entry("models", "a", fail)
    assert list(cache_folder("models").iterdir()) == []


def test_what_was_not_used_for_longest_goes_first() -> None:
    for days, name in enumerate(("new", "older", "oldest")):
        age(put(name), days)
    assert names() == ["oldest", "older", "new"]
    cache.release(cache.entry("models", "oldest", fill()))  # which is the newest now
    size = cache.entries()[0].bytes
    assert [one.place.name for one in cache.trim(2 * size)] == ["older"]
    assert names() == ["new", "oldest"]
    assert cache.trim(2 * size) == []


def test_a_new_entry_makes_room_for_itself() -> None:
    cache.set_limit(3000)
    for days, name in enumerate(("a", "b", "c")):
        age(put(name), 3 - days)
    assert names() == ["b", "c"]
    assert cache.limit_bytes() == 3000


def test_what_is_in_use_stays() -> None:
    """By this process and by others, until they release it or end."""
    held = cache.entry("models", "ours", fill())
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "theirs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        put("nobodys")
        assert [one.place.name for one in cache.trim(0)] == ["nobodys"]
        assert sorted(names()) == ["ours", "theirs"]
        other.communicate("")
    cache.release(held)
    assert len(cache.trim(0)) == 2 and names() == []


def test_what_an_earlier_version_left_goes_too(folder: Path) -> None:
    (folder / "faces" / "ckplus").mkdir(parents=True)
    (folder / "faces" / "ckplus" / "old.npz").write_bytes(b"x" * 5000)
    (folder / "models" / ".making-killed" / "content").mkdir(parents=True)
    put("a")
    assert {one.place.name: one.bytes > 5000 - 1 for one in cache.entries()} == {"ckplus": True, "a": False}
    os.utime(folder / "models" / ".making-killed", (0, 0))
    cache.trim(0)
    assert names() == [] and list((folder / "models").iterdir()) == []


def test_what_was_built_here_stays_known(tmp_path: Path) -> None:
    """Else all builds of before would be refused."""
    (tmp_path / "made").write_text("here")
    trust.record(tmp_path / "made")
    cache.trim(0)
    trust.check(tmp_path / "made", "a file")


def test_a_broken_limit_is_the_usual_one(folder: Path) -> None:
    folder.mkdir()
    for broken in ("{", "[]", '{"bytes": -1}', '{"bytes": "x"}', '{"bytes": true}'):
        (folder / cache.LIMIT).write_text(broken)
        assert cache.limit_bytes() == cache.LIMIT_BYTES


def test_two_processes_make_an_entry_once(tmp_path: Path) -> None:
    """The second waits for the first, instead of verilating for minutes too."""
    program = """
import sys, time
from pathlib import Path
from board.core import cache
def make(folder):
    with open(sys.argv[1], "a") as log:
        log.write("made\\n")
    time.sleep(0.5)
    (folder / "x").write_text("x")
print(cache.entry("models", "a", make))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "log")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    done = [process.communicate() for process in running]
    assert {out.strip() for out, _ in done} == {str(cache_folder("models") / "a")}
    assert (tmp_path / "log").read_text() == "made\n"
    assert sum("is in use by process" in said and "waiting for it" in said for _, said in done) == 2
    assert sorted(path.name for path in cache_folder("models").iterdir()) == ["a"]
