// SPDX-License-Identifier: Apache-2.0
//
// Unsigned integers of any width, as far as the DMAs use Vitis HLS's.
#pragma once
#include <bitset>

template <int BITS>
struct ap_uint : std::bitset<BITS> {
  ap_uint(unsigned long long value = 0) : std::bitset<BITS>(value) {}
  ap_uint(const std::bitset<BITS> &bits) : std::bitset<BITS>(bits) {}

  template <int OTHER>
  explicit ap_uint(const ap_uint<OTHER> &other) {
    for (int i = 0; i < BITS && i < OTHER; i++) (*this)[i] = other[i];
  }
};
