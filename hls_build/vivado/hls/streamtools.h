// SPDX-License-Identifier: Apache-2.0
//
// A stream in words of another width, least significant part first.
#pragma once

#include "bnn-library.h"

namespace auflow {

template <bool NARROWS>
struct Converter;

/// Cuts every word into IN_BITS / OUT_BITS parts, one per cycle.
template <>
struct Converter<true> {
  template <unsigned IN_BITS, unsigned OUT_BITS>
  static void run(hls::stream<ap_uint<IN_BITS> > &in, hls::stream<ap_uint<OUT_BITS> > &out, unsigned words) {
    static_assert(IN_BITS % OUT_BITS == 0, "the wide word must be whole narrow ones");
    const unsigned parts = IN_BITS / OUT_BITS;
    ap_uint<IN_BITS> rest = 0;
    unsigned part = 0;
    for (unsigned i = 0; i < words * parts; i++) {
#pragma HLS pipeline style=flp II=1
      if (part == 0) rest = in.read();
      out.write(ap_uint<OUT_BITS>(rest));
      rest = rest >> OUT_BITS;
      part = part == parts - 1 ? 0 : part + 1;
    }
  }
};

/// Collects OUT_BITS / IN_BITS words into one.
template <>
struct Converter<false> {
  template <unsigned IN_BITS, unsigned OUT_BITS>
  static void run(hls::stream<ap_uint<IN_BITS> > &in, hls::stream<ap_uint<OUT_BITS> > &out, unsigned words) {
    static_assert(OUT_BITS % IN_BITS == 0, "the wide word must be whole narrow ones");
    const unsigned parts = OUT_BITS / IN_BITS;
    ap_uint<OUT_BITS> collected = 0;
    unsigned part = 0;
    for (unsigned i = 0; i < words; i++) {
#pragma HLS pipeline style=flp II=1
      collected = (collected >> IN_BITS) | (ap_uint<OUT_BITS>(in.read()) << (OUT_BITS - IN_BITS));
      if (part == parts - 1) out.write(collected);
      part = part == parts - 1 ? 0 : part + 1;
    }
  }
};

}  // namespace auflow

/// Converts so many frames of WORDS incoming words; the wider width is a multiple of the narrower.
template <unsigned IN_BITS, unsigned OUT_BITS, unsigned WORDS>
void StreamingDataWidthConverter_Batch(
    hls::stream<ap_uint<IN_BITS> > &in, hls::stream<ap_uint<OUT_BITS> > &out, unsigned frames) {
  auflow::Converter<(IN_BITS > OUT_BITS)>::template run<IN_BITS, OUT_BITS>(in, out, frames * WORDS);
}
