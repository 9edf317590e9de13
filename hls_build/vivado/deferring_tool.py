# SPDX-License-Identifier: Apache-2.0
"""What FINN+'s steps call as `vivado` or `vitis_hls` while a project is written: the call is noted for later.

    deferring_tool.py NOTES TOOL ARGUMENTS...

Appends one JSON line (tool, folder, arguments) to NOTES and leaves empty files where FINN+ looks for results. FINN+
names no more of them than these, and later steps of it only need them to exist.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def results(script: str) -> list[str]:
    """Files that FINN+ looks for after a script was run, relative to the script's folder where they are."""
    if name := re.search(r"^set config_proj_name (\S+)$", script, re.MULTILINE):
        return [f"{name[1]}/sol1/impl/ip/component.xml"]
    if wrapper := re.search(r"^add_files -norecurse (\S+_wrapper\.v)\nset_property top ", script, re.MULTILINE):
        return [wrapper[1]]
    if name := re.search(r"^create_project (\S+) \./", script, re.MULTILINE):
        return [f"{name[1]}.runs/impl_1/top_wrapper.bit", f"{name[1]}.gen/sources_1/bd/top/hw_handoff/top.hwh"]
    raise ValueError("a script of FINN+ must name its project, got one that does not")


def main(notes: str, tool: str, *arguments: str) -> None:
    """Note a call and leave what FINN+ looks for."""
    with Path(notes).open("a") as file:
        file.write(json.dumps({"tool": tool, "folder": str(Path.cwd()), "arguments": arguments}) + "\n")
    for result in map(Path, results(Path(arguments[-1]).read_text())):
        result.parent.mkdir(parents=True, exist_ok=True)
        result.touch()


if __name__ == "__main__":
    main(*sys.argv[1:])
