// SPDX-License-Identifier: Apache-2.0
// The part of LZ4 that Verilator's FST writer calls, so that waves need no development package.
//
// A block is a list of sequences: a token (literal count, match length - 4), the literals, a 16-bit
// offset back, and more length bytes where a nibble is 15. The last five bytes are literals.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

namespace lz4 {

constexpr int MIN_MATCH = 4, LAST_LITERALS = 5, MATCH_MARGIN = 12, MAX_OFFSET = 65535, HASH_BITS = 14;

inline uint32_t word(const uint8_t* at) {
    uint32_t value;
    std::memcpy(&value, at, 4);
    return value;
}

inline uint8_t* more_length(uint8_t* to, int rest) {
    for (; rest >= 255; rest -= 255) *to++ = 255;
    *to++ = static_cast<uint8_t>(rest);
    return to;
}

/// Writes one sequence; match 0 ends the block.
inline uint8_t* sequence(uint8_t* to, const uint8_t* literals, int count, int offset, int match) {
    const int length = match ? match - MIN_MATCH : 0;
    *to++ = static_cast<uint8_t>(std::min(count, 15) << 4 | std::min(length, 15));
    if (count >= 15) to = more_length(to, count - 15);
    std::memcpy(to, literals, count);
    to += count;
    if (!match) return to;
    *to++ = static_cast<uint8_t>(offset);
    *to++ = static_cast<uint8_t>(offset >> 8);
    return length >= 15 ? more_length(to, length - 15) : to;
}

}  // namespace lz4

/// Greedy: takes the latest earlier place whose four bytes hash alike and match. Returns the size, or 0
/// if `capacity` is below LZ4_compressBound.
inline int LZ4_compress_default(const char* source, char* target, int size, int capacity) {
    if (capacity < LZ4_compressBound(size)) return 0;
    const uint8_t* from = reinterpret_cast<const uint8_t*>(source);
    uint8_t* to = reinterpret_cast<uint8_t*>(target);
    std::vector<int> seen(1 << lz4::HASH_BITS, -1);
    int at = 0, literals = 0;
    while (at + lz4::MATCH_MARGIN < size) {
        int& place = seen[lz4::word(from + at) * 2654435761u >> (32 - lz4::HASH_BITS)];
        const int earlier = place;
        place = at;
        if (earlier < 0 || at - earlier > lz4::MAX_OFFSET || lz4::word(from + earlier) != lz4::word(from + at)) {
            ++at;
            continue;
        }
        int match = lz4::MIN_MATCH;
        while (at + match < size - lz4::LAST_LITERALS && from[earlier + match] == from[at + match]) ++match;
        to = lz4::sequence(to, from + literals, at - literals, at - earlier, match);
        literals = at += match;
    }
    to = lz4::sequence(to, from + literals, size - literals, 0, 0);
    return static_cast<int>(to - reinterpret_cast<uint8_t*>(target));
}
