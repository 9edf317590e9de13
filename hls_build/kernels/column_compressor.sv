// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Sums up bits of several weights: column c holds HEIGHTS[16*c +: 16] bits that count 2**c each.
///
/// BITS is the sum of all heights; bits_i holds the columns one after the other, column 0 least significant. Each level
/// takes six bits of a column to three (three LUT6) or three to two (one LUT6_2), until no column has more than two;
/// these two rows are added. sum_o is exact modulo 2**WIDTH.
///
/// A register stands behind every LEVELS levels, before the last adder and behind it; USED levels lie in front of
/// bits_i since the last register. Nothing stalls: sum_o follows bits_i, and tag_o tag_i, by as many cycles as there are
/// registers.
module column_compressor #(
  parameter int unsigned           COLUMNS  = 1,
  parameter logic [16*COLUMNS-1:0] HEIGHTS  = 16'd1,
  parameter int unsigned           BITS     = 1,  // of bits_i
  parameter int unsigned           WIDTH    = 1,  // of sum_o
  parameter int unsigned           TAG_BITS = 1,  // of tag_i
  parameter int unsigned           LEVELS   = 2,  // of LUTs between two registers
  parameter int unsigned           USED     = 1   // of them in front of bits_i, at most LEVELS
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,  // synchronous; resets tags, never data
  input  wire logic [BITS-1:0]     bits_i,
  input  wire logic [TAG_BITS-1:0] tag_i,
  output      logic [WIDTH-1:0]    sum_o,
  output      logic [TAG_BITS-1:0] tag_o
);
  if (LEVELS == 0 || USED > LEVELS) begin : gen_check_levels
    $error("need LEVELS >= 1 and USED <= LEVELS");
  end

  localparam int unsigned MOST = 16;  // levels: enough for columns of 65,535 bits

  typedef logic [16*WIDTH*(MOST+1)-1:0] heights_t;  // of column c at level l: 16 bits at 16 * (l * WIDTH + c)

  function automatic int unsigned sixes(input int unsigned height);
    sixes = height / 6 + ((height % 6 == 5) ? 1 : 0);
  endfunction

  function automatic int unsigned threes(input int unsigned height);
    threes = (height % 6 == 3 || height % 6 == 4) ? 1 : 0;
  endfunction

  function automatic int unsigned rest(input int unsigned height);
    rest = (height % 6 == 5) ? 0 : height % 6 % 3;
  endfunction

  function automatic heights_t all_heights();
    int unsigned one, two, three;  // heights of a column and of the two below
    all_heights = '0;
    for (int unsigned c = 0; c < WIDTH && c < COLUMNS; c++) all_heights[16*c +: 16] = HEIGHTS[16*c +: 16];
    for (int unsigned l = 0; l < MOST; l++) begin
      two   = 0;
      three = 0;
      for (int unsigned c = 0; c < WIDTH; c++) begin
        one = 32'(all_heights[16*(l*WIDTH+c) +: 16]);
        all_heights[16*((l+1)*WIDTH+c) +: 16] =
            16'(sixes(one) + threes(one) + rest(one) + sixes(two) + threes(two) + sixes(three));
        three = two;
        two   = one;
      end
    end
  endfunction

  localparam heights_t TABLE = all_heights();

  function automatic int unsigned height(input int unsigned level, input int unsigned column);
    height = (column < WIDTH) ? 32'(TABLE[16*(level*WIDTH+column) +: 16]) : 0;
  endfunction

  function automatic int unsigned first(input int unsigned level, input int unsigned column);
    first = 0;
    for (int unsigned c = 0; c < column; c++) first += height(level, c);
  endfunction

  function automatic int unsigned depth();
    depth = 0;
    for (int unsigned l = 0; l < MOST; l++) begin
      for (int unsigned c = 0; c < WIDTH; c++) begin
        if (height(l, c) > 2) depth = l + 1;
      end
    end
  endfunction

  localparam int unsigned DEPTH = depth();

  // Level l, behind its register where it has one.
  for (genvar l = 0; l <= DEPTH; l++) begin : gen_level
    localparam int unsigned SIZE = first(l, WIDTH);
    localparam int unsigned SINCE = (USED + l) % LEVELS;
    logic [SIZE-1:0]     made, bits;
    logic [TAG_BITS-1:0] tag_made, tag;

    if (SINCE == 0 || l == DEPTH) begin : gen_register
      logic [SIZE-1:0]     bits_q;
      logic [TAG_BITS-1:0] tag_q;

      always_ff @(posedge clk_i) bits_q <= made;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) tag_q <= '0;
        else tag_q <= tag_made;
      end
      assign bits = bits_q;
      assign tag  = tag_q;
    end else begin : gen_wires
      assign bits = made;
      assign tag  = tag_made;
    end

    if (l == 0) begin : gen_input
      assign made     = bits_i[SIZE-1:0];
      assign tag_made = tag_i;
    end else begin : gen_compress
      assign tag_made = gen_level[l-1].tag;
      for (genvar c = 0; c < WIDTH; c++) begin : gen_column
        localparam int unsigned HEIGHT = height(l - 1, c);
        localparam int unsigned FROM   = first(l - 1, c);
        localparam int unsigned OWN    = first(l, c);  // first come a column's own sums and rest, then what is carried
        localparam int unsigned NEXT   = first(l, c + 1) + ((c + 1 < WIDTH) ?
            sixes(height(l - 1, c + 1)) + threes(height(l - 1, c + 1)) + rest(height(l - 1, c + 1)) : 0);
        localparam int unsigned AFTER  = first(l, c + 2) + ((c + 2 < WIDTH) ?
            sixes(height(l - 1, c + 2)) + threes(height(l - 1, c + 2)) + rest(height(l - 1, c + 2))
            + sixes(height(l - 1, c + 1)) + threes(height(l - 1, c + 1)) : 0);
        localparam int unsigned SIXES  = sixes(HEIGHT);

        for (genvar g = 0; g < SIXES; g++) begin : gen_six
          localparam int unsigned TAKEN = (6 * g + 6 <= HEIGHT) ? 6 : 5;
          logic [5:0] ins;

          assign ins = 6'(gen_level[l-1].bits[FROM + 6*g +: TAKEN]);
          LUT6 #(.INIT(64'h6996_9669_9669_6996)) ones (
            .I0(ins[0]), .I1(ins[1]), .I2(ins[2]), .I3(ins[3]), .I4(ins[4]), .I5(ins[5]), .O(made[OWN + g])
          );
          if (c + 1 < WIDTH) begin : gen_twos
            LUT6 #(.INIT(64'h8117_177e_177e_7ee8)) twos (
              .I0(ins[0]), .I1(ins[1]), .I2(ins[2]), .I3(ins[3]), .I4(ins[4]), .I5(ins[5]), .O(made[NEXT + g])
            );
          end
          if (c + 2 < WIDTH) begin : gen_fours
            LUT6 #(.INIT(64'hfee8_e880_e880_8000)) fours (
              .I0(ins[0]), .I1(ins[1]), .I2(ins[2]), .I3(ins[3]), .I4(ins[4]), .I5(ins[5]), .O(made[AFTER + g])
            );
          end
        end
        if (threes(HEIGHT) == 1) begin : gen_three
          logic [2:0] ins;
          logic       carry;

          assign ins = gen_level[l-1].bits[FROM + 6*SIXES +: 3];
          LUT6_2 #(.INIT(64'h9696_9696_e8e8_e8e8)) add (
            .I0(ins[0]), .I1(ins[1]), .I2(ins[2]), .I3(1'b0), .I4(1'b0), .I5(1'b1),
            .O6(made[OWN + SIXES]), .O5(carry)
          );
          if (c + 1 < WIDTH) begin : gen_carry
            assign made[NEXT + SIXES] = carry;
          end else begin : gen_lost
            wire unused_carry = carry;
          end
        end
        if (rest(HEIGHT) != 0) begin : gen_rest
          assign made[OWN + SIXES + threes(HEIGHT) +: rest(HEIGHT)] =
              gen_level[l-1].bits[FROM + HEIGHT - rest(HEIGHT) +: rest(HEIGHT)];
        end
      end
    end
  end

  // The last two rows; columns below the first with two bits are there already.
  function automatic int unsigned alone();
    alone = WIDTH;
    for (int unsigned c = WIDTH; c > 0; c--) begin
      if (height(DEPTH, c - 1) == 2) alone = c - 1;
    end
  endfunction

  localparam int unsigned ALONE = alone();
  logic [WIDTH-1:0]    row0, row1, sum_q;
  logic [TAG_BITS-1:0] tag_q;

  wire unused = &{1'b0, row1};  // where a column has one bit

  for (genvar c = 0; c < WIDTH; c++) begin : gen_rows
    localparam int unsigned FROM = first(DEPTH, c);
    if (height(DEPTH, c) > 0) begin : gen_first
      assign row0[c] = gen_level[DEPTH].bits[FROM];
    end else begin : gen_no_first
      assign row0[c] = 1'b0;
    end
    if (height(DEPTH, c) > 1) begin : gen_second
      assign row1[c] = gen_level[DEPTH].bits[FROM + 1];
    end else begin : gen_no_second
      assign row1[c] = 1'b0;
    end
  end

  if (ALONE == WIDTH) begin : gen_one_row
    always_ff @(posedge clk_i) sum_q <= row0;
  end else begin : gen_two_rows
    always_ff @(posedge clk_i) begin
      sum_q <= row0;
      sum_q[WIDTH-1:ALONE] <= row0[WIDTH-1:ALONE] + row1[WIDTH-1:ALONE];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) tag_q <= '0;
    else tag_q <= gen_level[DEPTH].tag;
  end
  assign sum_o = sum_q;
  assign tag_o = tag_q;
endmodule

`default_nettype wire
