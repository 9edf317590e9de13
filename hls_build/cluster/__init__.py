# SPDX-License-Identifier: Apache-2.0
"""Graphs of tasks on dask.distributed, whose results are kept on disk: a killed worker or run loses none."""
