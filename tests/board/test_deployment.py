# SPDX-License-Identifier: Apache-2.0
"""A deployment is read from its folder or archive, and whatever was changed, lost or smuggled in is refused."""

from __future__ import annotations

import fcntl
import json
import sysconfig
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
import pytest
from packages import faces, largest_file, pack, seal, small_graph, write_package

from board.core.contract import Contract
from board.core.lock import lock_name
from board.deployment import CONTRACT, INTEGER, LIBRARY, MANIFEST, Deployment, Manifest, Simulated, Timing, unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_package(tmp_path / "deploy")


def test_folder_and_archive_hold_the_same(folder: Path) -> None:
    x = faces(2)
    expected = small_graph().run(x)
    for path in (folder, pack(folder)):
        deployment = Deployment(path)
        np.testing.assert_array_equal(deployment.integer_graph().run(x), expected)
        assert deployment.manifest.timing == Timing(5000, 2400)
        assert not deployment.has_bitfile and not deployment.has_onnx


def test_an_archive_is_unpacked_once(folder: Path) -> None:
    archive = pack(folder)
    out = unpack(archive)
    (out / "mark").touch()
    assert unpack(archive) == out == archive.with_suffix("")
    assert (out / "mark").exists()


def test_an_archive_that_two_unpack_is_unpacked_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The second once deleted the folder that the first had begun to read."""
    archive = pack(folder)
    with ThreadPoolExecutor(1) as pool, lock_name(archive.with_suffix("")).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("process 1 (auflow)")
        other.flush()
        waiting = pool.submit(unpack, archive)
        told = ""
        while "is in use by process 1 (auflow): waiting for it" not in told and not waiting.done():
            told += capfd.readouterr().err
        folder.rename(archive.with_suffix(""))
        (archive.with_suffix("") / "mark").touch()
        Path(other.name).unlink()
        fcntl.flock(other, fcntl.LOCK_UN)
        assert (waiting.result(60) / "mark").exists()


def test_an_archive_leaves_another_folder_alone(folder: Path) -> None:
    archive = pack(folder)
    archive.with_suffix("").mkdir()
    with pytest.raises(ValueError, match="which holds something else: move one of them"):
        unpack(archive)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:evil"])
def test_a_name_that_leaves_the_archive_is_refused(folder: Path, name: str) -> None:
    archive = pack(folder)
    with ZipFile(archive, "a") as packed:
        packed.writestr(ZipInfo(name), b"x")
    with pytest.raises(ValueError, match=r"an archive's files must lie in it, got .*: do not use it"):
        unpack(archive)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["deploy", "package.zip"]


def test_a_link_is_refused(folder: Path) -> None:
    archive, link = pack(folder), ZipInfo("link")
    link.external_attr = 0xA1FF << 16
    with ZipFile(archive, "a") as packed:
        packed.writestr(link, "/etc/passwd")
    with pytest.raises(ValueError, match="must lie in it, got 'link'"):
        unpack(archive)


@pytest.mark.parametrize("name", ["stowaway", INTEGER])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_not_listed_or_twice_there_is_refused(folder: Path, name: str) -> None:
    archive = pack(folder)
    with ZipFile(archive, "a") as packed:
        packed.writestr(name, b"x")
    with pytest.raises(ValueError, match=f"must hold what its {MANIFEST} lists, got a difference"):
        unpack(archive)


def test_a_bomb_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("board.deployment.LARGEST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"got one that unpacks to 0 MiB, more than 0 in .*package\.zip"):
        unpack(pack(folder))


def test_a_manifest_is_read_no_further_than_it_may_be_long(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its padding once was unpacked, 400 MB of it, before anybody looked at its size."""
    monkeypatch.setattr("board.deployment.LARGEST_TEXT_BYTES", 1 << 20)
    (folder / MANIFEST).write_text(" " * (30 << 20) + (folder / MANIFEST).read_text())
    archive = pack(folder)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"'manifest\.json' of more than 1 MiB in .*package\.zip: copy it again"):
            unpack(archive)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_manifest_that_is_nested_too_deep_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text("[" * 100_000)
    for path in (folder, pack(folder)):
        with pytest.raises(ValueError, match=r"must be JSON, got one that is nested too deep in .*: build it again"):
            Deployment(path)


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 14)], ids=["encrypted", "LZMA"])
def test_an_archive_that_others_than_deflate_would_unpack_is_refused(folder: Path, offset: int, value: int) -> None:
    """Their decoders speak of passwords, or take as much memory as a file asks for."""
    archive = pack(folder)
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\x01\x02") + offset] = value
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"encrypted or packed by another method than deflate in .*: copy it again"):
        unpack(archive)


def test_a_damaged_archive_leaves_nothing(folder: Path) -> None:
    archive = pack(folder)
    content = bytearray(archive.read_bytes())
    at = content.index(b"PK\x03\x04", 4) + 200  # inside a stored file
    content[at] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="copy it again"):
        unpack(archive)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["deploy", "package.zip"]


def test_an_archive_of_other_content_is_refused(folder: Path) -> None:
    (folder / INTEGER).write_bytes(b"another network")  # after the manifest was written
    archive = pack(folder)
    with pytest.raises(ValueError, match=f"{INTEGER} must have sha256 .* copy it again"):
        unpack(archive)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["deploy", "package.zip"]


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_another_file_is_no_deployment(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"must be a folder or a whole \.zip archive with manifest\.json, got .*x\.zip"
    ):
        Deployment(tmp_path / "x.zip")


def test_a_folder_without_a_manifest_is_no_deployment(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"a deployment must hold {MANIFEST}, got none in"):
        Deployment(tmp_path)


@pytest.mark.parametrize("name", [INTEGER, CONTRACT])
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(ValueError, match=f"{name} must have sha256 [0-9a-f]{{12}}..., got .* unpack it again"):
        Deployment(folder).integer_graph()


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / INTEGER).unlink()
    with pytest.raises(ValueError, match=f"must hold {INTEGER}, which is missing: unpack it again"):
        Deployment(folder).integer_graph()


def test_what_was_not_built_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold standard\.onnx for this, but was built without it"):
        _ = Deployment(folder).onnx


CHANGES: list[tuple[Callable[[dict], object], str]] = [
    (lambda content: content.update(format="other"), "got 'other'"),
    (lambda content: content.pop("files"), "'files'"),
    (lambda content: content["files"].update(x="abc"), "got a digest that is none"),
    (lambda content: content.update(timing={"cycles": 3}), "unexpected keyword"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_broken_manifest_is_refused(folder: Path, change: Callable[[dict], object], message: str) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"must be of format auflow-deployment-2, .*{message}.*: build it again"):
        Deployment(folder)


def test_a_network_of_another_build_is_refused(folder: Path) -> None:
    contract = Contract.read(folder / CONTRACT)
    stream = replace(contract.input_stream, beats_per_frame=1024)
    replace(contract, input=replace(contract.input, shape=(32, 32, 3)), input_stream=stream).write(folder / CONTRACT)
    seal(folder)
    with pytest.raises(ValueError, match=r"must take frames of .*: use the files of one build"):
        Deployment(folder).integer_graph()


def test_a_library_for_another_computer_is_refused(folder: Path) -> None:
    manifest = Deployment(folder).manifest
    replace(manifest, simulation=Simulated("plan9-mips", (), ())).write(folder)
    with pytest.raises(ValueError, match=f"runs on plan9-mips, this computer is {sysconfig.get_platform()}"):
        Deployment(folder).simulation()


def test_a_changed_memory_file_beside_the_library_is_refused(folder: Path) -> None:
    """The library reads it when it starts: other weights would pass for the network's."""
    (folder / "sim").mkdir()
    for name in (LIBRARY, "sim/weights_0.dat"):
        (folder / name).write_bytes(b"as it was built")
    seal(folder)
    replace(Deployment(folder).manifest, simulation=Simulated(sysconfig.get_platform(), (), ())).write(folder)
    (folder / "sim/weights_0.dat").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"sim/weights_0\.dat must have sha256"):
        Deployment(folder).simulation()


def test_a_deployment_without_a_library_says_so(folder: Path) -> None:
    with pytest.raises(ValueError, match=f"must hold {LIBRARY} for this, but was built without it"):
        Deployment(folder).simulation()


@pytest.mark.parametrize("name", [LIBRARY, "sim/conv1_weights.dat"])
def test_a_simulation_whose_files_were_changed_is_refused(folder: Path, name: str) -> None:
    """Its memories are files beside it: with another one it would compute something else."""
    for file in (LIBRARY, "sim/conv1_weights.dat"):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text("as it was packed")
    seal(folder)
    manifest = Deployment(folder).manifest
    replace(manifest, simulation=Simulated(sysconfig.get_platform(), (), ())).write(folder)
    (folder / name).write_text("another one")
    with pytest.raises(ValueError, match=rf"{name} must have sha256 .*: unpack it again"):
        Deployment(folder, trusted=True).simulation()


def test_the_manifest_survives_a_round_trip(tmp_path: Path) -> None:
    manifest = Manifest("a", "w4a4", {"x": "0" * 64}, Timing(3, 2), Simulated("p", ("s",), ("f", "g")))
    manifest.write(tmp_path)
    assert Manifest.parse((tmp_path / MANIFEST).read_text(), tmp_path) == manifest


def test_a_disk_that_takes_no_more_is_named_and_nothing_is_left(folder: Path) -> None:
    archive = pack(folder)
    refused = pytest.raises(RuntimeError, match=r"cannot write .*package: File too large")
    with largest_file(10), refused:
        unpack(archive)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["deploy", "package.zip"]
