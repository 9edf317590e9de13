# SPDX-License-Identifier: Apache-2.0
"""Kernels of ours, one folder each, as FINN dataflow nodes; importing this package makes FINN find them by op_type.

A folder's __init__.py registers its kernel as KERNEL; nothing else lists the kernels.
"""

import pkgutil
from importlib import import_module

from qonnx.custom_op.registry import add_op_to_domain

from hls_build.dataflow.graph_writer import DOMAIN
from hls_build.finn_settings import finn_settings
from hls_build.kernels.kernel import Kernel

finn_settings()

KERNELS: tuple[Kernel, ...] = tuple(
    import_module(f"{__name__}.{folder.name}").KERNEL
    for folder in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
    if folder.ispkg
)
"""Every kernel, by name."""

for _kernel in KERNELS:
    add_op_to_domain(DOMAIN, _kernel.node)
