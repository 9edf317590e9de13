# SPDX-License-Identifier: Apache-2.0
"""Static timing analysis of a build's netlists: when signals arrive, and by how much before the next clock edge."""
