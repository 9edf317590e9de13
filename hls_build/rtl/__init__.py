# SPDX-License-Identifier: Apache-2.0
"""The stitched RTL of a dataflow graph: one folder, one structural top."""
