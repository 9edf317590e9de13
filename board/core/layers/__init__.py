# SPDX-License-Identifier: Apache-2.0
"""The kinds of layer of the integer graph, one file each: a Node class and its arithmetic in numpy.

A file that is added here is found; nothing else lists the kinds.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

from board.core.node import Node

for _file in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")


def _below(kind: type[Node]) -> Iterator[type[Node]]:
    """What derives from a kind, and from that."""
    for derived in kind.__subclasses__():
        yield derived
        yield from _below(derived)


KINDS: Mapping[str, type[Node]] = {kind.__name__: kind for kind in _below(Node)}
"""Every kind by the name that files of integer graphs call it."""
