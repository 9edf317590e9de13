# SPDX-License-Identifier: Apache-2.0
"""KernelNode: a kernel's spec as a FINN dataflow node, with Python execution, RTL simulation and IP."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend
from onnx import GraphProto, NodeProto, helper
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.core.modelwrapper import ModelWrapper

from board.core.arrays import Integers
from hls_build.dataflow.graph_writer import DOMAIN
from hls_build.kernels.kernel_spec import KernelSpec, Port

Attribute = tuple[Any, ...]
"""FINN's description of a node attribute: kind, whether it is needed, default, and what is allowed."""


class KernelNode(RTLBackend):  # type: ignore[misc]  # FINN+ has no types
    """A FINN node around one kernel spec.

    A subclass names its spec_type; everything else follows from the spec. The node's attributes are the
    fields of the spec, and `height` and `width` of the frame at its first input in place of a field `pixels`.
    Tensors have the shape (1, H, W, C).
    """

    spec_type: ClassVar[type[KernelSpec]]

    @classmethod
    def make_node(
        cls, spec: KernelSpec, inputs: list[str], outputs: list[str], height: int, width: int, name: str
    ) -> NodeProto:
        """Make the ONNX node of a spec whose first input is (1, height, width, C)."""
        fields: dict[str, Any] = {f.name: _attribute(getattr(spec, f.name)) for f in dataclasses.fields(spec)}
        if fields.pop("pixels", height * width) != height * width:
            raise ValueError(f"need pixels = height * width, got {spec} with {height} x {width}")
        fields |= {"height": height, "width": width, "backend": "fpgadataflow"}
        node: NodeProto = helper.make_node(cls.__name__, inputs, outputs, name=name, domain=DOMAIN, **fields)
        return node

    @property
    def spec(self) -> KernelSpec:
        """The kernel spec that the node's attributes describe."""
        values: dict[str, Any] = {name: self.get_nodeattr(name) for name in _spec_attributes(self.spec_type)}
        for name, hint in _fields(self.spec_type).items():
            if hint is bool:
                values[name] = bool(values[name])
        if "pixels" in _fields(self.spec_type):
            values["pixels"] = self.get_nodeattr("height") * self.get_nodeattr("width")
        return self.spec_type(**values)

    def get_nodeattr_types(self) -> dict[str, Attribute]:
        """Return the attributes of FINN's RTL nodes and those of the spec."""
        return {
            **super().get_nodeattr_types(),
            "inFIFODepths": ("ints", False, [2] * len(self.onnx_node.input)),
            "outFIFODepths": ("ints", False, [2] * len(self.onnx_node.output)),
            "height": ("i", True, 0),
            "width": ("i", True, 0),
            **_spec_attributes(self.spec_type),
        }

    def get_input_datatype(self, ind: int = 0) -> BaseDataType:
        """Return the type of a lane of an input."""
        return DataType[self.spec.inputs[ind].datatype]

    def get_output_datatype(self, ind: int = 0) -> BaseDataType:
        """Return the type of a lane of an output."""
        return DataType[self.spec.outputs[ind].datatype]

    def get_normal_input_shape(self, ind: int = 0) -> list[int]:
        """Return (1, H, W, C): H and W of the frame where the input has all its pixels, else one row."""
        height, width = self.get_nodeattr("height"), self.get_nodeattr("width")
        port = self.spec.inputs[ind]
        if port.pixels == height * width:
            return [1, height, width, port.channels]
        return [1, 1, port.pixels, port.channels]

    def get_normal_output_shape(self, ind: int = 0) -> list[int]:
        """Return the shape that the model answers with."""
        inputs = range(len(self.onnx_node.input))
        frames = [np.zeros(self.get_normal_input_shape(i), np.int64) for i in inputs]
        return list(self._answer(*frames)[ind].shape)

    def get_folded_input_shape(self, ind: int = 0) -> list[int]:
        """Return (1, H, W, C / lanes, lanes) of an input."""
        return _fold(self.get_normal_input_shape(ind), self.spec.inputs[ind])

    def get_folded_output_shape(self, ind: int = 0) -> list[int]:
        """Return (1, H, W, C / lanes, lanes) of an output."""
        return _fold(self.get_normal_output_shape(ind), self.spec.outputs[ind])

    def get_instream_width(self, ind: int = 0) -> int:
        """Return the unpadded bits of a beat of an input."""
        return self.spec.inputs[ind].width

    def get_outstream_width(self, ind: int = 0) -> int:
        """Return the unpadded bits of a beat of an output."""
        return self.spec.outputs[ind].width

    def get_number_output_values(self) -> int | dict[str, int]:
        """Return the beats per frame, as a dict by output where there are several."""
        beats = [port.beats for port in self.spec.outputs]
        return beats[0] if len(beats) == 1 else {f"out{i}": count for i, count in enumerate(beats)}

    def get_exp_cycles(self) -> int:
        """Return the cycles per frame."""
        return self.spec.cycles()

    def make_shape_compatible_op(self, model: ModelWrapper) -> NodeProto:
        """Return a stand-in for ONNX's shape inference, which knows one output; note the other shapes."""
        for ind, tensor in enumerate(self.onnx_node.output):
            model.set_tensor_shape(tensor, self.get_normal_output_shape(ind))
        stand_in: NodeProto = self.make_const_shape_op(self.get_normal_output_shape())
        return stand_in

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        """Check the types of the inputs and note those of the outputs.

        Raises:
            ValueError: An input tensor has another type than the spec.
        """
        for ind, tensor in enumerate(self.onnx_node.input):
            found, wanted = model.get_tensor_datatype(tensor), self.get_input_datatype(ind)
            if found != wanted:
                raise ValueError(f"{self.onnx_node.name} needs {tensor} as {wanted.name}, got {found.name}")
        for ind, tensor in enumerate(self.onnx_node.output):
            model.set_tensor_datatype(tensor, self.get_output_datatype(ind))

    def execute_node(self, context: dict[str, npt.NDArray[Any]], graph: GraphProto) -> None:
        """Run the model (exec_mode cppsim) or the simulated RTL (rtlsim) on the tensors of context."""
        if self.get_nodeattr("exec_mode") != "cppsim":
            super().execute_node(context, graph)
            return
        arrays = [
            context[tensor].astype(np.int64).reshape(self.get_normal_input_shape(ind))  # which flattening may change
            for ind, tensor in enumerate(self.onnx_node.input)
        ]
        for tensor, answer in zip(self.onnx_node.output, self._answer(*arrays), strict=True):
            context[tensor] = answer.astype(np.float32)

    def generate_hdl(self, model: ModelWrapper, fpgapart: str, clk: float) -> None:
        """Write the wrapper into code_gen_dir_ipgen; the kernel's nodes share its sources where they lie."""
        folder, top = Path(self.get_nodeattr("code_gen_dir_ipgen")), self.get_verilog_top_module_name()
        (folder / f"{top}.v").write_text(self.spec.wrapper(top))
        self.set_nodeattr("gen_top_module", top)
        self.set_nodeattr("ipgen_path", str(folder))
        self.set_nodeattr("ip_path", str(folder))

    def get_verilog_top_module_intf_names(self) -> dict[str, Any]:
        """Return FINN's names of the module's ports, the doubled clock among them where there is one."""
        names: dict[str, Any] = super().get_verilog_top_module_intf_names()
        return names | ({"clk2x": ["ap_clk2x"]} if self.spec_type.has_doubled_clock else {})

    def get_rtl_file_list(self, abspath: bool = False) -> list[str]:
        """Return the kernel's sources and the wrapper that generate_hdl wrote."""
        wrapper = Path(self.get_nodeattr("code_gen_dir_ipgen")) / f"{self.get_nodeattr('gen_top_module')}.v"
        return [str(path) if abspath else path.name for path in (*self.spec.sources, wrapper)]

    def code_generation_ipi(self) -> list[str]:
        """Return the Tcl that puts the node into a block design."""
        files = [f"add_files -norecurse {path}" for path in self.get_rtl_file_list(abspath=True)]
        top = self.get_nodeattr("gen_top_module")
        return [*files, f"create_bd_cell -type module -reference {top} {self.onnx_node.name}"]

    def lut_estimation(self, fpgapart: str) -> int:
        """Return the estimate of LUTs."""
        return self.spec.resources().lut

    def bram_estimation(self, fpgapart: str) -> int:
        """Return the estimate of 18 kbit block RAMs."""
        return self.spec.resources().bram18

    def dsp_estimation(self, fpgapart: str) -> int:
        """Return the estimate of DSP slices."""
        return self.spec.resources().dsp

    def _answer(self, *inputs: Integers) -> tuple[Integers, ...]:
        answer = self.spec.model(*inputs)
        return answer if isinstance(answer, tuple) else (answer,)


@cache
def _fields(spec_type: type[KernelSpec]) -> dict[str, Any]:
    """Return name and type of each field of a spec."""
    hints = get_type_hints(spec_type)
    return {field.name: hints[field.name] for field in dataclasses.fields(spec_type)}


def _spec_attributes(spec_type: type[KernelSpec]) -> dict[str, Attribute]:
    """Return FINN's description of a node attribute for each field of a spec, without pixels."""
    kinds: dict[Any, Attribute] = {int: ("i", True, 0), bool: ("i", True, 0, {0, 1}), str: ("s", True, "")}
    fields = {name: hint for name, hint in _fields(spec_type).items() if name != "pixels"}
    return {name: kinds.get(hint, ("ints", True, [])) for name, hint in fields.items()}


def _attribute(value: Any) -> int | str | list[int]:
    """Return a field's value as ONNX holds it: tables as one row of integers."""
    if isinstance(value, str):
        return value
    return np.asarray(value).ravel().tolist() if isinstance(value, tuple) else int(value)


def _fold(shape: list[int], port: Port) -> list[int]:
    """Split the channels of a shape into beats and lanes."""
    return [*shape[:-1], shape[-1] // port.lanes, port.lanes]
