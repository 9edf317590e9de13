# SPDX-License-Identifier: Apache-2.0
"""Run a Vivado project to its bitstream, and say in one sentence what went wrong where it does not get there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from hls_build.vivado.tools import Tools

LAST_WORDS = 3
"""Error lines that a sentence repeats; the first are the cause, what follows is their effect."""
PREFIX = "AUFlow: "


def run(project: Path, tools: Tools, tell: Callable[[str], None]) -> Path:
    """Build a project; steps that an earlier run finished are not done again.

    Args:
        project: Its unpacked folder.
        tools: Found on PATH.
        tell: Gets a line for every step.

    Returns:
        Folder of bitfile, handoff and reports.

    Raises:
        RuntimeError: A tool failed; its logs are kept.
    """
    command = [str(tools.vivado), "-mode", "batch", "-nojournal", "-log", "build.log", "-source", "build.tcl"]
    output = project / "build.out"
    failure = ""
    with output.open("w") as kept:
        process = subprocess.Popen(
            command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.write(line)
                if line.startswith(PREFIX):
                    tell(line.removeprefix(PREFIX).rstrip())
                elif line.startswith("AUFlow failed: "):
                    failure = line.removeprefix("AUFlow failed: ").strip()
        finally:
            process.terminate()  # where reading was interrupted; else it has ended
            status = process.wait()
    if failure or status:
        raise RuntimeError(_sentence(failure, status, output))
    return project / "result"


def _sentence(failure: str, status: int, output: Path) -> str:
    """What failed, with the last words of its log."""
    if not failure:
        return f"Vivado ended with status {status}: {last_words(output)} (log {output}); then go on with --resume"
    if at := re.fullmatch(r"(.*), see (\S.*)", failure):
        return f"{at[1]} failed: {last_words(Path(at[2]))} (log {at[2]}); then go on with --resume"
    return f"the Vivado project {failure}"


def last_words(log: Path) -> str:
    """The errors that a tool's log ends with, or its last line where it crashed without one."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    errors = [line for line in lines if re.match(r"(ERROR|FATAL|Abnormal program termination)\b", line, re.IGNORECASE)]
    return "; ".join(errors[-LAST_WORDS:] or lines[-1:])
