# SPDX-License-Identifier: Apache-2.0
"""AUDetector: faces or pictures in, action units out, whichever executor computes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from board.core.arrays import Accumulators, Integers, Pixels
from board.core.outputs import Attention, Outputs
from board.deployment import Deployment
from board.executors import AUTO, open_executor
from board.faces.crop import cut_face
from board.faces.find import Face, Search, find_faces
from board.faces.finders import open_finder
from board.faces.finders.finder import Finder
from board.observation import NO_FACE, OK, UNREADABLE, Observation
from board.sources.frame import Frame

if TYPE_CHECKING:  # their import takes a board's time
    import numpy.typing as npt

    from board.core.graph import IntegerGraph


@dataclass(frozen=True)
class Located:
    """A frame and the faces that were found in it.

    Attributes:
        frame: As it came from the source.
        faces: The largest first; none where it shows none or could not be decoded.
    """

    frame: Frame
    faces: tuple[Face, ...]


class AUDetector:
    """Detects facial action units with the network of one deployment.

    Every executor computes the same integers, so every answer is the same but for its latency.

    Args:
        deploy: Folder or archive that `auflow build` left, or a Deployment.
        executor: One of executors.CHOICES; "auto" takes the fastest that is there.
        finder: What searches pictures for faces; None for the deployment's best, see board.faces.finders.open_finder.

    Attributes:
        deployment: The files in use.
        contract: What the accelerator takes and gives.
        executor: What computes.
        finder: What searches pictures for faces.

    Raises:
        ValueError: The deployment is damaged or lacks what the executor needs.
        RuntimeError: The executor or finder is not installed here, or does not work.
    """

    def __init__(self, deploy: Path | Deployment, executor: str = AUTO, finder: Finder | None = None) -> None:
        self.deployment = deploy if isinstance(deploy, Deployment) else Deployment(deploy)
        self.contract = self.deployment.contract
        self.finder = open_finder(self.deployment) if finder is None else finder
        self.executor = open_executor(self.deployment, executor)
        self._graph: IntegerGraph | None = None

    def close(self) -> None:
        """Give back what the executor holds."""
        self.executor.close()

    def __enter__(self) -> AUDetector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def locate(self, frame: Frame, search: Search | None = None, most: int | None = None) -> Located:
        """Find the faces of a frame by the picture rule.

        Args:
            frame: As a source yields it.
            search: See `board.faces.find.find_faces`; None searches as a still picture.
            most: How many faces to keep, the largest; all where it is None.
        """
        if frame.picture is None:
            return Located(frame, ())
        return Located(frame, tuple(find_faces(frame.picture, search or self.finder.search_still)[:most]))

    def cut(self, picture: Pixels | None, faces: Iterable[Face]) -> Pixels:
        """Cut faces out of a picture as the network was trained on them, upright where the contract says so.

        Args:
            picture: uint8, grey (H, W) or RGB (H, W, 3); None without faces.
            faces: Where they are.

        Returns:
            Crops, uint8 of shape (N, 48, 48, 3).
        """
        rule = self.contract.input
        crops = [
            cut_face(picture, face.box, rule.crop_margin, rule.colour, face.roll_deg if rule.upright else 0.0)
            for face in faces
            if picture is not None
        ]
        return np.stack(crops) if crops else np.empty((0, *rule.shape), np.uint8)

    def accumulators(self, crops: Pixels) -> Accumulators:
        """The network's last integers, int64 (N, outputs), for crops, uint8 (N, 48, 48, 3), N at least 0."""
        return self._output_frames(crops)[:, : self.contract.accumulators]

    def outputs(self, crops: Pixels) -> list[Outputs]:
        """Action units of crops, uint8 (N, 48, 48, 3) as `cut` gives them."""
        return self.contract.outputs(self._output_frames(crops))

    def _output_frames(self, crops: Pixels) -> Accumulators:
        """All that the executor gives for crops: accumulators, and attention codes where the contract has some."""
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != tuple(self.contract.input.shape):
            shape = ", ".join(map(str, self.contract.input.shape))
            raise ValueError(f"faces must be uint8 of shape (N, {shape}), got {crops.dtype} {crops.shape}")
        if not len(crops):
            return np.empty((0, self.contract.output_stream.elements), np.int64)
        return self.executor.accumulators(crops)

    def attention(self, crops: Pixels) -> npt.NDArray[np.float32]:
        """Where the network looks: the first block's spatial gate.

        Its codes come with the accumulators where the contract says so. Elsewhere only accumulators leave an
        executor, and numpy computes the whole network again for them; the integers are the same.

        Args:
            crops: uint8 of shape (N, 48, 48, 3).

        Returns:
            float32 of shape (N, rows, columns), from 0 for closed to 1 for open.

        Raises:
            ValueError: The network has no attention.
        """
        if self.contract.attention is not None:
            return self.contract.attention.maps(self._output_frames(crops)[:, self.contract.accumulators :])
        from board.core.layers.gate import Gate

        if self._graph is None:
            self._graph = self.deployment.integer_graph()
        graph = self._graph
        gates = [node.inputs[1] for node in graph.nodes if isinstance(node, Gate)]
        name = next((gate for gate in gates if graph.tensors[gate].shape[0] > 1), None)
        if name is None:
            raise ValueError(f"the network of {self.deployment.folder} has no spatial attention to show")
        found: dict[str, Integers] = {}

        def keep(tensor: str, value: Integers) -> None:
            if tensor == name:
                found[name] = value

        graph.run(crops, keep)
        return Attention.of(graph.tensors[name]).maps(found[name].reshape(len(crops), -1))

    def observe(self, located: Sequence[Located], attention: bool = False) -> list[list[Observation]]:
        """Cut the faces of some frames out and compute the action units of all together.

        Args:
            located: The frames, with their faces.
            attention: Whether to add the attention maps.

        Returns:
            For every frame one observation per face, or one that says why there is none.
        """
        crops = np.concatenate([self.cut(one.frame.picture, one.faces) for one in located])
        outputs = self.outputs(crops)
        answers = zip(outputs, self._maps(crops, outputs) if attention else [None] * len(outputs), strict=True)
        observations = []
        for one in located:
            if one.frame.picture is None:
                seen = [Observation.of(one.frame, UNREADABLE, one.frame.error)]
            elif not one.faces:
                seen = [Observation.of(one.frame, NO_FACE)]
            else:
                seen = [
                    Observation.of(one.frame, OK, face=face, aus=aus, attention=looked)
                    for face, (aus, looked) in zip(one.faces, islice(answers, len(one.faces)), strict=True)
                ]
            observations.append(seen)
        return observations

    def _maps(self, crops: Pixels, outputs: Sequence[Outputs]) -> Sequence[npt.NDArray[np.float32] | None]:
        """Attention of crops whose outputs are there already: what came with them, else from numpy."""
        if self.contract.attention is not None or not outputs:
            return [one.attention for one in outputs]
        return list(self.attention(crops))

    def detect(self, picture: Pixels, attention: bool = False) -> list[Observation]:
        """Find the faces of one picture and their action units.

        Args:
            picture: uint8, grey (H, W) or RGB (H, W, 3); one of 48x48 pixels is a face already.
            attention: Whether to add the attention maps.

        Returns:
            One observation per face, the largest first; one that says so where there is none.
        """
        frame = Frame(0, 0.0, "", picture, "", time.perf_counter())
        (observations,) = self.observe([self.locate(frame)], attention)
        latency_s = time.perf_counter() - frame.captured_s
        return [replace(seen, latency_s=latency_s) for seen in observations]
