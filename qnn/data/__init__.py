# SPDX-License-Identifier: Apache-2.0
"""Faces with their AU labels: datasets in their official layouts, one file each, and protocols that split them."""
