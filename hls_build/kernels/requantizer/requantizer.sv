// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Scales PE lanes by powers of two to fewer bits: y = clip(round((2 * x + bias) / 2**shift)), half to even.
///
/// Lane 0 is least significant. Bias and shift of a lane come from a table of FOLD words, gone through beat by beat; a
/// word has a field per lane, lane 0 least significant, of {shift - LEAST_SHIFT, bias + 2**(shift-1)}. Bit b of word w is
/// TABLE[b * FOLD + w] in look-up tables, TABLE[w * PE * (OFFSET_BITS + MORE_BITS) + b] in block RAM.
///
/// Latency 3 cycles, one beat per cycle, also across frames; s_axis_tready depends on registers alone.
module requantizer #(
  parameter int unsigned PE          = 1,   // lanes per beat
  parameter int unsigned FOLD        = 1,   // words of the table, at most 256 in look-up tables
  parameter int unsigned IN_BITS     = 16,  // per lane of x
  parameter int unsigned SIGNED      = 1,   // 1: x is two's complement
  parameter int unsigned OUT_BITS    = 4,   // per lane of y
  parameter int unsigned OUT_SIGNED  = 0,   // 1: y is two's complement
  parameter int unsigned LEAST_SHIFT = 1,   // at least 1
  parameter int unsigned MORE_BITS   = 0,   // of what a shift is above the least one
  parameter int unsigned OFFSET_BITS = 2,   // two's complement
  parameter int unsigned SUM_BITS    = 18,  // of every sum 2 * x + offset, two's complement, more than LEAST_SHIFT
  parameter int unsigned BLOCK       = 0,   // 1: table in block RAM, 0: in LUTs
  parameter logic [FOLD*PE*(OFFSET_BITS+MORE_BITS)-1:0] TABLE = '0
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,  // synchronous; resets valids and the counter, never data
  input  wire logic [PE*IN_BITS-1:0]  s_axis_tdata,
  input  wire logic                   s_axis_tvalid,
  output      logic                   s_axis_tready,
  output      logic [PE*OUT_BITS-1:0] m_axis_tdata,
  output      logic                   m_axis_tvalid,
  input  wire logic                   m_axis_tready
);
  if (PE == 0 || FOLD == 0) begin : gen_check_fold
    $error("need PE >= 1 and FOLD >= 1");
  end
  if (IN_BITS == 0 || OUT_BITS == 0) begin : gen_check_bits
    $error("need lanes of at least one bit");
  end
  if (SIGNED > 1 || OUT_SIGNED > 1 || BLOCK > 1) begin : gen_check_flags
    $error("need SIGNED, OUT_SIGNED and BLOCK to be 0 or 1");
  end
  if (LEAST_SHIFT == 0 || SUM_BITS <= LEAST_SHIFT) begin : gen_check_shift
    $error("need 1 <= LEAST_SHIFT < SUM_BITS");
  end
  if (SUM_BITS < IN_BITS + 2 - SIGNED || SUM_BITS < OFFSET_BITS) begin : gen_check_sum
    $error("need SUM_BITS to hold 2 * x and every offset");
  end

  localparam int unsigned FIELD  = OFFSET_BITS + MORE_BITS;
  localparam int unsigned WORD   = PE * FIELD;
  localparam int unsigned SCALED = SUM_BITS - LEAST_SHIFT;  // bits that the least shift leaves
  localparam int unsigned WIDE   = (SCALED > OUT_BITS) ? SCALED : OUT_BITS + 1;

  logic [WORD-1:0]        word;     // of the beat that is offered
  logic [1:0]             valid_q;  // sums, scaled sums
  logic [PE*OUT_BITS-1:0] y;

  if (FOLD == 1) begin : gen_constant
    assign word = TABLE;
  end else begin : gen_table
    localparam int unsigned ADDRESS_BITS = $clog2(FOLD);
    logic [ADDRESS_BITS-1:0] fold_d, fold_q;

    always_comb begin
      fold_d = fold_q;
      if (s_axis_tvalid && s_axis_tready) fold_d = (fold_q == ADDRESS_BITS'(FOLD - 1)) ? '0 : fold_q + 1'b1;
      if (!rst_ni) fold_d = '0;
    end

    always_ff @(posedge clk_i) fold_q <= fold_d;

    weight_rom #(.DEPTH(FOLD), .WIDTH(WORD), .BLOCK(BLOCK != 0), .TABLE(TABLE)) rom (
      .clk_i, .address_i(fold_d), .data_o(word)
    );
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (s_axis_tready) valid_q <= {valid_q[0], s_axis_tvalid};
  end

  for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
    logic signed [IN_BITS+1:0]     doubled;
    logic signed [OFFSET_BITS-1:0] offset;
    logic signed [SUM_BITS-1:0]    sum_q;
    logic signed [SCALED-1:0]      least, scaled_d, scaled_q;
    logic                          whole_d, whole_q;  // nothing was cut off
    logic signed [WIDE-1:0]        rounded;           // a half was rounded up; where that gave an odd number, it goes down

    assign doubled = {(SIGNED != 0) && s_axis_tdata[lane*IN_BITS + IN_BITS - 1], s_axis_tdata[lane*IN_BITS +: IN_BITS], 1'b0};
    assign offset  = word[lane*FIELD +: OFFSET_BITS];
    assign least   = SCALED'(sum_q >>> LEAST_SHIFT);

    if (MORE_BITS == 0) begin : gen_one_shift
      assign scaled_d = least;
      assign whole_d  = sum_q[LEAST_SHIFT-1:0] == '0;
    end else begin : gen_shifts
      logic [MORE_BITS-1:0] more_q;

      always_ff @(posedge clk_i) begin
        if (s_axis_tready) more_q <= word[lane*FIELD + OFFSET_BITS +: MORE_BITS];
      end
      assign scaled_d = least >>> more_q;
      assign whole_d  = sum_q[LEAST_SHIFT-1:0] == '0 && (least & ~({SCALED{1'b1}} << more_q)) == '0;
    end

    always_ff @(posedge clk_i) begin
      if (s_axis_tready) begin
        sum_q    <= SUM_BITS'(doubled) + SUM_BITS'(offset);
        scaled_q <= scaled_d;
        whole_q  <= whole_d;
      end
    end

    always_comb begin
      rounded = WIDE'(scaled_q);
      if (whole_q) rounded[0] = 1'b0;
      y[lane*OUT_BITS +: OUT_BITS] = rounded[OUT_BITS-1:0];
      if (OUT_SIGNED != 0) begin
        if (rounded[WIDE-1:OUT_BITS-1] != {WIDE-OUT_BITS+1{rounded[WIDE-1]}})
          y[lane*OUT_BITS +: OUT_BITS] = {rounded[WIDE-1], {OUT_BITS-1{!rounded[WIDE-1]}}};
      end else if (rounded[WIDE-1:OUT_BITS] != '0) begin
        y[lane*OUT_BITS +: OUT_BITS] = {OUT_BITS{!rounded[WIDE-1]}};
      end
    end
  end

  skid_buffer #(.WIDTH(PE * OUT_BITS)) skid (
    .clk_i, .rst_ni,
    .s_axis_tdata(y), .s_axis_tvalid(valid_q[1]), .s_axis_tready,
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
