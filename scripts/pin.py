# SPDX-License-Identifier: Apache-2.0
"""Write requirements/hashes/*.txt, or check that every pin has digests there; scripts/pin.sh runs it with pip-tools."""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
HASHES = REQUIREMENTS / "hashes"
HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# Written by scripts/pin.sh: the pins of requirements/{name} with the sha256 of every file of each release.
"""
CPU_NOTE = """\
# torch's build for the CPU is in no common index: PyTorch's own has it. Known is the one for Python 3.11 on x86-64. For
# another one scripts/setup.sh takes AUFLOW_TORCH=unchecked, or AUFLOW_TORCH=any for the build of the common index.
"""
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([\w.+!]+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    """Version by name of everything that a file of requirements pins."""
    return dict(PIN.findall(path.read_text()))


def listed() -> list[Path]:
    """The files of requirements."""
    return sorted(REQUIREMENTS.glob("*.txt"))


def lacking() -> list[str]:
    """Pins without a digest, and digests of other pins."""
    wrong = []
    for path in listed():
        made = HASHES / path.name
        text = made.read_text() if made.is_file() else ""
        known = {name: version for name, version in pins(made).items()} if text else {}
        wanted = pins(path)
        wrong += [f"{path.name}: {name}=={version}" for name, version in wanted.items() if known.get(name) != version]
        wrong += [f"hashes/{path.name}: {name}" for name in known.keys() - wanted.keys()]
        entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
        wrong += [f"hashes/{path.name}: {entry.split()[0]}" for entry in entries if "--hash=sha256:" not in entry]
    return wrong


def entry(name: str, version: str, digests: Iterable[str]) -> str:
    """A pin with its digests, as pip reads it."""
    return " \\\n".join([f"{name}=={version}", *(f"    --hash={digest}" for digest in sorted(digests))]) + "\n"


def write() -> None:
    """Ask pip's index for the digests of every pin."""
    from packaging.version import Version
    from piptools.repositories import PyPIRepository

    HASHES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as cache:
        index = PyPIRepository([], cache_dir=cache)
        for path in listed():
            text = HEAD.format(name=path.name)
            for name, version in pins(path).items():
                with index.allow_all_wheels():
                    found = index.find_all_candidates(name)
                wanted = str(Version(version))  # and local builds of it, such as +cpu
                links = [one.link for one in found if str(one.version).partition("+")[0] == wanted]
                text += CPU_NOTE if name == "torch" else ""
                text += entry(name, version, {digest for link in links if (digest := digest_of(link))})
            (HASHES / path.name).write_text(text)
            print(f"pin: {len(pins(path))} pins of {path.name}", file=sys.stderr)


def digest_of(link: Any) -> str:
    """The sha256 that an index tells of a file, or of one in a folder that pip looks into; empty where none is told."""
    if link.is_file:
        return f"sha256:{hashlib.sha256(Path(link.file_path).read_bytes()).hexdigest()}"
    return f"sha256:{link.hash}" if link.hash_name == "sha256" else ""


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        write()
    if wrong := lacking():
        sys.exit(f"pin: without digests of their own: {', '.join(wrong)}: run scripts/pin.sh")
