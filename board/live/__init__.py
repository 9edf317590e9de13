# SPDX-License-Identifier: Apache-2.0
"""The live view: what the pipeline sees now, served as one page to browsers."""
