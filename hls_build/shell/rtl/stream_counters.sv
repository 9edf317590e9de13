// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Counts the beats of many streams and the cycles in which each has a beat that nobody takes.
///
/// A stream has two small counters, which a scan empties into a memory, one stream per cycle: 32 bits wide, they would
/// cost four times as much. So what is read is up to STREAMS cycles old. clear_i sets all totals to zero within 3 * STREAMS
/// cycles, in which nothing is counted. Totals wrap.
module stream_counters #(
  parameter int unsigned STREAMS = 2,  // at least 2
  localparam int unsigned INDEX_BITS = $clog2(STREAMS)
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,   // synchronous; clears
  input  wire logic                  clear_i,  // one cycle
  input  wire logic [STREAMS-1:0]    valid_i,
  input  wire logic [STREAMS-1:0]    ready_i,
  input  wire logic [INDEX_BITS-1:0] index_i,  // of a stream
  output      logic [31:0]           beats_o,  // of that stream, in the same cycle
  output      logic [31:0]           stalls_o
);
  if (STREAMS < 2) begin : gen_check
    $error("need STREAMS >= 2");
  end

  localparam int unsigned SMALL_BITS = $clog2(STREAMS + 1);

  logic [INDEX_BITS-1:0]              scan_q;
  logic                               at_end, clearing_q, asked_q;
  logic [STREAMS-1:0][SMALL_BITS-1:0] beats_q, stalls_q;

  assign at_end = scan_q == INDEX_BITS'(STREAMS - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      scan_q     <= '0;
      clearing_q <= 1'b1;
      asked_q    <= 1'b0;
    end else begin
      scan_q  <= at_end ? '0 : scan_q + 1'b1;
      asked_q <= clear_i || (asked_q && !at_end);
      if (at_end) clearing_q <= asked_q || clear_i;
    end
  end

  for (genvar stream = 0; stream < STREAMS; stream++) begin : gen_stream
    logic taken;

    assign taken = clearing_q || scan_q == INDEX_BITS'(stream);
    always_ff @(posedge clk_i) begin
      beats_q[stream]  <= (taken ? '0 : beats_q[stream]) +
                          SMALL_BITS'(valid_i[stream] && ready_i[stream] && !clearing_q);
      stalls_q[stream] <= (taken ? '0 : stalls_q[stream]) +
                          SMALL_BITS'(valid_i[stream] && !ready_i[stream] && !clearing_q);
    end
  end

  (* ram_style = "distributed" *)
  logic [31:0] beats_mem [STREAMS];
  (* ram_style = "distributed" *)
  logic [31:0] stalls_mem [STREAMS];

  always_ff @(posedge clk_i) begin
    beats_mem[scan_q]  <= clearing_q ? '0 : beats_mem[scan_q] + 32'(beats_q[scan_q]);
    stalls_mem[scan_q] <= clearing_q ? '0 : stalls_mem[scan_q] + 32'(stalls_q[scan_q]);
  end

  assign beats_o  = beats_mem[index_i];
  assign stalls_o = stalls_mem[index_i];
endmodule

`default_nettype wire
