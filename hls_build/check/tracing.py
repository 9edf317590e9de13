# SPDX-License-Identifier: Apache-2.0
"""An untrained torch or Brevitas module as QONNX, its nodes called by the module's own names."""

from __future__ import annotations

import importlib.util
import logging
import sys
from ast import literal_eval
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from brevitas.export import export_qonnx
from onnx import NodeProto
from torch import nn

INPUT, OUTPUT = "pixels", "output"


def load_module(target: str) -> nn.Module:
    """What a class or function of a Python file makes when it is called without arguments, for inference.

    Args:
        target: FILE.py:NAME; the file is run.

    Raises:
        ValueError: There is no such file or name, it fails, or makes no torch module.
    """
    file, colon, name = target.rpartition(":")
    if not (colon and name and file.endswith(".py")):
        raise ValueError(f"a module must be named as FILE.py:NAME, got {target!r}")
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"a module must lie in a Python file, got none at {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None, "its name ends in .py"
    content = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))  # as python does, for what it imports beside itself
    try:
        spec.loader.exec_module(content)
        make = getattr(content, name, None)
        if make is None:
            raise ValueError(f"{path} must define {name}, got nothing of this name")
        made = make() if callable(make) and not isinstance(make, nn.Module) else make
    except (Exception, SystemExit) as error:  # of a program that is not ours
        if isinstance(error, ValueError) and str(error).startswith(f"{path} must define"):
            raise
        raise ValueError(f"{target} must make a network without arguments, got {_told(error)}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, nn.Module):
        raise ValueError(f"{target} must make a torch.nn.Module, got {type(made).__name__}")
    return made.eval()


def trace(module: nn.Module, shape: Sequence[int]) -> onnx.ModelProto:
    """Export a module by Brevitas, as `qnn.export` does, its nodes renamed by the module that each comes from.

    Args:
        module: A network of pixels, 0 to 255.
        shape: (C, H, W) of its input.

    Raises:
        ValueError: The network does not take such an input, or has what ONNX has not.
    """
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)  # the exporter's remarks about packages that are not installed
    try:
        pixels = torch.zeros(1, *shape)
        model = export_qonnx(module, pixels, input_names=[INPUT], output_names=[OUTPUT], verbose=False)
    except Exception as error:  # torch's and Brevitas' own, of any class
        told = ", ".join(map(str, shape))
        raise ValueError(f"the network must take pixels (1, {told}) and export, got {_told(error)}") from error
    finally:
        logging.disable(previous)
    named: Counter[str] = Counter()
    for node in model.graph.node:
        name = layer_name(node)
        named[name] += 1
        node.name = name if named[name] == 1 else f"{name}_{named[name]}"
    return model


def layer_name(node: NodeProto) -> str:
    """A node's name by the module that it came from: `conv1`, `conv1.weight_quant`, `q1`, `q1.Relu`."""
    scopes = {prop.key: prop.value for prop in node.metadata_props}.get("pkg.torch.onnx.name_scopes", "['', '']")
    module = str(literal_eval(scopes)[-2])
    for end in (".act_quant", ".export_handler"):
        module = module.partition(end)[0]
    if node.op_type in ("Conv", "Gemm", "MatMul", "Quant", "MaxPool"):
        return module or node.op_type
    return f"{module}.{node.op_type}".strip(".")


def _told(error: BaseException) -> str:
    """The first line of another program's error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
