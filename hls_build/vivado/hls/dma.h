// SPDX-License-Identifier: Apache-2.0
//
// Frames between memory and a stream of the memory's width, back to back, one word per cycle in bursts.
#pragma once

#include "bnn-library.h"

/// Reads so many frames of BYTES bytes, a whole number of words of BITS bits.
template <unsigned BITS, unsigned BYTES>
void Mem2Stream_Batch(ap_uint<BITS> *memory, hls::stream<ap_uint<BITS> > &out, unsigned frames) {
  static_assert(BYTES * 8 % BITS == 0, "a frame must be whole words of memory");
  const unsigned words = frames * (BYTES * 8 / BITS);
  for (unsigned i = 0; i < words; i++) {
#pragma HLS pipeline style=flp II=1
    out.write(memory[i]);
  }
}

/// Writes so many frames of BYTES bytes, a whole number of words of BITS bits.
template <unsigned BITS, unsigned BYTES>
void Stream2Mem_Batch(hls::stream<ap_uint<BITS> > &in, ap_uint<BITS> *memory, unsigned frames) {
  static_assert(BYTES * 8 % BITS == 0, "a frame must be whole words of memory");
  const unsigned words = frames * (BYTES * 8 / BITS);
  for (unsigned i = 0; i < words; i++) {
#pragma HLS pipeline style=flp II=1
    memory[i] = in.read();
  }
}
