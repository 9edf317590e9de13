// SPDX-License-Identifier: Apache-2.0
// Meeting point of the generic harness and one verilated top: its ports as bytes, and how to evaluate it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// One port of the top. Verilator keeps every width little-endian, so bytes serve all of them.
struct Port {
    const char* name;
    uint32_t width;  // bits
    bool input;
    uint8_t* bytes;
    uint32_t storage;  // bytes that Verilator keeps, at least width / 8
};

/// One live instance of a verilated top.
class Model {
  public:
    virtual ~Model() = default;
    virtual void eval() = 0;
    virtual void dump(uint64_t time) = 0;
    std::vector<Port> ports;
};

/// Written per top by verilator.py. An empty trace path means no waves.
std::unique_ptr<Model> make_model(const std::string& trace, uint32_t seed);
