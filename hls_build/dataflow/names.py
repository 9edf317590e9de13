# SPDX-License-Identifier: Apache-2.0
"""Names of hardware nodes: each begins with the name of the layer that it serves."""

from __future__ import annotations

from collections.abc import Iterable


def layer_of(node: str, layers: Iterable[str]) -> str:
    """The layer of the network that a hardware node serves: the longest name that its own begins with.

    Raises:
        ValueError: It serves none of them.
    """
    for name in sorted(layers, key=len, reverse=True):
        if node == name or node.startswith(f"{name}_"):
            return name
    raise ValueError(f"a hardware node is called after its layer, got {node!r}")
