// SPDX-License-Identifier: Apache-2.0
//
// Streams, as far as the DMAs use Vitis HLS's; reading an empty one ends the program.
#pragma once
#include <cstdlib>
#include <queue>

namespace hls {
template <typename T>
struct stream : std::queue<T> {
  void write(const T &value) { this->push(value); }
  T read() {
    if (this->empty()) abort();
    T value = this->front();
    this->pop();
    return value;
  }
};
}  // namespace hls
