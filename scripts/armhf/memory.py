# SPDX-License-Identifier: Apache-2.0
"""Run a program of 32-bit ARM under qemu and write its peak resident memory, without qemu's own.

    python memory.py OUT.json COMMAND...

COMMAND starts one qemu-arm with `-B` BASE, as armhf_based of root.sh does, so that all memory of the guest lies in the
4 GiB from there on; what lies elsewhere in the process is qemu's. The kernel tells what is resident of each mapping; it
is asked every PERIOD_S, which is a few milliseconds of a program that runs tens of times slower than on a board.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

PERIOD_S = 0.05
BASE = 0x100000000


def descendants(process: int) -> list[int]:
    """Numbers of a process and all that it started."""
    found = [process]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def resident_kb(process: int) -> tuple[int, int]:
    """Resident kB of the guest's memory and of the rest of its process."""
    guest = own = 0
    inside = False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        first, *rest = line.split()
        if first == "Rss:":
            guest, own = (guest + int(rest[0]), own) if inside else (guest, own + int(rest[0]))
        elif not first.endswith(":"):
            inside = BASE <= int(first.partition("-")[0], 16) < BASE + (1 << 32)
    return guest, own


def main(out: Path, command: list[str]) -> int:
    """Run the command, and write the peaks of guest and qemu as JSON; the command's exit status."""
    peak = own = 0
    with subprocess.Popen(command) as running:
        while running.poll() is None:
            began = time.perf_counter()
            for process in descendants(running.pid):
                try:
                    now = resident_kb(process)
                except OSError:  # it ended
                    continue
                peak, own = max(peak, now[0]), max(own, now[1])
            time.sleep(max(PERIOD_S, 5 * (time.perf_counter() - began)))  # asking takes a while too
    out.write_text(json.dumps({"peak_mb": round(peak / 1024, 1), "qemu_mb": round(own / 1024, 1)}) + "\n")
    return running.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
