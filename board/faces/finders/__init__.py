# SPDX-License-Identifier: Apache-2.0
"""What searches pictures for faces: YuNet, and the Haar cascade, behind one protocol."""

from __future__ import annotations

from board.deployment import FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS, Deployment
from board.faces.finders import haar, yunet
from board.faces.finders.finder import Finder
from board.faces.finders.haar import Haar
from board.faces.finders.networks import open_network
from board.faces.finders.yunet import YuNet

AUTO = "auto"
NAMES = (YuNet.name, Haar.name)
CHOICES = (AUTO, *NAMES)


def open_finder(
    deployment: Deployment,
    name: str = AUTO,
    least_confidence: float | None = None,
    least_face_px: int | None = None,
) -> Finder:
    """Start a finder.

    Args:
        deployment: Holds YuNet's files.
        name: One of CHOICES; "auto" takes YuNet where the deployment has it, else the Haar cascade.
        least_confidence: Of the faces that are reported, 0 to 1; None for the finder's own.
        least_face_px: Side of the smallest face, in pixels of the picture; None for the finder's own.

    Raises:
        ValueError: There is no such finder, or the deployment was built without its files or holds others.
        RuntimeError: What it needs is not installed here, or does not work.
    """
    if name not in CHOICES:
        raise ValueError(f"a finder must be one of {', '.join(CHOICES)}, got {name!r}")
    if name == Haar.name or (name == AUTO and not deployment.has_finder):
        return Haar(
            0.0 if least_confidence is None else least_confidence,
            haar.LEAST_FACE_PX if least_face_px is None else least_face_px,
        )
    model, converted = deployment.file(FINDER_MODEL), None
    if FINDER_PARAM in deployment.manifest.files:
        converted = deployment.file(FINDER_PARAM), deployment.file(FINDER_WEIGHTS)
    return YuNet(
        open_network(model, converted),
        yunet.LEAST_CONFIDENCE if least_confidence is None else least_confidence,
        least_face_px,
    )
