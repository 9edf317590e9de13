// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Multiplies vectors of MW activations by a constant MH x MW matrix of narrow weights, several in each DSP slice.
///
/// A vector is MW / SIMD beats of SIMD activations, an answer MH / PE beats of PE sums in two's complement, lane 0 least
/// significant. The beats of the matrix follow each other as in FINN's MVAU: fold w = n * (MW / SIMD) + s holds columns
/// s * SIMD + i of rows n * PE + p; a vector is kept while its MH / PE groups of rows are multiplied.
///
/// Rows 4 * g to 4 * g + 3, with weights and activations of 4 bits, share a slice per activation: `packed_products` tells
/// how their products stay apart. The top bit of a signed activation is inverted, which adds 2**(IN_BITS-1) times the
/// weight. What is summed up is the products and a constant per output; OFFSETS, with which a sum begins, takes it off.
///
/// One beat of the matrix per cycle, also across vectors; nothing in the pipeline stalls, since sums have room in a
/// queue before they are begun. s_axis_tready depends on registers alone.
module dsp_mvu #(
  parameter int unsigned MW          = 1,  // activations of a vector
  parameter int unsigned MH          = 1,  // outputs
  parameter int unsigned PE          = 1,  // outputs at once, divides MH
  parameter int unsigned SIMD        = 1,  // activations at once, divides MW
  parameter int unsigned IN_BITS     = 4,  // per activation
  parameter int unsigned SIGNED      = 0,  // 1: activations are two's complement
  parameter int unsigned WEIGHT_BITS = 4,  // per weight, which is never the least number of so many bits
  parameter int unsigned OUT_BITS    = 8,  // per output
  parameter int unsigned MEMORY      = 1,  // of weights: 1 LUTs, 2 block RAM
  // Bit b of weight j = p * SIMD + i at fold w: in LUTs at (j * WEIGHT_BITS + b) * FOLDS + w, in block RAM at
  // w * WEIGHT_BITS * PE * SIMD + j * WEIGHT_BITS + b.
  parameter logic [WEIGHT_BITS*MW*MH-1:0] WEIGHTS = '0,
  // Bit b of output n * PE + p: at (p * OUT_BITS + b) * (MH / PE) + n.
  parameter logic [OUT_BITS*MH-1:0]       OFFSETS = '0
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [SIMD*IN_BITS-1:0] s_axis_tdata,
  input  wire logic                    s_axis_tvalid,
  output      logic                    s_axis_tready,
  output      logic [PE*OUT_BITS-1:0]  m_axis_tdata,
  output      logic                    m_axis_tvalid,
  input  wire logic                    m_axis_tready
);
  if (PE == 0 || MH % PE != 0) begin : gen_check_pe
    $error("need PE to divide MH");
  end
  if (SIMD == 0 || MW % SIMD != 0) begin : gen_check_simd
    $error("need SIMD to divide MW");
  end
  if (IN_BITS == 0 || SIGNED > 1 || WEIGHT_BITS < 2) begin : gen_check_bits
    $error("need IN_BITS >= 1, SIGNED of 0 or 1 and WEIGHT_BITS >= 2");
  end

  localparam int unsigned BEATS = MW / SIMD;  // of a vector
  localparam int unsigned TURNS = MH / PE;    // that it takes
  localparam int unsigned FOLDS = BEATS * TURNS;
  localparam int unsigned IN_WIDTH = SIMD * IN_BITS, WORD = WEIGHT_BITS * PE * SIMD;
  localparam int unsigned FOLD_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 1;

  if (MEMORY == 0 || MEMORY > 2 || (MEMORY == 1 && FOLDS > 256) || FOLDS > 4000) begin : gen_check_memory
    $error("need MEMORY 1 of at most 256 folds, or 2 of at most 4000");
  end

  logic                 step, begins, ends, give;
  logic [FOLD_BITS-1:0] fold;
  logic [IN_WIDTH-1:0]  vector;
  logic [WORD-1:0]      weights;

  mvu_sequencer #(.BEATS(BEATS), .TURNS(TURNS), .WIDTH(IN_WIDTH)) sequencer (
    .clk_i, .rst_ni, .s_axis_tdata, .s_axis_tvalid, .s_axis_tready, .give_i(give),
    .step_o(step), .begins_o(begins), .ends_o(ends), .fold_o(fold), .vector_o(vector)
  );

  // Stage 1: activations, the top bit of signed ones inverted, beside their weights.
  logic [IN_WIDTH-1:0] x_d, x_q;

  for (genvar i = 0; i < SIMD; i++) begin : gen_invert
    assign x_d[i*IN_BITS +: IN_BITS] = vector[i*IN_BITS +: IN_BITS] ^ IN_BITS'(SIGNED << (IN_BITS - 1));
  end

  always_ff @(posedge clk_i) x_q <= x_d;

  weight_rom #(.DEPTH(FOLDS), .WIDTH(WORD), .BLOCK(MEMORY == 2), .TABLE(WEIGHTS)) rom (
    .clk_i, .address_i(fold), .data_o(weights)
  );

  // Stages 2 to 4: products, beside valid, begins and ends of their beats.
  localparam int unsigned LANE  = WEIGHT_BITS + IN_BITS - 1;
  localparam int unsigned LANES = 1 + (25 - WEIGHT_BITS) / LANE;  // of a slice
  localparam int unsigned SLICES = (PE + LANES - 1) / LANES;      // per activation

  logic [PE*SIMD*LANE-1:0] products;
  logic [3:0]              valid_q;
  logic [7:0]              ends_q;  // {ends, begins} of each stage

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[2:0], step};
  end

  always_ff @(posedge clk_i) ends_q <= {ends_q[5:0], ends, begins};

  for (genvar g = 0; g < SLICES; g++) begin : gen_rows
    localparam int unsigned FIRST = g * LANES;
    localparam int unsigned ROWS  = (PE - FIRST < LANES) ? PE - FIRST : LANES;

    for (genvar i = 0; i < SIMD; i++) begin : gen_activation
      logic [ROWS*WEIGHT_BITS-1:0] row_weights;
      logic [ROWS*LANE-1:0]        fields;

      for (genvar r = 0; r < ROWS; r++) begin : gen_row
        assign row_weights[r*WEIGHT_BITS +: WEIGHT_BITS] =
            weights[((FIRST + r) * SIMD + i) * WEIGHT_BITS +: WEIGHT_BITS];
        assign products[((FIRST + r) * SIMD + i) * LANE +: LANE] = fields[r*LANE +: LANE];
      end

      packed_products #(.LANES(ROWS), .WEIGHT_BITS(WEIGHT_BITS), .IN_BITS(IN_BITS)) slice (
        .clk_i, .weights_i(row_weights), .x_i(x_q[i*IN_BITS +: IN_BITS]), .fields_o(fields)
      );
    end
  end

  // Sums of a beat.
  localparam int unsigned SUM_BITS = $clog2(SIMD * (2**LANE - 1) + 1);
  localparam int unsigned WIDTH    = (SUM_BITS < OUT_BITS) ? SUM_BITS : OUT_BITS;

  logic [PE*WIDTH-1:0] sums;
  logic [3*PE-1:0]     tags;

  for (genvar p = 0; p < PE; p++) begin : gen_tree
    logic [SUM_BITS-1:0] sum;

    adder_tree #(.COUNT(SIMD), .BITS(LANE), .TAG_BITS(3)) tree (
      .clk_i, .rst_ni,
      .numbers_i(products[p*SIMD*LANE +: SIMD*LANE]), .tag_i((p == 0) ? {valid_q[3], ends_q[7:6]} : '0),
      .sum_o(sum), .tag_o(tags[3*p +: 3])
    );
    assign sums[p*WIDTH +: WIDTH] = sum[WIDTH-1:0];
    wire unused = &{1'b0, sum};  // above an output
  end

  if (PE > 1) begin : gen_other_tags
    wire unused = &{1'b0, tags[3*PE-1:3]};
  end

  mvu_accumulators #(.PE(PE), .TURNS(TURNS), .WIDTH(WIDTH), .OUT_BITS(OUT_BITS), .OFFSETS(OFFSETS)) accumulators (
    .clk_i, .rst_ni, .sums_i(sums), .valid_i(tags[2]), .begins_i(tags[0]), .ends_i(tags[1]), .give_o(give),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
