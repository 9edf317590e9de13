# SPDX-License-Identifier: Apache-2.0
"""The five datasets by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from qnn.data.dataset import Dataset
from qnn.data.datasets.bp4d import Bp4d
from qnn.data.datasets.ckplus import CkPlus
from qnn.data.datasets.disfa import Disfa
from qnn.data.datasets.ferplus import FerPlus
from qnn.data.datasets.rafdb import RafDb

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {dataset.name: dataset for dataset in (CkPlus(), Bp4d(), Disfa(), FerPlus(), RafDb())}
)


def find(name: str) -> Dataset:
    """A dataset by its name, or a ValueError that lists the names."""
    if name not in DATASETS:
        raise ValueError(f"a dataset must be one of {', '.join(DATASETS)}, got {name!r}")
    return DATASETS[name]
