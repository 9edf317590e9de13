# SPDX-License-Identifier: Apache-2.0
"""The driver on pynq's own device, not on ours; `test_pynq_image.py` runs this file in a process of its own.

pynq reads its environment when it is imported, so the image is booted first.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pynq_image import MANAGER, Image

IMAGE = Image(Path(tempfile.mkdtemp(prefix="auflow-image-")))
IMAGE.boot()

from small import expected, random_faces, small_board, small_contract  # noqa: E402

from board.core.contract import Contract  # noqa: E402
from board.driver import Driver, Pace, device  # noqa: E402
from board.emulator import EmulatedBoard, NeverEnds, ReportsError, write_overlay  # noqa: E402
from board.emulator.overlay import bitfile_content  # noqa: E402


def binary(bitfile: Path) -> bytes:
    """What the kernel needs of a bitfile: its data without the header, in words of the other byte order."""
    content = bitfile.read_bytes()
    words = np.frombuffer(content[-64:], ">u4")
    return words.astype("<u4").tobytes()


class Machine:
    """The image with an overlay, and a board behind it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        import pynq
        from pynq.pl_server.device import Device

        self.bitfile, self.contract = write_overlay(folder, small_contract())
        self.board: EmulatedBoard = small_board(self.contract, **settings)
        IMAGE.board = self.board
        IMAGE.designs = {binary(self.bitfile): self.board.load}
        IMAGE.loads.clear()
        IMAGE.xrt.present, IMAGE.xrt.fails, IMAGE.xrt.loaded = True, 0, None
        for place, name in ((Device, "_active_device"), (Device, "_devices"), (pynq.Clocks, "_real_instance")):
            if name in vars(place):
                delattr(place, name)
        monkeypatch.setattr(pynq.Clocks, "device", None, raising=False)
        monkeypatch.setattr(device, "FPGA_MANAGER", IMAGE.root / MANAGER)
        monkeypatch.setattr(device, "LOCK", IMAGE.root / "lock")
        monkeypatch.setattr(os, "geteuid", lambda: 0)  # a board's programs are root's
        monkeypatch.chdir(folder)
        self.device = Device

    def driver(self, **settings: Any) -> Driver:
        """Our driver, with the board's time."""
        return Driver(self.bitfile, self.contract, clock=self.board.clock, **settings)

    def stranger(self, folder: Path) -> Path:
        """Another program's overlay, loaded by pynq, of which we know nothing."""
        from pynq import Overlay

        bitfile, _ = write_overlay(folder, self.contract)
        bitfile.write_bytes(bitfile_content(self.contract.part, b"s" * 64))
        IMAGE.designs[binary(bitfile)] = self.board.fabric.reset
        Overlay(str(bitfile))
        return bitfile


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    yield Machine(tmp_path / "deploy", monkeypatch)
    for path in (IMAGE.root / "state").iterdir():
        path.unlink()


def test_loads_streams_and_gives_everything_back(machine: Machine, rng: np.random.Generator) -> None:
    faces = random_faces(rng, 20)
    with machine.driver(pace=Pace(3e-4, 7e-5)) as driver:
        assert type(machine.device.active_device).__name__ == "EmbeddedDevice"
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
        assert IMAGE.loads == ["accelerator.bin"] and machine.board.loads == 1
        assert len(IMAGE.xrt.bos) == 4 and (IMAGE.root / "lock").exists()
    assert machine.board.memory.used == 0 and IMAGE.xrt.bos == {} and not (IMAGE.root / "lock").exists()
    assert {path.name for path in machine.bitfile.parent.iterdir()} == {"accelerator.bit", "accelerator.hwh"}


def test_loads_again_after_a_fault(machine: Machine, rng: np.random.Generator) -> None:
    machine.board.fabric._faults += [NeverEnds(6), ReportsError(11)]
    faces = random_faces(rng, 20)
    with machine.driver(timeout_s=0.02) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
    assert machine.board.loads == 3 and machine.board.memory.used == 0


def test_loads_its_own_bitfile_whatever_lies_in_the_firmware_folder(machine: Machine, rng: np.random.Generator) -> None:
    machine.board.fabric._faults.append(NeverEnds(6))
    faces = random_faces(rng, 8)
    with machine.driver(timeout_s=0.02) as driver:
        (IMAGE.root / "lib/firmware/accelerator.bin").write_bytes(b"another design of the same name")
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))


def test_another_programs_overlay_is_left_alone(machine: Machine, tmp_path: Path, rng: np.random.Generator) -> None:
    driver = machine.driver()
    bitfile = machine.stranger(tmp_path / "base")
    loads = list(IMAGE.loads)
    before = machine.board.bus.accesses
    message = f"the FPGA must hold this accelerator, got {bitfile}, which another program loaded: end that program"
    with pytest.raises(RuntimeError, match=message):
        driver.accumulators(random_faces(rng, 1))
    driver.close()
    assert machine.board.bus.accesses == before and IMAGE.loads == loads and machine.board.memory.used == 0


def test_another_program_loads_in_mid_transfer(machine: Machine, tmp_path: Path, rng: np.random.Generator) -> None:
    class Busy:
        """The board's clock; in the first nap another program comes."""

        def __init__(self) -> None:
            self.came = False

        def monotonic(self) -> float:
            return machine.board.clock.monotonic()

        def sleep(self, seconds: float, /) -> None:
            machine.board.clock.sleep(seconds)
            if self.came and not (tmp_path / "base").exists():
                machine.stranger(tmp_path / "base")

    clock = Busy()
    with Driver(machine.bitfile, machine.contract, clock=clock) as driver:
        clock.came = True
        with pytest.raises(RuntimeError, match=r"got .*base/accelerator.bit, which another program loaded"):
            driver.accumulators(random_faces(rng, 8))


def test_a_changed_handoff_is_read(machine: Machine, rng: np.random.Generator) -> None:
    # pynq takes the handoff that it has pickled for that of the same bitfile
    machine.driver().close()
    handoff = machine.bitfile.with_suffix(".hwh")
    text = handoff.read_text()
    handoff.write_text(text.replace("0x43c", "0x43d"))
    peripherals = machine.board._peripherals
    for base in (0x43C00000, 0x43C10000):
        peripherals[base + 0x100000] = peripherals.pop(base)
    machine.board.load = lambda: machine.board.fabric.reset()  # type: ignore[method-assign]
    IMAGE.designs = dict.fromkeys(IMAGE.designs, machine.board.load)
    faces = random_faces(rng, 3)
    with machine.driver() as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))


@pytest.mark.parametrize("what", ["deleted", "damaged"])
def test_notes_of_an_overlay_that_is_gone_do_not_stop_pynq(machine: Machine, tmp_path: Path, what: str) -> None:
    machine.driver().close()
    (note,) = (IMAGE.root / "state").glob("*.json")
    other, machine.contract = write_overlay(tmp_path / "new", machine.contract)
    if what == "deleted":
        for path in machine.bitfile.parent.iterdir():
            path.unlink()
    else:
        note.write_text('{"bitfile_na')
    machine.bitfile = other
    machine.driver().close()


def test_needs_root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        RuntimeError, match=r"the FPGA needs root, got user 1000: on a PYNQ image run it with `sudo -E`"
    ):
        machine.driver()
    assert IMAGE.loads == [] and not (IMAGE.root / "lock").exists()


def test_pynq_itself_needs_root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(OSError, match="Root permissions required"):
        machine.device.active_device.mmap(0x43C00000, 4)


def test_needs_zocl(machine: Machine) -> None:
    IMAGE.xrt.present = False
    with pytest.raises(RuntimeError, match=r"XRT needs the kernel driver zocl, got Could not .*: boot the kernel of"):
        machine.driver()
    assert not (IMAGE.root / "lock").exists()


def test_needs_xclbinutil(machine: Machine) -> None:
    program = IMAGE.root / "bin/xclbinutil"
    text = program.read_bytes()
    for broken, said in (
        (None, "No such file or directory: 'xclbinutil'"),
        (b"#!/bin/sh\necho bad; exit 1\n", "failed: bad"),
    ):
        if broken is None:
            program.unlink()
        else:
            program.write_bytes(broken)
            program.chmod(0o755)
        try:
            with pytest.raises(RuntimeError, match=f"pynq needs XRT's programs on PATH, got .*{said}: on a PYNQ image"):
                machine.driver()
        finally:
            program.write_bytes(text)
            program.chmod(0o755)


@pytest.mark.parametrize("error", [-16, -1])
def test_says_that_xrt_has_another_user(machine: Machine, error: int) -> None:
    IMAGE.xrt.fails = error
    with pytest.raises(RuntimeError, match=r"the FPGA must be free, got .*: end the program that"):
        machine.driver()


def test_a_bitstream_that_the_kernel_refuses(machine: Machine) -> None:
    IMAGE.designs.clear()
    with pytest.raises(
        RuntimeError, match=r"the overlay must load, got .*Invalid argument: power the board off and on"
    ):
        machine.driver()


def test_a_full_disk(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RuntimeError, match=r"pynq writes /lib/firmware and its own folder, got .*: make room there"):
        machine.driver()


def test_too_little_contiguous_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch, contiguous_bytes=1 << 16)
    with pytest.raises(
        RuntimeError, match=r"batches of 8 frames need \d+ bytes of contiguous memory, got .*: close notebooks"
    ):
        machine.driver()
    assert machine.board.memory.used == 0 and IMAGE.xrt.bos == {}


def test_a_file_of_the_users_is_not_deleted(machine: Machine) -> None:
    Path("loaded.xclbin").write_text("mine")  # pynq 3.1 overwrites it
    machine.driver().close()
    assert Path("loaded.xclbin").exists()


def test_the_contract_is_checked_first(machine: Machine) -> None:
    machine.bitfile.write_bytes(machine.bitfile.read_bytes() + b"more")
    with pytest.raises(ValueError, match="the bitfile must have sha256"):
        machine.driver()
    assert isinstance(machine.contract, Contract) and IMAGE.loads == []
