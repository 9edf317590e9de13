# SPDX-License-Identifier: Apache-2.0
"""The driver computes what the integer graph computes, and loads nothing that does not belong to its contract."""

import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from small import SIZE, UNITS, ZYNQ, ZYNQMP, expected, random_faces, small_board, small_contract, small_graph

from board.core.contract import Contract, StreamPacking
from board.core.files import sha256
from board.core.timing import TimingClosure
from board.driver import Driver, Pace
from board.driver.device import open_pynq
from board.driver.overlay import bitfile_part, check_overlay, handoff_part, same_part
from board.driver.shell import ODMA_BASE
from board.driver.transfer import UNKNOWN_PACE
from board.driver.watermark import Watermark
from board.emulator import EmulatedBoard, TimedAccelerator, write_overlay
from board.emulator.overlay import SHELL_BLOCKS, bitfile_content, processor_of


@pytest.fixture(params=[ZYNQ, ZYNQMP], ids=["zynq", "zynqmp"])
def overlay(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Contract]:
    return write_overlay(tmp_path, small_contract(request.param))


@pytest.fixture
def zynq(tmp_path: Path) -> tuple[Path, Contract]:
    return write_overlay(tmp_path, small_contract())


@pytest.fixture
def board(zynq: tuple[Path, Contract]) -> Iterator[EmulatedBoard]:
    with small_board(zynq[1]) as board:
        yield board


@pytest.mark.board
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # a buffer that is freed twice
def test_equals_the_integer_graph(overlay: tuple[Path, Contract], rng: np.random.Generator) -> None:
    bitfile, contract = overlay
    with small_board(contract) as board, Driver(bitfile, contract, frames=4) as driver:
        for count in (0, 1, 3, 4, 5, 8, 23):
            faces = random_faces(rng, count)
            results = driver.accumulators(faces)
            assert results.dtype == np.int64 and results.shape == (count, len(UNITS))
            np.testing.assert_array_equal(results, expected(faces))
        assert (driver.frames_done, board.fabric.written, board.loads) == (44, 44, 1)
    assert board.memory.used == 0


@pytest.mark.board
def test_batches_of_one(zynq: tuple[Path, Contract], board: EmulatedBoard, rng: np.random.Generator) -> None:
    faces = random_faces(rng, 5)
    with Driver(*zynq, frames=1) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))


@pytest.mark.board
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize(("bits", "signed"), [(18, True), (19, True), (24, True), (32, True)])
def test_packings(tmp_path: Path, rng: np.random.Generator, lanes: int, bits: int, signed: bool) -> None:
    stream = StreamPacking.of_frame(len(UNITS), lanes, bits, signed)
    contract = small_contract(output_stream=stream, accumulator=f"INT{bits}")
    bitfile, contract = write_overlay(tmp_path, contract)
    faces = random_faces(rng, 3) // 4  # fits 18 bits
    with small_board(contract), Driver(bitfile, contract, frames=2) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))


@pytest.mark.board
@pytest.mark.parametrize(("pace", "most"), [(Pace(4e-3, 1e-3), 1.02), (UNKNOWN_PACE, 1.08)], ids=["paced", "unpaced"])
def test_two_batches_are_in_flight(
    zynq: tuple[Path, Contract], rng: np.random.Generator, pace: Pace, most: float
) -> None:
    # one batch at a time would add the latency, four intervals, to each of the eight batches
    bitfile, contract = zynq
    latency, interval, count = 400_000, 100_000, 64
    accelerator = TimedAccelerator(small_graph(), contract, latency, interval)
    ideal_s = (latency + (count - 1) * interval) / 100e6
    with EmulatedBoard(contract, accelerator), Driver(bitfile, contract, frames=8, pace=pace) as driver:
        driver.accumulators(random_faces(rng, count))
        assert driver.last.frames == count
        assert ideal_s < driver.last.seconds < most * ideal_s


@pytest.mark.board
@pytest.mark.parametrize("count", [1, 8, 40])
def test_sleeps_until_results_are_due(
    zynq: tuple[Path, Contract], rng: np.random.Generator, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a batch needs 12 accesses: a look and four writes to start each DMA, a look to find it ended
    bitfile, contract = zynq
    accelerator = TimedAccelerator(small_graph(), contract, 400_000, 100_000)
    with EmulatedBoard(contract, accelerator) as board, Driver(bitfile, contract, pace=Pace(4e-3, 1e-3)) as driver:
        before = board.bus.accesses
        np.testing.assert_array_equal(driver.accumulators(faces := random_faces(rng, count)), expected(faces))
        batches = -(-count // 8)
        assert 12 * batches <= board.bus.accesses - before <= 14 * batches


@pytest.mark.board
def test_looks_become_rarer_where_nobody_knows_when(zynq: tuple[Path, Contract], rng: np.random.Generator) -> None:
    bitfile, contract = zynq
    accelerator = TimedAccelerator(small_graph(), contract, 40_000_000, 100_000)  # 0.4 s, 4000 times the shortest nap
    with EmulatedBoard(contract, accelerator) as board, Driver(bitfile, contract) as driver:
        before = board.bus.accesses
        driver.accumulators(random_faces(rng, 1))
        assert board.bus.accesses - before < 150 and driver.last.seconds < 0.4 + 0.02


@pytest.mark.board
def test_threads_take_turns(zynq: tuple[Path, Contract], rng: np.random.Generator) -> None:
    bitfile, contract = zynq
    faces = [random_faces(rng, 5) for _ in range(20)]
    with small_board(contract) as board, Driver(bitfile, contract, frames=2) as driver:
        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(driver.accumulators, faces))
        for got, given in zip(results, faces, strict=True):
            np.testing.assert_array_equal(got, expected(given))
        assert (driver.frames_done, board.loads) == (100, 1)


@pytest.mark.board
def test_one_driver_has_the_board(zynq: tuple[Path, Contract], board: EmulatedBoard) -> None:
    with Driver(*zynq):
        with pytest.raises(RuntimeError, match="the FPGA is in use by this process already: close that first"):
            Driver(*zynq)
        assert board.loads == 1
    assert board.memory.used == 0
    Driver(*zynq).close()


HOLD = """
import sys
from pathlib import Path
from board.core.lock import locked
with locked(Path(sys.argv[1]), "the FPGA"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.board
def test_another_program_has_the_board(zynq: tuple[Path, Contract], board: EmulatedBoard) -> None:
    from pynq.pl_server.device import Device

    lock = Device.active_device.lock
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(
            RuntimeError, match=rf"the FPGA is in use by process {other.pid} \(-c\): wait for it, or end"
        ):
            Driver(*zynq)
        assert board.loads == 0
        other.kill()
        other.wait()
    Driver(*zynq).close()  # a killed holder frees it
    assert board.loads == 1 and not lock.exists()


@pytest.mark.board
def test_a_driver_that_fails_gives_the_board_back(
    zynq: tuple[Path, Contract], board: EmulatedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(board.fabric, "reset", lambda: (_ for _ in ()).throw(OSError("no such device")))
        with pytest.raises(RuntimeError, match="the overlay must load, got no such device: power the board off and on"):
            Driver(*zynq)
    Driver(*zynq).close()


@pytest.mark.board
def test_sets_the_clock(tmp_path: Path) -> None:
    import pynq

    bitfile, contract = write_overlay(tmp_path, small_contract(clock_mhz=125.0))
    with small_board(contract), Driver(bitfile, contract):
        assert pynq.Clocks.fclk0_mhz == 125


@pytest.mark.board
def test_refuses_a_clock_that_the_board_cannot_make(tmp_path: Path) -> None:
    bitfile, contract = write_overlay(tmp_path, small_contract(clock_mhz=700.0))  # 1000 / 1 or 1000 / 2
    message = "needs a clock of 700 MHz, from 90% to 101% of it, got 1000 MHz: build for"
    with small_board(contract), pytest.warns(UserWarning), pytest.raises(RuntimeError, match=message):
        Driver(bitfile, contract)


@pytest.mark.board
def test_refuses_too_little_memory(zynq: tuple[Path, Contract]) -> None:
    bitfile, contract = zynq
    needed = 2 * 8 * (SIZE * SIZE * 3 + 9)
    with small_board(contract, contiguous_bytes=1 << 16) as board:
        message = (
            rf"batches of 8 frames need {needed} bytes of contiguous memory, got Allocate failed: \d+ \(.*\): close"
        )
        with pytest.raises(RuntimeError, match=message):
            Driver(bitfile, contract)
        assert board.memory.used == 0  # what fitted was given back
        Driver(bitfile, contract, frames=4).close()


@pytest.mark.board
def test_refuses_another_pynq(
    zynq: tuple[Path, Contract], board: EmulatedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pynq

    monkeypatch.setattr(pynq, "__version__", "4.0.0")
    with pytest.raises(RuntimeError, match=r"needs pynq 3.0 or 3.1 \(4.0 fails on Zynq-7000\), got 4.0.0: pip install"):
        Driver(*zynq)
    assert board.loads == 0


@pytest.mark.board
def test_refuses_a_machine_without_an_fpga(zynq: tuple[Path, Contract]) -> None:
    message = "needs a board that pynq knows, got no /sys/class/fpga_manager/fpga0: run on a board with a PYNQ image"
    with pytest.raises(RuntimeError, match=message):
        Driver(*zynq)


@pytest.mark.board
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": 0}, "need frames >= 1, got 0"),
        ({"timeout_s": 0}, "need timeout_s > 0, got 0"),
    ],
)
def test_refuses_arguments(zynq: tuple[Path, Contract], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Driver(*zynq, **arguments)


@pytest.mark.board
@pytest.mark.parametrize(
    "faces",
    [
        np.zeros((1, SIZE, SIZE, 3)),
        np.zeros((SIZE, SIZE, 3), np.uint8),
        np.zeros((1, SIZE, SIZE, 1), np.uint8),
    ],
)
def test_refuses_faces(zynq: tuple[Path, Contract], board: EmulatedBoard, faces: np.ndarray) -> None:
    with Driver(*zynq) as driver, pytest.raises(ValueError, match=r"need uint8 faces of shape \(N, \*\(48, 48, 3\)\)"):
        driver.accumulators(faces)


@pytest.mark.board
def test_a_closed_driver_says_so(zynq: tuple[Path, Contract], board: EmulatedBoard) -> None:
    driver = Driver(*zynq)
    driver.close()
    driver.close()
    with pytest.raises(RuntimeError, match="must be open, got a closed one"):
        driver.accumulators(np.zeros((1, SIZE, SIZE, 3), np.uint8))


Change = Callable[[Path, Contract], Contract]


def without_bitfile(bitfile: Path, contract: Contract) -> Contract:
    bitfile.unlink()
    return contract


def another_bitfile(bitfile: Path, contract: Contract) -> Contract:
    bitfile.write_bytes(bitfile.read_bytes() + b"more")
    return contract


def a_bitfile_for(part: str) -> Change:
    def change(bitfile: Path, contract: Contract) -> Contract:
        bitfile.write_bytes(bitfile_content(part, b"bits"))
        return replace(contract, bitfile_sha256=sha256(bitfile))

    return change


def no_bitfile(content: bytes) -> Change:
    def change(bitfile: Path, contract: Contract) -> Contract:
        bitfile.write_bytes(content)
        return replace(contract, bitfile_sha256=sha256(bitfile))

    return change


def without_handoff(bitfile: Path, contract: Contract) -> Contract:
    bitfile.with_suffix(".hwh").unlink()
    return contract


def handoff_with(old: str, new: str) -> Change:
    def change(bitfile: Path, contract: Contract) -> Contract:
        path = bitfile.with_suffix(".hwh")
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return contract

    return change


def wider(key: str, lanes: int) -> Change:
    def change(bitfile: Path, contract: Contract) -> Contract:
        stream = getattr(contract, key)
        changes: dict[str, Any] = {key: StreamPacking.of_frame(stream.elements, lanes, stream.bits, stream.signed)}
        return replace(contract, **changes)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_bitfile, "needs its bitfile, got none at .*accelerator.bit: build it with Vivado"),
        (another_bitfile, "the bitfile must have sha256 .*, got .*: use the files of one build"),
        (lambda _, contract: replace(contract, bitfile_sha256=None), "was built without a bitfile"),
        (a_bitfile_for("xc7z010clg400-1"), "the bitfile must be for part xc7z020clg400-1, got 7z010clg400 in"),
        (a_bitfile_for(ZYNQMP), "the bitfile must be for part xc7z020clg400-1, got xczu3eg-sbva484-1-e in"),
        (no_bitfile(b""), "must name its part in a header, got none in"),
        (no_bitfile(b"\0\x09bits"), "must name its part in a header, got none in"),
        (no_bitfile(bytes(100)), "must name its part in a header, got none in"),
        (without_handoff, "needs its hardware handoff, got none at .*accelerator.hwh: copy the .hwh"),
        (handoff_with("<EDKSYSTEM", "EDKSYSTEM"), "must be XML, got .*accelerator.hwh: copy it again"),
        (handoff_with("UTF-8", "ATF-8"), "must be XML, got .*accelerator.hwh: copy it again"),
        (handoff_with("7z020", "7z010"), "the hardware handoff must be for part xc7z020clg400-1, got 7z010clg400 in"),
        (handoff_with("SYSTEMINFO", "OTHERINFO"), "the hardware handoff must be for part .*, got None in"),
        (
            handoff_with('FULLNAME="/idma0" INSTANCE="idma0"', 'FULLNAME="/dma" INSTANCE="dma"'),
            "must have AUFlow's shell0, or FINN's idma0 with an AXI-lite port, got none",
        ),
        (
            handoff_with('FULLNAME="/odma0" INSTANCE="odma0"', 'FULLNAME="/two/idma0" INSTANCE="odma0"'),
            "must have AUFlow's shell0, or FINN's idma0 with an AXI-lite port, got idma0, two/idma0 in",
        ),
        (
            handoff_with('HIGHVALUE="0x43c1ffff" INSTANCE="odma0"', 'HIGHVALUE="0x43c1ffff" INSTANCE="dma"'),
            "must have AUFlow's shell0, or FINN's odma0 with an AXI-lite port, got one without in",
        ),
        (handoff_with('NAME="m_axis_0"', 'NAME="m"'), "m_axis_0 of idma0 must carry .* 3 bytes per beat, got None in"),
        (wider("input_stream", 6), "m_axis_0 of idma0 must carry the contract's 6 bytes per beat, got 3 in"),
        (wider("output_stream", 3), "s_axis_0 of odma0 must carry the contract's 8 bytes per beat, got 3 in"),
    ],
)
def test_refuses_what_is_not_of_one_build(zynq: tuple[Path, Contract], change: Change, message: str) -> None:
    bitfile, contract = zynq
    check_overlay(bitfile, contract)
    contract = change(bitfile, contract)
    with pytest.raises(ValueError, match=message) as caught:
        check_overlay(bitfile, contract)
    assert "\n" not in str(caught.value)


NAMES = {
    "as FINN's shell has them": ("idma0", "odma0"),
    "in a hierarchy": ("shell/idma0", "shell/odma0"),
    "in two hierarchies": ("in/dma/idma0", "out/odma0"),
    "otherwise": ("StreamingDataflowPartition_0", "StreamingDataflowPartition_2"),
}


@pytest.mark.board
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_the_dmas_are_found_whatever_the_handoff_calls_them(
    zynq: tuple[Path, Contract], board: EmulatedBoard, rng: np.random.Generator, names: tuple[str, str]
) -> None:
    bitfile, contract = zynq
    rename_dmas(bitfile.with_suffix(".hwh"), names)
    assert tuple(check_overlay(bitfile, contract).values()) == names
    faces = random_faces(rng, 3)
    with Driver(bitfile, contract) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_a_dma_has_the_path_that_pynq_knows_it_by(zynq: tuple[Path, Contract], names: tuple[str, str]) -> None:
    bitfile, contract = zynq
    rename_dmas(bitfile.with_suffix(".hwh"), names)
    assert check_overlay(bitfile, contract) == dict(zip(("idma0", "odma0"), names, strict=True))


def rename_dmas(handoff: Path, names: tuple[str, str]) -> None:
    """Write a handoff as Vivado does for these paths: INSTANCE has `_` for each `/`, FULLNAME the whole path."""
    tree = ElementTree.parse(handoff)
    for old, name in zip(("idma0", "odma0"), names, strict=True):
        for element in tree.getroot().iter():
            if element.get("FULLNAME") == f"/{old}":
                element.set("FULLNAME", f"/{name}")
            if element.get("INSTANCE") == old:
                element.set("INSTANCE", name.replace("/", "_"))
    tree.write(handoff)


def test_a_shell_is_found_beside_what_it_watches(tmp_path: Path) -> None:
    bitfile, bound = write_overlay(tmp_path, small_contract(), SHELL_BLOCKS)
    with pytest.raises(
        ValueError, match=r"an overlay with AUFlow's shell needs what .*shell\.json: copy it from the same"
    ):
        check_overlay(bitfile, bound)
    (tmp_path / "shell.json").write_text('{"streams": [], "fifos": []}')
    assert check_overlay(bitfile, bound) == {"shell0": "shell0"}


@pytest.mark.board
@pytest.mark.parametrize("part", [ZYNQ, ZYNQMP])
def test_pynq_calls_the_shell_by_its_name(tmp_path: Path, part: str) -> None:
    bitfile, contract = write_overlay(tmp_path, small_contract(part), SHELL_BLOCKS)
    with small_board(contract):
        overlay = open_pynq().Overlay(str(bitfile))
    assert overlay.shell0.mmio.base_addr == processor_of(contract.part).base
    assert overlay.shell0.mmio.length == 1 << 16 > ODMA_BASE


@pytest.mark.board
def test_a_foreign_overlay_is_not_loaded(zynq: tuple[Path, Contract], board: EmulatedBoard) -> None:
    another_bitfile(*zynq)
    with pytest.raises(ValueError, match="must have sha256"):
        Driver(*zynq)
    assert board.loads == 0


@pytest.mark.parametrize(
    ("found", "part", "same"),
    [
        ("7z020clg400", "xc7z020clg400-1", True),
        ("7z020clg484", "xc7z020clg400-1", False),
        ("xczu3eg-sbva484-1-e", "xczu3eg-sbva484-1-e", True),
        ("xck26sfvc784", "xck26-sfvc784-2LV-c", True),
        ("", "xc7z020clg400-1", False),
        (None, "xc7z020clg400-1", False),
    ],
)
def test_parts(found: str | None, part: str, same: bool) -> None:
    assert same_part(found, part) == same


@pytest.mark.board
@pytest.mark.parametrize(("name", "part"), [("resizer", "xc7z020clg400-1"), ("rfsoc_sam", "xczu48dr-ffvg1517-2-e")])
def test_reads_the_part_as_vivado_writes_it(name: str, part: str) -> None:
    import pynqmetadata

    path = Path(pynqmetadata.__file__).parent / "tests" / "hwhs" / f"{name}.hwh"
    if not path.is_file():
        pytest.skip(f"this pynqmetadata comes without {name}.hwh")
    assert same_part(handoff_part(ElementTree.parse(path).getroot()), part)


def test_reads_the_part_of_a_bitfile(tmp_path: Path) -> None:
    path = tmp_path / "a.bit"
    path.write_bytes(bitfile_content("xc7z020clg400-1", b"bits"))
    assert bitfile_part(path) == "7z020clg400"


@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize(
    "stream", [StreamPacking.of_frame(3, 1, 20, True), StreamPacking.of_frame(4, 2, 8, False)], ids=["padded", "full"]
)
def test_watermarks_count_what_came(stream: StreamPacking, high: bool) -> None:
    mark = Watermark(stream, high)
    frames = np.zeros((4, stream.frame_bytes), np.uint8)
    mark.fill(frames)
    assert (mark.whole_frames(frames), mark.moved_bytes(frames)) == (0, 0)
    frames[:2] = 0x12
    assert (mark.whole_frames(frames), mark.moved_bytes(frames)) == (2, 2 * stream.frame_bytes)
    frames[2, 0] = 0x12  # torn
    assert (mark.whole_frames(frames), mark.moved_bytes(frames)) == (2, 2 * stream.frame_bytes + 1)
    frames[:] = 0x12
    assert mark.whole_frames(frames) == 4


def test_padding_is_marked() -> None:
    stream = StreamPacking.of_frame(3, 1, 20, True)
    beats = [Watermark(stream, high).beat.tobytes()[::-1].hex() for high in (False, True)]
    assert beats == ["f80000", "f7ffff"]


def test_no_result_looks_like_both_watermarks() -> None:
    stream = StreamPacking.of_frame(2, 1, 16, True)
    low, high = (Watermark(stream, high).beat for high in (False, True))
    assert stream.lane_rule.unpack(low[None]) == -(1 << 15) and stream.lane_rule.unpack(high[None]) == (1 << 15) - 1


def test_the_driver_says_that_pynq_is_missing(zynq: tuple[Path, Contract], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(RuntimeError, match=r"the FPGA needs pynq and XRT, got .*: on a PYNQ image run it with"):
        Driver(*zynq)


@pytest.mark.board
def test_says_what_the_clock_is(
    zynq: tuple[Path, Contract], board: EmulatedBoard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "auflow.driver")
    Driver(*zynq).close()
    assert "the clock is 100 MHz" in caplog.text


TIMED = TimingClosure("Vivado 2022.2", "Performance_ExtraTimingOpt", 0.412, 0.018, 3.75, 0, 0, {"clk_out1": 99.999})


@pytest.mark.board
@pytest.mark.parametrize(
    ("timing", "level", "said"),
    [
        (None, logging.INFO, "nothing is known of this bitfile's timing"),
        (TIMED, logging.INFO, r"timing is met, worst slack 0.412 ns \(Vivado 2022.2, .*, clk_out1 99.999 MHz\)"),
        (
            replace(TIMED, worst_setup_slack_ns=-0.2, failing_endpoints=3),
            logging.WARNING,
            "TIMING IS NOT MET: worst slack -0.2 ns .*, 3 failing endpoints, .*: the FPGA may compute wrong results",
        ),
    ],
)
def test_says_at_load_whether_timing_is_met(
    zynq: tuple[Path, Contract],
    board: EmulatedBoard,
    caplog: pytest.LogCaptureFixture,
    timing: TimingClosure | None,
    level: int,
    said: str,
) -> None:
    caplog.set_level(logging.INFO, "auflow.driver")
    bitfile, contract = zynq
    Driver(bitfile, replace(contract, timing=timing)).close()
    told = [(record.levelno, record.message) for record in caplog.records]
    assert any(number == level and re.search(said, text) for number, text in told), told
