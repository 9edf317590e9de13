# SPDX-License-Identifier: Apache-2.0
"""Where frames come from: pictures, videos, cameras, arrays."""
