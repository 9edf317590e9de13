# SPDX-License-Identifier: Apache-2.0
"""What work on several processes needs besides the rest of the host's packages."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = ("dask", "distributed")


def check_installed() -> None:
    """See whether it is installed.

    Raises:
        RuntimeError: It is not.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise RuntimeError(
            f"work on several workers needs the Python packages {' and '.join(PACKAGES)}, {' and '.join(missing)} not"
            " installed: in AUFlow's repository run `pip install --requirement requirements/cluster.txt`"
        )
