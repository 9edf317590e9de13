# SPDX-License-Identifier: Apache-2.0
"""The network as integers: layers that numpy executes and the compiler makes hardware of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from board.core.arrays import Integers
from board.core.files import write_npz
from board.core.layers import KINDS
from board.core.node import Node, Tensor
from board.core.reading import parse_json, parsing, read_arrays

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

FORMAT = "auflow-integer-graph-1"


@dataclass(frozen=True)
class IntegerGraph:
    """Nodes in execution order over named tensors, with one input and one output."""

    tensors: dict[str, Tensor]
    nodes: tuple[Node, ...]
    input: str
    output: str
    consumers: dict[str, Node] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        consumers: dict[str, Node] = {}
        known = {self.input}
        for node in self.nodes:
            for name in node.inputs:
                if name not in known:
                    raise ValueError(f"node {node.name} reads {name}, which no earlier node writes")
                if name in consumers:
                    raise ValueError(f"tensor {name} feeds {consumers[name].name} and {node.name}: need a Fork")
                consumers[name] = node
            known.update(node.outputs)
        if self.output not in known:
            raise ValueError(f"output {self.output} is written by no node")
        if missing := known - set(self.tensors):
            raise ValueError(f"tensors without a type: {', '.join(sorted(missing))}")
        object.__setattr__(self, "consumers", consumers)

    def run(self, x: Integers, observe: Callable[[str, Integers], None] | None = None) -> Integers:
        """Execute on frames.

        Args:
            x: Integers of shape (N, H, W, C) in the input's range.
            observe: Called with every tensor's name and value, the input's first.

        Returns:
            The output tensor, integers of shape (N, H, W, C).
        """
        values: dict[str, Integers] = {self.input: x.astype(np.int32)}
        if observe:
            observe(self.input, values[self.input])
        for node in self.nodes:
            results = node.run(*(values.pop(name) for name in node.inputs))
            for name, value in zip(node.outputs, results, strict=True):
                values[name] = value
                if observe:
                    observe(name, value)
        return values[self.output]

    def save(self, path: Path) -> None:
        """Write one .npz: a JSON description and the arrays, nothing pickled."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        nodes: list[dict[str, Any]] = []
        for node in self.nodes:
            entry: dict[str, Any] = {"type": type(node).__name__}
            for f in fields(node):
                value = getattr(node, f.name)
                if isinstance(value, np.ndarray):
                    arrays[f"{node.name}.{f.name}"] = value
                else:
                    entry[f.name] = value
            nodes.append(entry)
        tensors = [[t.name, t.shape, t.bits, t.signed] for t in self.tensors.values()]
        description = {
            "format": FORMAT, "tensors": tensors, "nodes": nodes, "input": self.input, "output": self.output
        }  # fmt: skip
        write_npz(path, {"description": np.array(json.dumps(description)), **arrays})

    @classmethod
    def load(cls, path: Path) -> IntegerGraph:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is broken, of another format, or has layers that are unknown here.
        """
        what, remedy = "an integer graph", "build again"
        arrays = read_arrays(path, what, remedy)
        with parsing(path, what, remedy):
            description = parse_json(str(arrays["description"]), path, what, remedy)
            if description["format"] != FORMAT:
                raise ValueError(f"{what} must have format {FORMAT!r}, got {description['format']!r}")
            nodes: list[Node] = []
            for entry in description["nodes"]:
                name = entry.pop("type")
                if name not in KINDS:
                    raise ValueError(f"a layer's kind must be one of {', '.join(sorted(KINDS))}, got {name!r}")
                kind = KINDS[name]
                values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
                for f in fields(kind):
                    if f.name not in values and f.default is MISSING:  # what is younger than the file has a default
                        values[f.name] = arrays[f"{values['name']}.{f.name}"]
                nodes.append(kind(**values))
            tensors = {
                name: Tensor(name, (shape[0], shape[1], shape[2]), bits, signed)
                for name, shape, bits, signed in description["tensors"]
            }
            return cls(tensors, tuple(nodes), description["input"], description["output"])
