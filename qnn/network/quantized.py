# SPDX-License-Identifier: Apache-2.0
"""The quantized CBAM-CNN in Brevitas: power-of-two scales, integer biases, so every sum is exact in float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from brevitas.core.scaling import ScalingImplType
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from brevitas.quant import Int8ActPerTensorFixedPoint, Int32Bias, Uint8ActPerTensorFixedPoint
from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPointMSE
from brevitas.quant_tensor import QuantTensor
from torch import Tensor, nn

from qnn.network.fake_quantizer import FakeQuantizer
from qnn.network.model import IMAGE_SIZE, PIXEL_SCALE, Architecture
from qnn.network.presets import Preset

GATE_BITS = 4
"""Unsigned bits of both attention gates; a gate's scale is 2**-GATE_BITS."""

Values: TypeAlias = Tensor | QuantTensor
"""Numbers, with their scale where a quantizer hands it on."""

CALIBRATION_STEPS = 40
"""Training steps whose activations set the first scales, which are learned from then on."""


class UnsignedActivation(Uint8ActPerTensorFixedPoint):
    """Unsigned codes with a learned power-of-two scale."""

    int_quant = FakeQuantizer


class SignedActivation(Int8ActPerTensorFixedPoint):
    """Signed codes with a learned power-of-two scale."""

    int_quant = FakeQuantizer


class UnitScaleActivation(UnsignedActivation):
    """Unsigned fractions of one: code * 2**-bits, as pixels and gates are."""

    scaling_impl_type = ScalingImplType.CONST
    min_val = 0.0
    max_val = 1.0


def activation(bits: int, signed: bool = False, with_scale: bool = True) -> QuantIdentity:
    """A quantizer with a learned power-of-two scale, which it hands on where a layer's bias needs it."""
    return QuantIdentity(
        act_quant=SignedActivation if signed else UnsignedActivation,
        bit_width=bits,
        collect_stats_steps=CALIBRATION_STEPS,
        return_quant_tensor=with_scale,
    )


def fraction(bits: int, with_scale: bool = False) -> QuantIdentity:
    """A quantizer to code * 2**-bits."""
    return QuantIdentity(act_quant=UnitScaleActivation, bit_width=bits, return_quant_tensor=with_scale)


class Convolution(QuantConv2d):
    """A convolution that gives plain numbers. Brevitas' also finds out their bits, for which it waits for the GPU."""

    def inner_forward_impl(self, x: Values, quant_weight: Values, quant_bias: Values | None) -> Tensor:
        return self._conv_forward(_plain(x), _plain(quant_weight), None if quant_bias is None else _plain(quant_bias))


class Dense(QuantLinear):
    """The same of a linear layer."""

    def inner_forward_impl(self, x: Values, quant_weight: Values, quant_bias: Values | None) -> Tensor:
        return nn.functional.linear(_plain(x), _plain(quant_weight), None if quant_bias is None else _plain(quant_bias))


def _plain(x: Values) -> Tensor:
    """The numbers that a quantizer gave."""
    return x.value if isinstance(x, QuantTensor) else x


def convolution(inputs: int, outputs: int, kernel: int, bits: int) -> Convolution:
    """'Same' convolution with per-channel power-of-two weight scales and an integer bias."""
    return Convolution(
        inputs,
        outputs,
        kernel,
        padding=kernel // 2,
        weight_quant=Int8WeightPerChannelFixedPointMSE,
        weight_bit_width=bits,
        bias_quant=Int32Bias,
    )


def dense(inputs: int, outputs: int, bits: int, bias: bool = True) -> Dense:
    """Linear layer with per-channel power-of-two weight scales and an integer bias."""
    return Dense(
        inputs,
        outputs,
        bias=bias,
        weight_quant=Int8WeightPerChannelFixedPointMSE,
        weight_bit_width=bits,
        bias_quant=Int32Bias if bias else None,
    )


class Affine(nn.Module):
    """Batch norm's inference form, x * gain + offset: two roundings that every runtime makes alike."""

    gain: Tensor
    offset: Tensor

    def __init__(self, bn: nn.BatchNorm2d) -> None:
        super().__init__()
        assert bn.running_mean is not None and bn.running_var is not None
        gain = bn.weight.detach() / torch.sqrt(bn.running_var + bn.eps)
        self.register_buffer("gain", gain[:, None, None])
        self.register_buffer("offset", (bn.bias.detach() - bn.running_mean * gain)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain + self.offset


class Sigmoid(nn.Module):
    """Sigmoid of x + correction, which is 0 unless runtimes disagree on a reachable code (qnn.export.sigmoids)."""

    correction: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("correction", torch.zeros(()), persistent=False)
        self.register_load_state_dict_pre_hook(_leave_out_correction)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x + self.correction)


def _leave_out_correction(_module: nn.Module, state: dict[str, Any], prefix: str, *_others: Any) -> None:
    """Pass over what checkpoints of 0.1 hold of a correction, always 0: export finds it anew."""
    state.pop(f"{prefix}nudge", None)


def mean_exponent(count: int) -> int:
    """The k of sum * 2**-k, which stands for the mean over count elements up to a constant factor."""
    return count.bit_length() - 1


class QuantCbam(nn.Module):
    """Channel then spatial attention on quantized maps.

    Averages are sums times a power of two: 9/8 of the mean over 576 or 9 pixels, the mean itself over channels.
    """

    def __init__(self, architecture: Architecture, channels: int, pixels: int, signed: bool, preset: Preset) -> None:
        super().__init__()
        bits = preset.attention_bits
        self.pixel_exponent = mean_exponent(pixels)
        self.channel_exponent = mean_exponent(channels)
        self.channel_descriptors_q = activation(preset.descriptor_bits, signed, with_scale=False)
        self.fc1 = dense(channels, architecture.hidden, bits, bias=False)
        self.fc1_q = activation(bits, with_scale=False)
        self.fc2 = dense(architecture.hidden, channels, bits, bias=False)
        self.channel_sigmoid = Sigmoid()
        self.channel_gate_q = fraction(GATE_BITS)
        self.channel_q = activation(bits, signed, with_scale=False)
        self.spatial_descriptors_q = activation(preset.descriptor_bits, signed)
        self.spatial = convolution(2, 1, 7, bits)
        self.spatial_sigmoid = Sigmoid()
        self.spatial_gate_q = fraction(GATE_BITS)
        self.spatial_q = activation(preset.activation_bits, signed)

    def forward(self, x: Tensor) -> Tensor:
        average = x.sum((2, 3)) * 2.0**-self.pixel_exponent
        descriptors = self.channel_descriptors_q(torch.stack([average, x.amax((2, 3))], 1))  # (B, 2, C)
        hidden = self.fc1_q(torch.relu(self.fc1(descriptors)))
        gate = self.channel_gate_q(self.channel_sigmoid(self.fc2(hidden).sum(1)))
        x = self.channel_q(x * gate[:, :, None, None])
        average = x.sum(1, keepdim=True) * 2.0**-self.channel_exponent
        descriptors = self.spatial_descriptors_q(torch.cat([average, x.amax(1, keepdim=True)], 1))
        gate = self.spatial_gate_q(self.spatial_sigmoid(self.spatial(descriptors)))
        return self.spatial_q(x * gate)


class QuantCbamCnn(nn.Module):
    """Pixels (B, 3, 48, 48) with values 0..255 to logits (B, outputs), with the float model's module names."""

    def __init__(self, architecture: Architecture, preset: Preset) -> None:
        super().__init__()
        self.architecture = architecture
        self.preset = preset
        self.has_scales = False  # from a trained network; else calibration sets them
        c1, c2, c3, c4, c5 = architecture.conv_channels
        d1, d2 = architecture.dense
        weights, bits = preset.weight_bits, preset.activation_bits
        inner = preset.attention_bits if architecture.attention else bits
        quarter, eighth = IMAGE_SIZE // 2, IMAGE_SIZE // 16
        self.pixels_q = fraction(8, with_scale=True)
        self.conv1 = convolution(3, c1, 3, preset.first_bits)
        self.conv1_q = activation(bits)
        self.conv2 = convolution(c1, c2, 3, weights)
        self.conv2_q = activation(bits)
        self.conv3 = convolution(c2, c3, 3, weights)
        self.bn: nn.Module = nn.BatchNorm2d(c3)
        self.conv3_q = activation(inner, signed=True, with_scale=not architecture.attention)
        self.conv4 = convolution(c3, c4, 3, weights)
        self.conv4_q = activation(bits)
        self.conv5 = convolution(c4, c5, 3, weights)
        self.conv5_q = activation(inner, with_scale=not architecture.attention)
        self.attention1: nn.Module = nn.Identity()
        self.attention2: nn.Module = nn.Identity()
        if architecture.attention:
            self.attention1 = QuantCbam(architecture, c3, quarter**2, True, preset)
            self.attention2 = QuantCbam(architecture, c5, eighth**2, False, preset)
        self.fc1 = dense(architecture.flat, d1, preset.head_bits)
        self.fc1_q = activation(bits)
        self.fc2 = dense(d1, d2, preset.head_bits)
        self.fc2_q = activation(bits)
        self.fc3 = dense(d2, architecture.outputs, preset.output_bits, bias=False)
        self.fc3_bias = nn.Parameter(torch.zeros(architecture.outputs))
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.2)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.scaled_accumulators(pixels) + self.fc3_bias

    def scaled_accumulators(self, pixels: Tensor) -> Tensor:
        """The last layer's integer accumulators times `output_scale`, before the bias (B, outputs)."""
        return self._accumulated(self._early(pixels))

    def features(self, pixels: Tensor) -> Tensor:
        """What conv4 and the pooling behind it give, (B, 128, 6, 6), numbers on the grid of `conv4_q`."""
        return _plain(self._early(pixels))

    def from_features(self, features: Tensor) -> Tensor:
        """Logits (B, outputs) from what `features` gives, which its quantizer leaves as they are."""
        return self._accumulated(self.conv4_q(features)) + self.fc3_bias

    def _early(self, pixels: Tensor) -> Values:
        x = self.pixels_q(pixels * PIXEL_SCALE)
        x = self.conv1_q(torch.relu(self.conv1(x)))
        x = self.dropout(self._maxima(torch.relu(self.conv2(x)), self.conv2_q))  # (B, 64, 24, 24)
        x = self.conv3_q(self.bn(torch.relu(self.conv3(x))))
        x = self.pool(self.attention1(x))  # (B, 128, 12, 12)
        return self._maxima(torch.relu(self.conv4(x)), self.conv4_q)

    def _accumulated(self, features: Values) -> Tensor:
        x = self._maxima(torch.relu(self.conv5(features)), self.conv5_q)  # (B, 64, 3, 3)
        x = self.attention2(x).flatten(1)
        x = self.dropout(self.fc1_q(torch.relu(self.fc1(x))))
        x = self.dropout(self.fc2_q(torch.relu(self.fc2(x))))
        return self.fc3(x)

    def _maxima(self, x: Tensor, quantizer: QuantIdentity) -> Values:
        """Each 2x2 window's greatest code, which hardware finds among codes.

        Training takes the greatest number's code: the same values, from a quarter of the work, and a gradient for that
        number instead of the first of equal codes.
        """
        return quantizer(self.pool(x)) if self.training else self.pool(quantizer(x))

    def load_float(self, state: Mapping[str, Tensor]) -> None:
        """Start from a float model's state; quantizer scales keep their initial values.

        Raises:
            ValueError: A float weight has no place here.
        """
        renamed = {"fc3_bias" if name == "fc3.bias" else name: value for name, value in state.items()}
        unexpected = self.load_state_dict(renamed, strict=False).unexpected_keys
        if unexpected:
            raise ValueError(f"float weights without a place in the quantized network: {', '.join(unexpected)}")

    def load_quantized(self, other: QuantCbamCnn, state: Mapping[str, Tensor] | None = None) -> None:
        """Start from the weights of a trained network, and from its quantizers' scales where it has the same bits.

        Args:
            other: The network.
            state: Its state with this network's outputs, where these are others.
        """
        state = other.state_dict() if state is None else state
        same = replace(other.preset, divisor=1) == replace(self.preset, divisor=1)
        taken = state if same else {name: state[name] for name in self.state_dict()}
        self.load_state_dict(taken, strict=False)
        self.has_scales = same
        if same:
            self.train().fc3.quant_weight()  # sets its scales where it has other outputs, and none came along

    def output_scale(self) -> Tensor:
        """Scale of the last accumulators, one power of two per output (outputs,)."""
        weight_scale = self.fc3.quant_weight().scale.detach().flatten()
        return weight_scale * self.fc2_q.act_quant.scale().detach()

    def accumulators(self, pixels: Tensor) -> Tensor:
        """The accelerator's output: integers (B, outputs), int32."""
        return (self.scaled_accumulators(pixels) / self.output_scale()).round().to(torch.int32)

    def snap_weights(self) -> None:
        """Replace every weight by the quantized value it stands for: the network stays the same, its file shrinks.

        An output without weights takes the finest scale that another one of its layer has. One that was first set by no
        weights is 1e-10, and a bias in such units beyond all integers that float32 has.
        """
        for module in self.modules():
            if isinstance(module, QuantConv2d | QuantLinear):
                module.weight.data = module.quant_weight().value.detach().clone()
                scale = module.weight_quant.tensor_quant.scaling_impl.value.data  # its logarithm
                used = module.weight.data.flatten(1).any(1)
                if len(scale) == len(used) and used.any():
                    scale[~used] = scale[~used].clamp(min=scale[used].min())

    def freeze(self) -> QuantCbamCnn:
        """Turn to inference: eval mode, batch norm as `Affine`. Returns itself."""
        self.eval().requires_grad_(False)
        if isinstance(self.bn, nn.BatchNorm2d):
            self.bn = Affine(self.bn)
        return self
