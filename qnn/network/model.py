# SPDX-License-Identifier: Apache-2.0
"""The float CBAM-CNN of Deramgozin et al. 2023 (IEEE Access, Tables 3 and 4), which the others quantize."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from board.core.facs import EMOTIONS
from qnn.network.presets import DIVISORS

PIXEL_SCALE = 2.0**-8
"""Pixels enter as 0..255; a power of two keeps them exact where 1/255 would round."""

IMAGE_SIZE = 48


@dataclass(frozen=True)
class Architecture:
    """Geometry of the network.

    Attributes:
        aus: Action units: 13 for CK+, RAF-DB and FERPlus, 12 for DISFA, 5 for BP4D.
        attention: Include the two CBAM blocks.
        divisor: Divides every width; 1 is the paper's network, 8 the tiny one for tests.
        head_divisor: Divides the units of fc1 and fc2 once more, which hold three quarters of the paper's weights.
        emotions: Outputs of their own behind those of the AUs: 7 for board.core.facs.EMOTIONS, 0 for none.
    """

    aus: int = 13
    attention: bool = True
    divisor: int = 1
    head_divisor: int = 1
    emotions: int = 0

    def __post_init__(self) -> None:
        if self.aus < 1:
            raise ValueError(f"need at least one AU, got aus={self.aus}")
        if self.divisor not in DIVISORS:
            raise ValueError(f"need divisor {', '.join(map(str, DIVISORS))}, got {self.divisor}")
        if self.head_divisor not in (1, 2, 4, 8, 16):
            raise ValueError(f"need head_divisor 1, 2, 4, 8 or 16, got {self.head_divisor}")
        if self.emotions not in (0, len(EMOTIONS)):
            raise ValueError(f"need emotions 0 or {len(EMOTIONS)}, got {self.emotions}")

    @property
    def outputs(self) -> int:
        """Logits: those of the AUs, then those of the emotions."""
        return self.aus + self.emotions

    @property
    def conv_channels(self) -> tuple[int, int, int, int, int]:
        """Output channels of conv1 to conv5."""
        d = self.divisor
        return 32 // d, 64 // d, 128 // d, 128 // d, 64 // d

    @property
    def hidden(self) -> int:
        """Hidden units of both shared MLPs."""
        return 32 // self.divisor

    @property
    def dense(self) -> tuple[int, int]:
        """Units of fc1 and fc2."""
        divisor = self.divisor * self.head_divisor
        return 1024 // divisor, 512 // divisor

    @property
    def flat(self) -> int:
        """Elements of the last feature map, 3 x 3 x conv5's channels."""
        return 9 * self.conv_channels[4]


class Cbam(nn.Module):
    """Channel then spatial attention (equations 1 and 2); the MLP has no bias, the 7x7 convolution has one."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, channels, bias=False)
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        descriptors = torch.stack([x.mean((2, 3)), x.amax((2, 3))], 1)  # (B, 2, C)
        channel_gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(descriptors))).sum(1))
        x = x * channel_gate[:, :, None, None]
        descriptors = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)  # (B, 2, H, W)
        return x * torch.sigmoid(self.spatial(descriptors))


class CbamCnn(nn.Module):
    """Pixels (B, 3, 48, 48) with values 0..255 to logits (B, outputs): of the AUs, then of the emotions."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        c1, c2, c3, c4, c5 = architecture.conv_channels
        d1, d2 = architecture.dense
        self.conv1 = nn.Conv2d(3, c1, 3, padding=1)
        self.conv2 = nn.Conv2d(c1, c2, 3, padding=1)
        self.conv3 = nn.Conv2d(c2, c3, 3, padding=1)
        self.bn = nn.BatchNorm2d(c3)
        self.attention1 = Cbam(c3, architecture.hidden) if architecture.attention else nn.Identity()
        self.conv4 = nn.Conv2d(c3, c4, 3, padding=1)
        self.conv5 = nn.Conv2d(c4, c5, 3, padding=1)
        self.attention2 = Cbam(c5, architecture.hidden) if architecture.attention else nn.Identity()
        self.fc1 = nn.Linear(architecture.flat, d1)
        self.fc2 = nn.Linear(d1, d2)
        self.fc3 = nn.Linear(d2, architecture.outputs)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.2)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.from_features(self.features(pixels))

    def features(self, pixels: Tensor) -> Tensor:
        """What conv4 and the pooling behind it give, (B, 128, 6, 6)."""
        x = pixels * PIXEL_SCALE
        x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        x = self.dropout(self.pool(x))  # (B, 64, 24, 24)
        x = self.bn(torch.relu(self.conv3(x)))
        x = self.pool(self.attention1(x))  # (B, 128, 12, 12)
        return self.pool(torch.relu(self.conv4(x)))

    def from_features(self, features: Tensor) -> Tensor:
        """Logits (B, outputs) from what `features` gives."""
        x = self.pool(torch.relu(self.conv5(features)))  # (B, 64, 3, 3)
        x = self.attention2(x).flatten(1)
        x = self.dropout(torch.relu(self.fc1(x)))
        x = self.dropout(torch.relu(self.fc2(x)))
        return self.fc3(x)


def parameter_counts(model: nn.Module) -> tuple[int, int]:
    """Trainable and non-trainable parameters as the paper counts them (running statistics are non-trainable)."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    statistics = sum(b.numel() for name, b in model.named_buffers() if name.endswith(("_mean", "_var")))
    return trainable, statistics
