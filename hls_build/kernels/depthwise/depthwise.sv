// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Weighs windows channel by channel: out[c] = sum over t of x[t][c] * weight[c][t].
///
/// A window is CHANNELS/PE groups of TAPS beats, each beat one place t of PE channels, lane 0 least significant; the sums
/// of a group leave as one beat. WEIGHTS holds a word of PE weights for each beat of a window, the first beat's least
/// significant, lane 0 least significant in it. Inputs are two's complement if SIGNED; weights and sums always are.
///
/// Products are made of LUTs. Latency TAPS + 3 cycles from a group's first beat to its sums; one beat per cycle, also
/// across frames. s_axis_tready depends on registers alone.
module depthwise #(
  parameter int unsigned CHANNELS    = 1,  // per window, a multiple of PE
  parameter int unsigned TAPS        = 1,  // places per window
  parameter int unsigned PE          = 1,  // lanes per beat
  parameter int unsigned BITS        = 4,  // per lane of x
  parameter int unsigned SIGNED      = 0,  // 1: x is two's complement
  parameter int unsigned WEIGHT_BITS = 4,  // per weight, at least 2
  parameter int unsigned OUT_BITS    = 8,  // per sum
  parameter int unsigned BLOCK       = 0,  // 1: weights in block RAM, 0: in LUTs
  parameter logic [CHANNELS*TAPS*WEIGHT_BITS-1:0] WEIGHTS = '0
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [PE*BITS-1:0]     s_axis_tdata,
  input  wire logic                   s_axis_tvalid,
  output      logic                   s_axis_tready,
  output      logic [PE*OUT_BITS-1:0] m_axis_tdata,
  output      logic                   m_axis_tvalid,
  input  wire logic                   m_axis_tready
);
  if (PE == 0 || CHANNELS == 0 || CHANNELS % PE != 0) begin : gen_check_pe
    $error("need PE to divide CHANNELS");
  end
  if (TAPS == 0) begin : gen_check_taps
    $error("need TAPS >= 1");
  end
  if (BITS == 0 || WEIGHT_BITS < 2) begin : gen_check_bits
    $error("need BITS >= 1 and WEIGHT_BITS >= 2");
  end
  if (OUT_BITS < BITS + WEIGHT_BITS) begin : gen_check_out
    $error("need OUT_BITS to hold every product");
  end
  if (SIGNED > 1 || BLOCK > 1) begin : gen_check_flags
    $error("need SIGNED and BLOCK to be 0 or 1");
  end

  localparam int unsigned DEPTH        = CHANNELS / PE * TAPS;
  localparam int unsigned ADDR_BITS    = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int unsigned TAP_BITS     = (TAPS > 1) ? $clog2(TAPS) : 1;
  localparam int unsigned WORD_BITS    = PE * WEIGHT_BITS;
  localparam int unsigned PRODUCT_BITS = BITS + WEIGHT_BITS;

  // x: two beats, so that s_axis_tready waits for nothing behind it.
  logic [PE*BITS-1:0] x;
  logic               x_valid, advance;

  skid_buffer #(.WIDTH(PE * BITS)) skid (
    .clk_i, .rst_ni,
    .s_axis_tdata, .s_axis_tvalid, .s_axis_tready,
    .m_axis_tdata(x), .m_axis_tvalid(x_valid), .m_axis_tready(advance)
  );

  // Stage 1: factors. Stage 2: products. Stage 3: sums, which leave with a group's last beat.
  logic [ADDR_BITS-1:0]       addr_q;
  logic [TAP_BITS-1:0]        tap_q;
  logic                       s1_valid_q, s1_first_q, s1_last_q, s2_valid_q, s2_first_q, s2_last_q, out_valid_q;
  logic [PE*BITS-1:0]         s1_x_q;
  logic [WORD_BITS-1:0]       s1_word_q;
  logic [PE*PRODUCT_BITS-1:0] s2_products_q;
  logic [PE*OUT_BITS-1:0]     sums_q;
  logic                       first, last;

  assign first         = tap_q == '0;
  assign last          = tap_q == TAP_BITS'(TAPS - 1);
  assign advance       = !out_valid_q || m_axis_tready;
  assign m_axis_tdata  = sums_q;
  assign m_axis_tvalid = out_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      addr_q      <= '0;
      tap_q       <= '0;
      s1_valid_q  <= 1'b0;
      s2_valid_q  <= 1'b0;
      out_valid_q <= 1'b0;
    end else if (advance) begin
      if (x_valid) begin
        addr_q <= (addr_q == ADDR_BITS'(DEPTH - 1)) ? '0 : addr_q + 1'b1;
        tap_q  <= last ? '0 : tap_q + 1'b1;
      end
      s1_valid_q  <= x_valid;
      s2_valid_q  <= s1_valid_q;
      out_valid_q <= s2_valid_q && s2_last_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      s1_x_q     <= x;
      s1_first_q <= first;
      s1_last_q  <= last;
      s2_first_q <= s1_first_q;
      s2_last_q  <= s1_last_q;
    end
  end

  // Weights.
  if (BLOCK != 0) begin : gen_block
    (* rom_style = "block" *)
    logic [WORD_BITS-1:0] rom [DEPTH];

    initial for (int unsigned i = 0; i < DEPTH; i++) rom[i] = WEIGHTS[i*WORD_BITS +: WORD_BITS];

    always_ff @(posedge clk_i) begin
      if (advance) s1_word_q <= rom[addr_q];
    end
  end else begin : gen_distributed
    logic [DEPTH-1:0][WORD_BITS-1:0] words;

    assign words = WEIGHTS;

    always_ff @(posedge clk_i) begin
      if (advance) s1_word_q <= words[addr_q];
    end
  end

  for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
    logic [BITS-1:0]         x_lane;
    logic [WEIGHT_BITS-1:0]  weight;
    logic [PRODUCT_BITS-1:0] factor, product, held;
    logic [OUT_BITS-1:0]     sum;

    assign x_lane = s1_x_q[lane*BITS +: BITS];
    assign weight = s1_word_q[lane*WEIGHT_BITS +: WEIGHT_BITS];
    assign factor = PRODUCT_BITS'($signed({(SIGNED != 0) && x_lane[BITS-1], x_lane}));
    assign held   = s2_products_q[lane*PRODUCT_BITS +: PRODUCT_BITS];
    assign sum    = s2_first_q ? '0 : sums_q[lane*OUT_BITS +: OUT_BITS];

    always_comb begin
      product = '0;
      for (int unsigned i = 0; i < WEIGHT_BITS - 1; i++) product += (factor << i) & {PRODUCT_BITS{weight[i]}};
      product -= (factor << (WEIGHT_BITS - 1)) & {PRODUCT_BITS{weight[WEIGHT_BITS-1]}};
    end

    always_ff @(posedge clk_i) begin
      if (advance) s2_products_q[lane*PRODUCT_BITS +: PRODUCT_BITS] <= product;
      if (advance && s2_valid_q) sums_q[lane*OUT_BITS +: OUT_BITS] <= sum + OUT_BITS'($signed(held));
    end
  end
endmodule

`default_nettype wire
