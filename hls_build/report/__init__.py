# SPDX-License-Identifier: Apache-2.0
"""One page about a build: speed, stalls, resources, limits, accuracy."""
