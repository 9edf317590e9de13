# SPDX-License-Identifier: Apache-2.0
"""Start `auflow live` and look at its page as a browser does, or only start it.

    python viewer.py FOLDER yes|no COMMAND...

COMMAND runs live.py in FOLDER, which is told to begin once both streams of the page are open. The exit status is the
command's, and 1 where no picture came.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 600.0
"""Of one answer of a program under qemu on a machine that others use too."""


def stream(port: int, path: str, begun: threading.Barrier, found: dict[str, int]) -> None:
    """Read a stream to its end, and note how many pictures or events it had."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    begun.wait()
    mark = b"X-Picture: " if path == "/picture" else b"data: "
    try:
        while line := answer.readline():
            found[path] += line.startswith(mark)
    except (OSError, HTTPException):  # the program has ended
        pass


def main(folder: Path, look: bool, command: list[str]) -> int:
    """Run the command, and look."""
    (folder / "go").unlink(missing_ok=True)
    found = {"/picture": 0, "/events": 0}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        port = urlsplit(running.stdout.readline().rpartition(" ")[2]).port
        if look and port is not None:
            begun = threading.Barrier(len(found) + 1)
            for path in found:
                threading.Thread(target=stream, args=(port, path, begun, found), daemon=True).start()
            begun.wait()
        (folder / "go").touch()
        running.stdout.read()
    return running.returncode or int(look and not all(found.values()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] == "yes", sys.argv[3:]))
