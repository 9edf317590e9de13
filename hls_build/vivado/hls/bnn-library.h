// SPDX-License-Identifier: Apache-2.0
//
// What FINN's generated DMA sources include: widths and streams of Vitis HLS. The DMAs themselves need no more of
// finn-hlslib than dma.h and streamtools.h beside this file, which keep its names and the order of its bits.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>
