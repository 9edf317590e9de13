// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Multiplies vectors of MW activations by a constant MH x MW matrix of ternary digits, in LUTs alone: no DSP.
///
/// A vector is MW / SIMD beats of SIMD activations, an answer MH / PE beats of PE sums in two's complement, lane 0 least
/// significant. The beats of the matrix follow each other as in FINN's MVAU: fold w = n * (MW / SIMD) + s holds columns
/// s * SIMD + i of rows n * PE + p; a vector is kept while its MH / PE groups of rows are multiplied.
///
/// A weight is the sum of its digits t_d * 2**d, t in -1, 0, 1, each two bits neg and pos. Bit b of an activation makes
/// the term pos & a_b | neg & ~a_b, so what is summed up is more than the product by (2**IN_BITS - 1) for every -1; the
/// top bit of a signed activation is inverted, which adds 2**(IN_BITS-1) times the weight. Both together are constant
/// per output: OFFSETS, with which a sum begins, takes them off.
///
/// One beat of the matrix per cycle, also across vectors; nothing in the pipeline stalls, since sums have room in a
/// queue before they are begun. s_axis_tready depends on registers alone.
module lut_mvu #(
  parameter int unsigned MW       = 1,  // activations of a vector
  parameter int unsigned MH       = 1,  // outputs
  parameter int unsigned PE       = 1,  // outputs at once, divides MH
  parameter int unsigned SIMD     = 1,  // activations at once, divides MW
  parameter int unsigned IN_BITS  = 2,  // per activation
  parameter int unsigned SIGNED   = 0,  // 1: activations are two's complement
  parameter int unsigned DIGITS   = 1,  // per weight
  parameter int unsigned OUT_BITS = 8,  // per output
  parameter int unsigned LEVELS   = 2,  // of LUTs between two registers
  parameter int unsigned MEMORY   = 1,  // of weights: 0 inside of the products' LUTs, 1 LUTs, 2 block RAM
  // Bit k (0 neg, 1 pos) of digit d of lane p * SIMD + i at fold w, with j = (lane * DIGITS + d) * 2 + k: at j * FOLDS + w,
  // in block RAM at w * 2 * DIGITS * PE * SIMD + j.
  parameter logic [2*DIGITS*MW*MH-1:0]  WEIGHTS = '0,
  // Bit b of output n * PE + p: at (p * OUT_BITS + b) * (MH / PE) + n.
  parameter logic [OUT_BITS*MH-1:0]     OFFSETS = '0
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
  if (IN_BITS == 0 || SIGNED > 1 || DIGITS == 0 || LEVELS == 0) begin : gen_check_bits
    $error("need IN_BITS >= 1, SIGNED of 0 or 1, DIGITS >= 1 and LEVELS >= 1");
  end

  localparam int unsigned BEATS = MW / SIMD;  // of a vector
  localparam int unsigned TURNS = MH / PE;    // that it takes
  localparam int unsigned FOLDS = BEATS * TURNS;
  localparam int unsigned IN_WIDTH = SIMD * IN_BITS, WORD = 2 * DIGITS * PE * SIMD;
  localparam int unsigned FOLD_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 1;

  if (MEMORY > 2 || (MEMORY == 0 && FOLDS > 32) || (MEMORY == 1 && FOLDS > 256) || FOLDS > 4000) begin : gen_check_memory
    $error("need MEMORY 0 of at most 32 folds, 1 of at most 256, or 2 of at most 4000");
  end

  logic                 step, begins, ends, give;
  logic [FOLD_BITS-1:0] fold_q;
  logic [IN_WIDTH-1:0]  vector;

  mvu_sequencer #(.BEATS(BEATS), .TURNS(TURNS), .WIDTH(IN_WIDTH)) sequencer (
    .clk_i, .rst_ni, .s_axis_tdata, .s_axis_tvalid, .s_axis_tready, .give_i(give),
    .step_o(step), .begins_o(begins), .ends_o(ends), .fold_o(fold_q), .vector_o(vector)
  );

  // Stage 1: activations, the top bit of signed ones inverted, beside their weights.
  logic [IN_WIDTH-1:0] x_d, x_q;
  logic                x_valid_q, x_begins_q, x_ends_q;

  for (genvar i = 0; i < SIMD; i++) begin : gen_invert
    assign x_d[i*IN_BITS +: IN_BITS] = vector[i*IN_BITS +: IN_BITS] ^ IN_BITS'(SIGNED << (IN_BITS - 1));
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) x_valid_q <= 1'b0;
    else x_valid_q <= step;
  end

  always_ff @(posedge clk_i) begin
    x_q        <= x_d;
    x_begins_q <= begins;
    x_ends_q   <= ends;
  end

  // Terms: column c of a sum holds bit b of digit d where b + d = c. Apart, each lane has one; in pairs, two lanes have
  // their sum in column c and its carry in column c + 1.
  localparam int unsigned COLUMNS  = IN_BITS + DIGITS;
  localparam bit          APART    = MEMORY == 0;
  localparam int unsigned SUMS     = APART ? SIMD : (SIMD + 1) / 2;
  localparam int unsigned CARRIES  = APART ? 0 : SIMD / 2;
  localparam int unsigned TERMS    = IN_BITS * DIGITS * (SUMS + CARRIES);
  localparam int unsigned SUM_BITS = $clog2(SIMD * (2**IN_BITS - 1) * (2**DIGITS - 1) + 1);
  localparam int unsigned WIDTH    = (SUM_BITS < OUT_BITS) ? SUM_BITS : OUT_BITS;

  function automatic int unsigned ways(input int unsigned column);  // pairs of a bit and a digit
    ways = 0;
    for (int unsigned d = 0; d < DIGITS; d++) begin
      if (d <= column && column - d < IN_BITS) ways++;
    end
  endfunction

  function automatic int unsigned rank(input int unsigned bit_, input int unsigned digit);  // among its column's
    rank = 0;
    for (int unsigned d = 0; d < digit; d++) begin
      if (bit_ + digit - d < IN_BITS) rank++;
    end
  endfunction

  function automatic int unsigned height(input int unsigned column);
    height = ways(column) * SUMS + ((column > 0) ? ways(column - 1) * CARRIES : 0);
  endfunction

  function automatic int unsigned first(input int unsigned column);
    first = 0;
    for (int unsigned c = 0; c < column; c++) first += height(c);
  endfunction

  function automatic logic [16*COLUMNS-1:0] heights();
    for (int unsigned c = 0; c < COLUMNS; c++) heights[16*c +: 16] = 16'(height(c));
  endfunction

  logic [PE*TERMS-1:0] terms;

  if (APART) begin : gen_apart
    logic [FOLD_BITS-1:0] x_fold_q;
    logic [4:0]           fold;

    always_ff @(posedge clk_i) x_fold_q <= fold_q;
    assign fold = 5'(x_fold_q);

    for (genvar i = 0; i < SIMD; i++) begin : gen_lane
      for (genvar d = 0; d < DIGITS; d++) begin : gen_digit
        for (genvar b = 0; b < IN_BITS; b++) begin : gen_bit
          localparam int unsigned AT = first(b + d) + rank(b, d) * SIMD + i;
          logic x;

          assign x = x_q[i*IN_BITS+b];
          if (FOLDS <= 16) begin : gen_two_rows  // two outputs share the activation
            for (genvar p = 0; p < PE; p += 2) begin : gen_pair
              localparam bit          BOTH = p + 1 < PE;
              localparam int unsigned EVEN = (p * SIMD + i) * DIGITS + d;
              localparam int unsigned ODD  = BOTH ? EVEN + SIMD * DIGITS : EVEN;
              logic odd;

              LUT6_2 #(
                .INIT({
                  16'(WEIGHTS[(2*ODD+1)*FOLDS +: FOLDS]), 16'(WEIGHTS[2*ODD*FOLDS +: FOLDS]),
                  16'(WEIGHTS[(2*EVEN+1)*FOLDS +: FOLDS]), 16'(WEIGHTS[2*EVEN*FOLDS +: FOLDS])
                })
              ) product (
                .I0(fold[0]), .I1(fold[1]), .I2(fold[2]), .I3(fold[3]), .I4(x), .I5(1'b1),
                .O5(terms[p*TERMS + AT]), .O6(odd)
              );
              if (BOTH) begin : gen_odd
                assign terms[(p+1)*TERMS + AT] = odd;
              end else begin : gen_no_odd
                wire unused = odd;
              end
            end
            wire unused_fold = fold[4];
          end else begin : gen_row
            for (genvar p = 0; p < PE; p++) begin : gen_product
              localparam int unsigned LANE = (p * SIMD + i) * DIGITS + d;
              LUT6 #(
                .INIT({32'(WEIGHTS[(2*LANE+1)*FOLDS +: FOLDS]), 32'(WEIGHTS[2*LANE*FOLDS +: FOLDS])})
              ) product (
                .I0(fold[0]), .I1(fold[1]), .I2(fold[2]), .I3(fold[3]), .I4(fold[4]), .I5(x),
                .O(terms[p*TERMS + AT])
              );
            end
          end
        end
      end
    end
  end else begin : gen_pairs
    logic [WORD-1:0] weights;

    weight_rom #(.DEPTH(FOLDS), .WIDTH(WORD), .BLOCK(MEMORY == 2), .TABLE(WEIGHTS)) rom (
      .clk_i, .address_i(fold_q), .data_o(weights)
    );

    for (genvar p = 0; p < PE; p++) begin : gen_row
      for (genvar d = 0; d < DIGITS; d++) begin : gen_digit
        for (genvar b = 0; b < IN_BITS; b++) begin : gen_bit
          localparam int unsigned SUM_AT   = p * TERMS + first(b + d) + rank(b, d) * SUMS;
          localparam int unsigned CARRY_AT =
              p * TERMS + first(b + d + 1) + ways(b + d + 1) * SUMS + rank(b, d) * CARRIES;

          for (genvar i = 0; i < SIMD; i += 2) begin : gen_pair
            localparam int unsigned LANE = (p * SIMD + i) * DIGITS + d;
            localparam bit          BOTH = i + 1 < SIMD;
            logic [5:0] ins;

            assign ins[2:0] = {x_q[i*IN_BITS+b], weights[2*LANE], weights[2*LANE+1]};
            if (BOTH) begin : gen_second
              assign ins[5:3] = {x_q[(i+1)*IN_BITS+b], weights[2*(LANE+DIGITS)], weights[2*(LANE+DIGITS)+1]};
              LUT6 #(.INIT(64'hac00_ac00_acac_0000)) carry (
                .I0(ins[0]), .I1(ins[1]), .I2(ins[2]), .I3(ins[3]), .I4(ins[4]), .I5(ins[5]),
                .O(terms[CARRY_AT + i/2])
              );
            end else begin : gen_alone
              assign ins[5:3] = '0;
            end
            LUT6 #(.INIT(64'h53ac_53ac_5353_acac)) sum (
              .I0(ins[0]), .I1(ins[1]), .I2(ins[2]), .I3(ins[3]), .I4(ins[4]), .I5(ins[5]),
              .O(terms[SUM_AT + i/2])
            );
          end
        end
      end
    end
  end

  // Sums of a beat.
  logic [PE*WIDTH-1:0] sums;
  logic [3*PE-1:0]     tags;
  logic                sum_valid, sum_begins, sum_ends;

  for (genvar p = 0; p < PE; p++) begin : gen_compressor
    column_compressor #(
      .COLUMNS(COLUMNS), .HEIGHTS(heights()), .BITS(TERMS), .WIDTH(WIDTH), .TAG_BITS(3), .LEVELS(LEVELS), .USED(1)
    ) compressor (
      .clk_i, .rst_ni,
      .bits_i(terms[p*TERMS +: TERMS]), .tag_i((p == 0) ? {x_valid_q, x_begins_q, x_ends_q} : '0),
      .sum_o(sums[p*WIDTH +: WIDTH]), .tag_o(tags[3*p +: 3])
    );
  end

  assign {sum_valid, sum_begins, sum_ends} = tags[2:0];
  if (PE > 1) begin : gen_other_tags
    wire unused = &{1'b0, tags[3*PE-1:3]};
  end

  mvu_accumulators #(.PE(PE), .TURNS(TURNS), .WIDTH(WIDTH), .OUT_BITS(OUT_BITS), .OFFSETS(OFFSETS)) accumulators (
    .clk_i, .rst_ni, .sums_i(sums), .valid_i(sum_valid), .begins_i(sum_begins), .ends_i(sum_ends), .give_o(give),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
