# SPDX-License-Identifier: Apache-2.0
"""MaxPool2x2: maximum over 2x2 tiles."""
