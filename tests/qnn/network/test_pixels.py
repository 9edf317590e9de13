# SPDX-License-Identifier: Apache-2.0
"""Grey and colour faces enter the network alike."""

import torch

from qnn.network.pixels import channels_first, network_input


def test_grey_and_colour_faces_enter_alike() -> None:
    grey = torch.randint(0, 256, (2, 48, 48), dtype=torch.uint8)
    colour = grey[..., None].expand(-1, -1, -1, 3)
    assert torch.equal(network_input(channels_first(grey)), network_input(channels_first(colour)))
    assert network_input(channels_first(grey)).shape == (2, 3, 48, 48)
