# SPDX-License-Identifier: Apache-2.0
"""The datasets, one a file: a class that derives from qnn.data.dataset.Dataset, found by the name of its file."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # OpenCV takes time to import: who only lists names does without
    from qnn.data.dataset import Dataset

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
"""As commands take them."""


@cache
def find(name: str) -> Dataset:
    """A dataset by its name.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in NAMES:
        raise ValueError(f"a dataset must be one of {', '.join(NAMES)}, got {name!r}")
    from qnn.data.dataset import Dataset

    module = import_module(f"{__name__}.{name}")
    own = [entry for entry in vars(module).values() if getattr(entry, "__module__", None) == module.__name__]
    (dataset,) = [entry for entry in own if isinstance(entry, type) and issubclass(entry, Dataset)]
    return dataset()
