# SPDX-License-Identifier: Apache-2.0
"""pynq's device: what a board must have for it, what it remembers wrongly, and what its failures mean."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board.driver.interrupt import Line, open_line
from board.driver.transfer import Clock

FPGA_MANAGER = Path("/sys/class/fpga_manager/fpga0")
"""Where Linux shows an FPGA that it can configure."""
LOCK = Path("/run/lock/auflow-fpga.lock")
"""Held by the process that has the FPGA."""
PYNQ_VERSIONS = r"3\.[01]\."
SHELL = "on a PYNQ image run it with `sudo -E` from a login shell"
POWER = "power the board off and on"

_MEANINGS = (
    (r"xclbinutil|xbutil", f"pynq needs XRT's programs on PATH, got {{}}: {SHELL}"),
    (r"Could not (lock|open) device", "XRT needs the kernel driver zocl, got {}: boot the kernel of the PYNQ image"),
    (r"EBUSY|resource busy", "the FPGA must be free, got {}: end the program that uses it"),
    (
        r"still allocated|xclbin: Operation not permitted",
        "the FPGA must be free, got {}: end the program that holds pynq buffers",
    ),
    (r"No space left|Read-only", "pynq writes /lib/firmware and its own folder, got {}: make room there"),
)
"""What a failure of pynq's to load an overlay says, and what it means."""


@dataclass(frozen=True)
class Pynq:
    """The parts of pynq that are used, on its active device.

    Attributes:
        device: What pynq drives.
        Overlay: Class of overlays.
        Clocks: The board's clocks.
        allocate: Gives contiguous memory.
        clock: Time, which an emulated board has of its own.
        lock: See LOCK; an emulated board has its own.
        open_line: Opens the interrupt line from the FPGA of a part, None where there is none.
    """

    device: Any
    Overlay: Any
    Clocks: Any
    allocate: Any
    clock: Clock
    lock: Path
    open_line: Callable[[str], Line | None]


def open_pynq() -> Pynq:
    """pynq, of a version that works, on a machine with a device; imported here, since most machines lack it.

    Raises:
        RuntimeError: Something is missing; the text says what.
    """
    try:
        import pynq
        from pynq.pl_server.device import Device
    except ImportError as error:
        raise RuntimeError(f"the FPGA needs pynq and XRT, got {error}: {SHELL}, whose Python has both") from None
    except OSError as error:  # XRT's library, or its xbutil
        raise RuntimeError(f"pynq needs XRT where XILINX_XRT says, got {error}: {SHELL}") from None
    if not re.match(PYNQ_VERSIONS, pynq.__version__):
        raise RuntimeError(
            f"the FPGA needs pynq 3.0 or 3.1 (4.0 fails on Zynq-7000), got {pynq.__version__}: pip install pynq==3.1.2"
        )
    emulated = hasattr(getattr(Device, "_active_device", None), "clock")
    if not emulated and FPGA_MANAGER.exists() and (user := os.geteuid()):
        raise RuntimeError(f"the FPGA needs root, got user {user}: {SHELL}")
    device = _device(Device)
    clock, lock, line = (device.clock, device.lock, device.open_line) if emulated else (time, LOCK, open_line)
    return Pynq(device, pynq.Overlay, pynq.Clocks, pynq.allocate, clock, lock, line)


def _device(devices: Any) -> Any:
    """The active one of pynq's devices."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pynq's own guess at what follows
            return devices.active_device
    except (RuntimeError, OSError) as error:
        if not FPGA_MANAGER.exists():
            why, remedy = f"no {FPGA_MANAGER}", "run on a board with a PYNQ image"
        elif "pynq.pl_server.embedded_device" not in sys.modules:
            why, remedy = "no XILINX_XRT, which plain sudo drops", SHELL
        else:
            raise RuntimeError(loading_failed(error)) from error
        raise RuntimeError(f"the FPGA needs a board that pynq knows, got {why}: {remedy}") from None


def loading_failed(error: Exception) -> str:
    """What it means that pynq could not open or load something, and what to do."""
    said = " ".join(str(error).split()) or type(error).__name__
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, said):
            return meaning.format(said)
    return f"the overlay must load, got {said}: {POWER}"


def forget_metadata() -> None:
    """Delete what pynq remembers of overlays where it would mislead.

    pynq (3.0, 3.1) keeps a parsed handoff and takes it for that of any bitfile of the same digest, or in 3.0 the same
    path, also when the handoff has changed. And it fails for every overlay once the last bitfile has been deleted.
    """
    from pynq.pl_server import global_state

    folder = Path(global_state.STATE_DIR)
    (folder / "_current_metadata.pkl").unlink(missing_ok=True)
    for path in _states():
        try:
            known = Path(json.loads(path.read_text())["bitfile_name"]).is_file()
        except (ValueError, KeyError, TypeError):  # as a power cut leaves it
            known = False
        if not known:
            path.unlink()


def loaded_overlay() -> tuple[str, str]:
    """What pynq says is in the FPGA: the bitfile, and a text that is another one after every loading."""
    for path in _states():
        try:
            text = path.read_text()
            return str(json.loads(text)["bitfile_name"]), text
        except (OSError, ValueError, KeyError, TypeError):  # another program is just writing it
            return "another overlay", ""
    return "none", ""


def contiguous_memory() -> str:
    """How much of the kernel's contiguous memory (CMA) is free, in words."""
    sizes = dict(re.findall(r"^(Cma\w+): +(\d+ kB)", Path("/proc/meminfo").read_text(), re.MULTILINE))
    return f"{sizes['CmaFree']} of {sizes['CmaTotal']} free" if "CmaFree" in sizes else "no CMA in /proc/meminfo"


def _states() -> list[Path]:
    """pynq's notes of what it loaded last: one file where there is any."""
    from pynq.pl_server import global_state

    return sorted(Path(global_state.STATE_DIR).glob("global_pl_state*.json"))
