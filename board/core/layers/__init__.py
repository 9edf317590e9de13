# SPDX-License-Identifier: Apache-2.0
"""The kinds of layer of the integer graph, one file each: a Node class and its arithmetic in numpy.

A file that is added here is found; nothing else lists the kinds.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from board.core.node import Node

for _file in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")

KINDS: Mapping[str, type[Node]] = {kind.__name__: kind for kind in Node.__subclasses__()}
"""Every kind by the name that files of integer graphs call it."""
