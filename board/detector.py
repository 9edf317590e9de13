# SPDX-License-Identifier: Apache-2.0
"""AUDetector: faces or pictures in, action units out, whichever backend computes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from board.core.facs import AU_NAMES, EMOTIONS, nearest_emotions
from board.core.graph import Gate, IntegerGraph
from board.deployment import Deployment
from board.executors import AUTO, open_executor
from board.faces.find import Box, cut_face, find_faces
from board.observation import NO_FACE, OK, FaceAus, Observation


class AUDetector:
    """Detects facial action units with the network of one deployment.

    Every backend computes the same integers, so every answer is the same but for its latency.

    Args:
        deploy: Folder or archive that `auflow build` left, or a Deployment.
        backend: One of backends.CHOICES; "auto" takes the fastest that is there.

    Attributes:
        deployment: The files in use.
        contract: What the accelerator takes and gives.
        backend: What computes.

    Raises:
        ValueError: The deployment is damaged or lacks what the backend needs.
        RuntimeError: The backend is not installed here, or does not work.
    """

    def __init__(self, deploy: Path | Deployment, backend: str = AUTO) -> None:
        self.deployment = deploy if isinstance(deploy, Deployment) else Deployment(deploy)
        self.contract = self.deployment.contract
        self.backend = open_executor(self.deployment, backend)
        self._shows_emotions = self.contract.au_names == AU_NAMES
        self._graph: IntegerGraph | None = None

    def close(self) -> None:
        """Give back what the backend holds."""
        self.backend.close()

    def __enter__(self) -> AUDetector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cut(self, picture: np.ndarray, boxes: Iterable[Box]) -> np.ndarray:
        """Cut faces out of a picture as the network was trained on them.

        Args:
            picture: uint8, grey (H, W) or RGB (H, W, 3).
            boxes: Where the faces are.

        Returns:
            uint8 of shape (N, 48, 48, 3).
        """
        rule = self.contract.input
        faces = [cut_face(picture, box, rule.crop_margin, rule.colour) for box in boxes]
        return np.stack(faces) if faces else np.empty((0, *rule.shape), np.uint8)

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """The accelerator's integers, int64 (N, AUs), for faces, uint8 (N, 48, 48, 3), N at least 0."""
        if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != tuple(self.contract.input.shape):
            shape = ", ".join(map(str, self.contract.input.shape))
            raise ValueError(f"faces must be uint8 of shape (N, {shape}), got {faces.dtype} {faces.shape}")
        if not len(faces):
            return np.empty((0, len(self.contract.action_units)), np.int64)
        return self.backend.accumulators(faces)

    def aus(self, faces: np.ndarray) -> list[FaceAus]:
        """Action units of faces, uint8 (N, 48, 48, 3) as `cut` gives them."""
        accumulators = self.accumulators(faces)
        outputs = self.contract.outputs(accumulators)
        emotions: list[str | None] = [None] * len(faces)
        if self._shows_emotions and len(faces):
            emotions = [EMOTIONS[index] for index in nearest_emotions(outputs.logits)]
        rows = zip(accumulators, outputs.probabilities, outputs.occurrence, emotions, strict=True)
        return [FaceAus(*row) for row in rows]

    def attention(self, faces: np.ndarray) -> np.ndarray:
        """Where the network looks: the first block's spatial gate.

        The integer network computes it whatever the backend is: only accumulators leave an accelerator, and the
        integers are the same.

        Args:
            faces: uint8 of shape (N, 48, 48, 3).

        Returns:
            float32 of shape (N, rows, columns), from 0 for closed to 1 for open.

        Raises:
            ValueError: The network has no attention.
        """
        if self._graph is None:
            self._graph = self.deployment.integer_graph()
        graph = self._graph
        gates = [node.inputs[1] for node in graph.nodes if isinstance(node, Gate)]
        name = next((gate for gate in gates if graph.tensors[gate].shape[0] > 1), None)
        if name is None:
            raise ValueError(f"the network of {self.deployment.folder} has no spatial attention to show")
        found: dict[str, np.ndarray] = {}

        def keep(tensor: str, value: np.ndarray) -> None:
            if tensor == name:
                found[name] = value

        graph.run(faces, keep)
        gate = graph.tensors[name]
        return ((found[name][..., 0] - gate.low) / (gate.high - gate.low)).astype(np.float32)

    def detect(self, picture: np.ndarray, attention: bool = False) -> list[Observation]:
        """Find the faces of one picture and their action units.

        Args:
            picture: uint8, grey (H, W) or RGB (H, W, 3).
            attention: Whether to add the attention maps.

        Returns:
            One observation per face, the largest first; one that says so where there is none.
        """
        began = time.perf_counter()
        found = find_faces(picture) or find_faces(picture, scale=1.0)  # the full size finds what the half overlooks
        if not found:
            return [Observation(0, 0.0, "", NO_FACE, latency_s=time.perf_counter() - began)]
        faces = self.cut(picture, [detection.box for detection in found])
        answers = self.aus(faces)
        maps = list(self.attention(faces)) if attention else [None] * len(faces)
        latency_s = time.perf_counter() - began
        return [
            Observation(
                frame=0,
                timestamp_s=0.0,
                source="",
                status=OK,
                face_id=index,
                box=detection.box,
                confidence=detection.confidence,
                aus=aus,
                latency_s=latency_s,
                attention=heat,
            )
            for index, (detection, aus, heat) in enumerate(zip(found, answers, maps, strict=True))
        ]
