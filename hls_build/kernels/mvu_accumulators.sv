// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Adds up the sums of a vector's beats, PE outputs at once, each beginning with an offset, and queues what is done.
///
/// In a cycle of valid_i sums_i holds PE unsigned sums of WIDTH bits; begins_i and ends_i tell the first and the last of
/// a vector's. Outputs are exact modulo 2**OUT_BITS, lane 0 least significant. They leave 3 cycles after their last sum
/// at the earliest, over a queue of QUEUE beats, which the giver must not overrun: give_o is high where one leaves.
module mvu_accumulators #(
  parameter int unsigned PE       = 1,   // outputs at once
  parameter int unsigned TURNS    = 1,   // groups of PE outputs, at most 256
  parameter int unsigned WIDTH    = 1,   // of a sum, at most OUT_BITS
  parameter int unsigned OUT_BITS = 8,   // of an output
  parameter int unsigned QUEUE    = 32,  // beats, a power of two, at most 32
  // Bit b of output n * PE + p: at (p * OUT_BITS + b) * TURNS + n.
  parameter logic [OUT_BITS*PE*TURNS-1:0] OFFSETS = '0
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [PE*WIDTH-1:0]    sums_i,
  input  wire logic                   valid_i, begins_i, ends_i,
  output      logic                   give_o,
  output      logic [PE*OUT_BITS-1:0] m_axis_tdata,
  output      logic                   m_axis_tvalid,
  input  wire logic                   m_axis_tready
);
  localparam int unsigned OUT_WIDTH = PE * OUT_BITS;
  localparam int unsigned TURN_BITS = (TURNS > 1) ? $clog2(TURNS) : 1;
  localparam int unsigned PLACE_BITS = $clog2(QUEUE);

  assign give_o = m_axis_tvalid && m_axis_tready;

  // Accumulators, which begin with the offsets.
  logic [OUT_WIDTH-1:0] offsets, acc_d, acc_q;
  logic                 done_q;

  if (TURNS == 1) begin : gen_one_turn
    assign offsets = OFFSETS;
  end else begin : gen_turns
    logic [TURN_BITS-1:0] turn_d, turn_q;

    always_comb begin
      turn_d = turn_q;
      if (!rst_ni) turn_d = '0;
      else if (valid_i && ends_i) turn_d = (turn_q == TURN_BITS'(TURNS - 1)) ? '0 : turn_q + 1'b1;
    end

    always_ff @(posedge clk_i) turn_q <= turn_d;

    lut_rom #(.DEPTH(TURNS), .WIDTH(OUT_WIDTH), .TABLE(OFFSETS)) rom (
      .clk_i, .address_i(turn_d), .data_o(offsets)
    );
  end

  for (genvar p = 0; p < PE; p++) begin : gen_accumulate
    assign acc_d[p*OUT_BITS +: OUT_BITS] = OUT_BITS'(sums_i[p*WIDTH +: WIDTH])
        + (begins_i ? offsets[p*OUT_BITS +: OUT_BITS] : acc_q[p*OUT_BITS +: OUT_BITS]);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) done_q <= 1'b0;
    else done_q <= valid_i && ends_i;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) acc_q <= acc_d;
  end

  // Queue, and the register behind it.
  (* ram_style = "distributed" *)
  logic [OUT_WIDTH-1:0]  queue_mem [QUEUE];
  logic [PLACE_BITS-1:0] got_q;
  logic [PLACE_BITS:0]   put_q, next_q;  // next_q is one ahead of got_q
  logic                  some_q, out_valid_q, get;  // some_q: whether any is queued
  logic [OUT_WIDTH-1:0]  out_q;

  assign get           = some_q && (!out_valid_q || m_axis_tready);
  assign m_axis_tvalid = out_valid_q;
  assign m_axis_tdata  = out_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      put_q       <= '0;
      got_q       <= '0;
      next_q      <= (PLACE_BITS+1)'(1);
      some_q      <= 1'b0;
      out_valid_q <= 1'b0;
    end else begin
      if (done_q) put_q <= put_q + 1'b1;
      if (get) got_q <= next_q[PLACE_BITS-1:0];
      if (get) next_q <= next_q + 1'b1;
      some_q <= done_q || (some_q && !(get && put_q == next_q));
      if (get) out_valid_q <= 1'b1;
      else if (m_axis_tready) out_valid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (done_q) queue_mem[put_q[PLACE_BITS-1:0]] <= acc_q;
    if (get) out_q <= queue_mem[got_q];
  end
endmodule

`default_nettype wire
