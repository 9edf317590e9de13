# SPDX-License-Identifier: Apache-2.0
"""Faces with their AU labels: five datasets in their official layouts, protocols that split them, augmentation."""
