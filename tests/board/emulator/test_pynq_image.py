# SPDX-License-Identifier: Apache-2.0
"""pynq's own device, from EmbeddedDevice down to files, programs and libraries, in processes that import pynq anew."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.board
OPEN = """
import os
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from pynq_image import MANAGER, Image
from board.driver import device

image = Image(Path(sys.argv[1]))
device.FPGA_MANAGER = image.root / MANAGER
os.geteuid = lambda: 0  # a board's programs are root's
{broken}
try:
    device.open_pynq()
except RuntimeError as error:
    print(error)
"""
NO_LIBRARY = "(image.root / 'xrt/lib/libxrt_core.so').unlink()"
NO_PROGRAM = "(image.root / 'bin/xbutil').unlink()"
BOOT = """
try:
    image.boot()
except OSError:
    pass
"""
NO_PYXRT = """
import os
os.environ["XILINX_XRT"] = "/usr"
isfile = os.path.isfile
os.path.isfile = lambda path: isfile(image.path(path))
"""
MISSING, SHELL = "No such file or directory", "on a PYNQ image run it with `sudo -E` from a login shell"


def test_the_driver_on_pynqs_own_device() -> None:
    cases = Path(__file__).with_name("on_a_pynq_image.py")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cases], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout
    assert "skipped" not in run.stdout


@pytest.mark.parametrize(
    ("broken", "pynq", "said"),
    [
        ("", "3", f"the FPGA needs a board that pynq knows, got no XILINX_XRT, which plain sudo drops: {SHELL}"),
        (NO_LIBRARY + BOOT, "3.0", f"libxrt_core.so: cannot open shared object file: {MISSING}: {SHELL}"),
        (NO_PROGRAM + BOOT, "3.0", f"{MISSING}: 'xbutil': {SHELL}"),
        (NO_PYXRT, "3.1", f"needs pynq and XRT, got No module named 'pyxrt': {SHELL}"),
    ],
    ids=["no XILINX_XRT", "no library", "no program", "no pyxrt"],
)  # fmt: skip
def test_says_why_pynq_sees_no_board(tmp_path: Path, broken: str, pynq: str, said: str) -> None:
    if not version("pynq").startswith(pynq):
        pytest.skip(f"of pynq {pynq}")
    paths = [path for path in sys.path if path]
    environment = {key: value for key, value in os.environ.items() if key != "XILINX_XRT"}
    run = subprocess.run(
        [sys.executable, "-c", OPEN.format(broken=broken), tmp_path / "image", *paths],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert said in run.stdout and run.stdout.count("\n") == 1 and run.stderr == ""
