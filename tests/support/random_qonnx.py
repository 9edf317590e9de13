# SPDX-License-Identifier: Apache-2.0
"""Random QONNX networks: ops, attributes, shapes, bits and scales at random, most of them as an exporter writes them.

qonnx's executor says what each means; the compiler gives the same integers, or refuses in a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
ODD = 0.015
"""How often a choice falls on what is unusual: most of that is refused."""


@dataclass
class RandomNetwork:
    """A network that grows op by op.

    Attributes:
        rng: Draws everything.
        nodes: So far.
        constants: Initializers by name.
        shape: Of the value at hand, without its batch: (C, H, W) or (C,).
        value: Its name.
        scale: Of its integers.
        heads: Other outputs, integers.
    """

    rng: np.random.Generator
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    value: str = "pixels"
    scale: float = 1.0
    heads: list[str] = field(default_factory=list)

    @property
    def odd(self) -> bool:
        """Whether the next choice is an unusual one."""
        return bool(self.rng.random() < ODD)

    def pick(self, usual: list[Any], unusual: list[Any]) -> Any:
        """One of the usual values, now and then of the unusual ones."""
        options = unusual if unusual and self.odd else usual
        return options[int(self.rng.integers(len(options)))]

    def constant(self, value: ArrayLike, dtype: Any = np.float32) -> str:
        """Add an initializer."""
        name = f"constant{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype)
        return name

    def node(self, op_type: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        """Add a node, and give its result's name."""
        name = f"{op_type.lower()}{len(self.nodes)}"
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, domain=domain, **given))
        return name

    def step(self, op_type: str, *operands: str, domain: str = "", **attributes: Any) -> None:
        """Add a node that the value at hand goes through."""
        self.value = self.node(op_type, [self.value, *operands], domain, **attributes)

    def quantizer(self, bits: float, scale: ArrayLike, signed: int, narrow: int) -> tuple[list[str], dict[str, Any]]:
        """Operands and attributes of a Quant node."""
        zero = self.pick([0.0] * 4, [0.0] * 4 + [1.0])
        mode = self.pick(["ROUND", None, "HALF_EVEN"], ["ROUND"] * 4 + ["FLOOR", "round"])
        operands = [self.constant(scale), self.constant(zero), self.constant(bits)]
        return operands, {"signed": signed, "narrow": narrow, "rounding_mode": mode, "domain": QONNX}

    def quantize(self, bits: int, scale: float, signed: int) -> None:
        """Quantize the value at hand."""
        scale = scale * self.pick([1.0], [0.7, 3.0])
        width = self.pick([float(bits)], [bits + 0.5, 1.0])
        operands, attributes = self.quantizer(width, scale, signed, int(self.rng.integers(2)))
        self.step("Quant", *operands, **attributes)
        self.scale = scale

    def weights(self, shape: tuple[int, ...], output_axis: int) -> tuple[str, NDArray[np.float64]]:
        """Quantized weights, and the scale of each output."""
        outputs, bits = shape[output_axis], int(self.rng.integers(2, 6))
        axis = self.pick([output_axis, None], [1 - output_axis])
        sizes = [1] * len(shape)
        if axis is not None:
            sizes[axis] = shape[axis]
        scale = 2.0 ** self.rng.integers(-3, 2, sizes)
        top = (1 << (bits - 1)) - 1
        reals = self.rng.integers(-top - 1, top + 1, shape) * scale
        if self.rng.random() < 0.1:
            one = float(2.0 ** self.rng.integers(-2, 2))
            source = self.constant(self.rng.normal(size=shape))
            name = self.node("BipolarQuant", [source, self.constant(one)], QONNX)
            return name, np.full(outputs, one)
        scale = scale if self.rng.random() < 0.8 or axis is not None else scale.reshape(())
        operands, attributes = self.quantizer(bits, scale, 1, int(self.rng.integers(2)))
        name = self.node("Quant", [self.constant(reals), *operands], **attributes)
        return name, np.broadcast_to(scale.ravel() if axis == output_axis else 1.0 * scale.ravel()[:1], outputs)

    def conv(self) -> None:
        """A convolution, its scalar functions, and its quantizer."""
        channels, height, width = self.shape
        outputs, kernel = int(self.rng.integers(1, 6)), self.kernel()
        if not self.odd:  # most of what has no hardware is left out
            kernel = (1, 1) if min(height, width) < 2 else (3, 3) if channels * kernel[0] * kernel[1] < 2 else kernel
            outputs = max(2, outputs)
        form, size = self.window(kernel, (height, width))
        attributes = {"kernel_shape": self.pick([None, list(kernel)], []), **form}
        groups = int(self.pick([1, 1, 1, 1, channels], [2]))
        outputs = outputs if groups == 1 else int(self.rng.integers(1, 3)) * self.pick([groups], [3])
        if groups > 1 or self.rng.random() < 0.2:
            attributes |= {"group": groups}
        weights, scales = self.weights((outputs, -(-channels // groups), *kernel), 0)
        bias = self.bias(outputs, scales) if self.rng.random() < 0.3 else []
        self.step("Conv", weights, *bias, **attributes)
        self.shape = (outputs, *size)
        self.activation(scales * self.scale, channels // groups * kernel[0] * kernel[1])

    def residual(self) -> None:
        """A branch of one or two convolutions that keeps the size, added to what it branches from, and a quantizer."""
        source, (channels, height, width), scale = self.value, self.shape, self.scale
        for outputs in self.pick([[channels], [3, channels]], [[channels + 1]]):
            kernel = int(self.pick([1, 3], []))
            weights, scales = self.weights((outputs, self.shape[0], kernel, kernel), 0)
            self.step("Conv", weights, pads=[kernel // 2] * 4)
            self.shape = (outputs, height, width)
            self.activation(scales * self.scale, self.shape[0] * kernel * kernel)
        operands = [self.value, self.pick([source], [self.value])]
        self.value = self.node("Add", operands[:: self.pick([1, -1], [])])
        self.activation(np.array([max(scale, self.scale)]), 1)

    def concat(self) -> None:
        """A convolution that keeps the size, beside what it reads: joined by channels, and a quantizer."""
        source, (channels, height, width), scale = self.value, self.shape, self.scale
        outputs, kernel = int(self.rng.integers(2, 5)), int(self.pick([1, 3], []))
        weights, scales = self.weights((outputs, channels, kernel, kernel), 0)
        self.step("Conv", weights, pads=[kernel // 2] * 4)
        self.shape = (outputs, height, width)
        self.activation(scales * self.scale, channels * kernel * kernel)
        operands = self.pick([[self.value, source], [source, self.value]], [[source, source]])
        self.value = self.node("Concat", operands, axis=self.pick([1, 1, -3], [2]))
        self.shape = (channels + outputs, height, width)
        self.activation(np.array([max(scale, self.scale)]), 1)

    def concat_vectors(self) -> None:
        """Two dense layers that read one vector, joined, and a quantizer."""
        source, shape, scale = self.value, self.shape, self.scale
        parts, outputs = [], 0
        for _ in range(2):
            self.value, self.shape, self.scale = source, shape, scale
            self.dense(last=False)
            parts.append(self.value)
            outputs += self.shape[0]
        self.value = self.node("Concat", parts, axis=self.pick([1, -1], [0]))
        self.shape = (outputs,)
        self.activation(np.array([self.scale]), 1)

    def head(self) -> None:
        """The value at hand as an output too, in units of its scale."""
        self.heads.append(self.node("Mul", [self.value, self.constant(1 / self.scale)]))

    def kernel(self) -> tuple[int, int]:
        """Rows and columns of a window."""
        side = int(self.pick([1, 3, 3, 5], [7]))
        return (side, side) if self.rng.random() < 0.8 else (side, int(self.rng.integers(1, 5)))

    def window(self, kernel: tuple[int, int], size: tuple[int, int]) -> tuple[dict[str, Any], tuple[int, int]]:
        """Attributes that say how a window moves, and how many rows and columns of windows that makes."""
        strides = self.pick([[1, 1], [1, 1], [2, 2], None], [[2, 1], [3, 3]])
        if kernel == (1, 1) and min(size) < 3:
            return {}, size
        half, down = [side // 2 for side in kernel], strides or [1, 1]
        form = self.pick(["pads", "pads", "uneven", "none", "SAME_UPPER", "SAME_LOWER", "VALID"], ["dilation"])
        uneven = [int(self.rng.integers(0, side)) for side in kernel * 2]
        pads = {"pads": half * 2, "dilation": half * 2, "uneven": uneven}.get(form, [0, 0, 0, 0])
        if form.startswith("SAME"):
            return {"auto_pad": form, "strides": strides}, (-(-size[0] // down[0]), -(-size[1] // down[1]))
        rows, columns = ((size[i] + pads[i] + pads[i + 2] - kernel[i]) // down[i] + 1 for i in (0, 1))
        if min(rows, columns) < 1:
            return {"pads": half * 2}, (size[0] + 1 - kernel[0] % 2, size[1] + 1 - kernel[1] % 2)
        told: dict[str, Any] = {"auto_pad": "VALID"} if form == "VALID" else {"pads": pads}
        dilations = [2, 2] if form == "dilation" else None
        return {**(told if form != "none" else {}), "strides": strides, "dilations": dilations}, (rows, columns)

    def bias(self, outputs: int, scales: NDArray[np.float64]) -> list[str]:
        """A quantized bias at the sums' scale."""
        scale = scales * self.scale
        reals = self.rng.integers(-200, 200, outputs) * scale
        operands, attributes = self.quantizer(16.0, scale, 1, 0)
        return [self.node("Quant", [self.constant(reals), *operands], **attributes)]

    def per_channel(self, low: float, high: float) -> str:
        """A constant for the channels of the value at hand: one number, or one each, seldom of another shape."""
        channels, spatial = self.shape[0], len(self.shape) - 1
        shape = self.pick([(), (1,), (1, channels, *[1] * spatial), (channels, *[1] * spatial)], [(channels,), (2, 1)])
        return self.constant(self.rng.uniform(low, high, shape))

    def activation(self, scales: NDArray[np.float64], inputs: int) -> None:
        """Scalar functions and a quantizer behind a layer's sums."""
        for _ in range(int(self.rng.integers(0, 3))):
            self.scalar()
        bits, signed = int(self.rng.integers(1, 7)), int(self.rng.integers(2))
        spread = float(np.max(scales)) * 8 * np.sqrt(inputs)
        exponent = np.ceil(np.log2(max(spread, 1e-6))) - bits + self.rng.integers(-1, 3)
        self.quantize(bits, float(2.0**exponent), signed)

    def scalar(self) -> None:
        """One scalar function."""
        op_type = str(
            self.rng.choice(
                ["Add", "BatchNormalization", "Clip", "Div", "Elu", "HardSigmoid", "Identity", "LeakyRelu", "Mul",
                 "Neg", "PRelu", "Relu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sub", "Tanh"]
            )
        )  # fmt: skip
        if op_type in ("Add", "Sub", "Div", "Mul", "PRelu"):
            low, high = {"Add": (-9, 9), "Sub": (-9, 9), "Div": (0.5, 3), "Mul": (-1, 2), "PRelu": (0, 1)}[op_type]
            operand = self.per_channel(low, high)
            if op_type in ("Add", "Sub") and self.rng.random() < 0.3:
                self.value = self.node(op_type, [operand, self.value])
            else:
                self.step(op_type, operand)
        elif op_type == "BatchNormalization":
            channels = self.shape[0]
            ranges = [(-1, 2), (-3, 3), (-9, 9), self.pick([(0.1, 3)], [(-1, 0)])]
            self.step(op_type, *[self.constant(self.rng.uniform(low, high, channels)) for low, high in ranges])
        elif op_type == "Clip":
            self.step(op_type, *self.pick([["", self.constant(6.0)], [self.constant(-2.0)]], [[]]))
        elif op_type in ("Elu", "LeakyRelu", "HardSigmoid") and self.rng.random() < 0.5:
            self.step(op_type, alpha=float(self.rng.uniform(0.05, 0.6)))
        else:
            self.step(op_type)

    def pool(self) -> None:
        """A maximum over tiles."""
        channels, height, width = self.shape
        form = self.pick([{"strides": [2, 2]}], [{}, {"strides": [2, 2], "ceil_mode": 1}, {"strides": [1, 1]}])
        if self.rng.random() < 0.2:
            form = {**form, "auto_pad": self.pick(["VALID", "SAME_UPPER"], [])}
        self.step("MaxPool", kernel_shape=self.pick([[2, 2]], [[3, 3], [1, 1]]), **form)
        self.shape = (channels, height // 2, width // 2)

    def mean(self) -> None:
        """The mean over all pixels, and its quantizer; as a map of one pixel, or as a vector."""
        channels, height, width = self.shape
        form = self.pick(["GlobalAveragePool", "ReduceMean", "ReduceMean of a vector", "AveragePool"], [])
        if form == "AveragePool":
            self.step(form, kernel_shape=[height, width], strides=self.pick([None, [height, width]], []))
        elif form == "GlobalAveragePool":
            self.step(form)
        else:
            axes = self.pick([[2, 3], [-2, -1], [-1, 2]], [[1, 2]])
            self.step("ReduceMean", axes=axes, keepdims=0 if "vector" in form else self.pick([1, None], []))
        self.shape = (channels,) if "vector" in form else (channels, 1, 1)
        self.activation(np.full(channels, self.scale / 4), 1)

    def flatten(self) -> None:
        """The map as a vector."""
        elements = int(np.prod(self.shape))
        if self.rng.random() < 0.5:
            self.step("Flatten", axis=self.pick([None, 1], [2, 3]))
        else:
            shape = self.pick([[0, -1], [1, elements], [1, -1]], [[elements, 1], [-1]])
            self.step("Reshape", self.constant(shape, np.int64))
        self.shape = (elements,)

    def dense(self, last: bool) -> None:
        """A dense layer, and its quantizer unless it is the last."""
        (inputs,), outputs = self.shape, int(self.rng.integers(1, 7))
        form = self.pick(["Gemm", "Gemm of transposed", "MatMul", "MatMul of Transpose"], [])
        outputs_first = form in ("Gemm of transposed", "MatMul of Transpose")
        shape = (outputs, inputs) if outputs_first else (inputs, outputs)
        weights, scales = self.weights(shape, 0 if outputs_first else 1)
        if form == "MatMul of Transpose":
            weights = self.node("Transpose", [weights], perm=self.pick([None, [1, 0]], [[0, 1]]))
        if form.startswith("Gemm"):
            bias = self.bias(outputs, scales) if not last and self.rng.random() < 0.3 else []
            factors = self.pick([{}, {"alpha": 1.0, "beta": 1.0}], [{"alpha": 2.0}, {"beta": 0.5}, {"transA": 1}])
            self.step("Gemm", weights, *bias, transB=1 if outputs_first else self.pick([None, 0], []), **factors)
        else:
            self.step("MatMul", weights)
        self.shape = (outputs,)
        if last:
            self.step("Mul", self.constant(1 / (scales * self.scale)))
        else:
            self.activation(scales * self.scale, inputs)

    def model(self, size: tuple[int, int, int], opset: int) -> onnx.ModelProto:
        """The whole network, from `pixels` (1, C, H, W)."""
        graph = helper.make_graph(
            self.nodes,
            "random",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, *size])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (self.value, *self.heads)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def random_model(seed: int) -> onnx.ModelProto:
    """A random network of one to four layers.

    Args:
        seed: Draws it; the same network at every call.
    """
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 5)), int(rng.integers(2, 10)), int(rng.integers(2, 10))
    network = RandomNetwork(rng, shape=size)
    network.quantize(8, 1.0, 0)
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.3 and all(side % 2 == 0 for side in network.shape[1:]):
            network.pool()
        network.conv()
        if rng.random() < 0.25:
            network.residual()
        if rng.random() < 0.2:
            network.concat()
        if rng.random() < 0.1:
            network.head()
    if rng.random() < 0.3:
        network.mean()
    if len(network.shape) > 1:
        network.flatten()
    if rng.random() < 0.5:
        network.dense(last=False)
    if rng.random() < 0.1:
        network.concat_vectors()
    network.dense(last=True)
    return network.model(size, int(rng.integers(13, 18)))
