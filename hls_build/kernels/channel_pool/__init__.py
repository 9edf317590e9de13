# SPDX-License-Identifier: Apache-2.0
"""ChannelPool: sum and maximum over channels."""
