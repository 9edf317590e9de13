// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Sums up COUNT unsigned numbers of BITS bits by ternary adders, with a register behind each level of them.
///
/// A level takes three numbers to one; of two that are left it makes one by a plain adder, one is passed on. Number i is
/// slice i of numbers_i. sum_o is exact. Nothing stalls: sum_o follows numbers_i, and tag_o tag_i, by as many cycles as
/// there are levels, which is none for one number.
module adder_tree #(
  parameter int unsigned COUNT    = 1,  // numbers
  parameter int unsigned BITS     = 1,  // of a number
  parameter int unsigned TAG_BITS = 1,  // of tag_i
  localparam int unsigned SUM_BITS = $clog2(COUNT * (2**BITS - 1) + 1)
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,  // synchronous; resets tags, never data
  input  wire logic [COUNT*BITS-1:0] numbers_i,
  input  wire logic [TAG_BITS-1:0]   tag_i,
  output      logic [SUM_BITS-1:0]   sum_o,
  output      logic [TAG_BITS-1:0]   tag_o
);
  if (COUNT == 0 || BITS == 0) begin : gen_check_count
    $error("need COUNT >= 1 and BITS >= 1");
  end

  function automatic int unsigned numbers(input int unsigned level);  // behind a level
    numbers = COUNT;
    for (int unsigned l = 0; l < level; l++) numbers = (numbers + 2) / 3;
  endfunction

  function automatic int unsigned width(input int unsigned level);  // of each of them
    int unsigned leaves;
    leaves = 1;
    for (int unsigned l = 0; l < level; l++) leaves = (3 * leaves < COUNT) ? 3 * leaves : COUNT;
    width = $clog2(leaves * (2**BITS - 1) + 1);
  endfunction

  function automatic int unsigned depth();
    depth = 0;
    for (int unsigned l = 0; l < 20; l++) begin
      if (numbers(l) > 1) depth = l + 1;
    end
  endfunction

  localparam int unsigned DEPTH = depth();

  for (genvar l = 0; l <= DEPTH; l++) begin : gen_level
    localparam int unsigned NUMBERS = numbers(l), WIDTH = width(l);
    logic [NUMBERS*WIDTH-1:0] sums;
    logic [TAG_BITS-1:0]      tag;

    if (l == 0) begin : gen_input
      assign sums = numbers_i;
      assign tag  = tag_i;
    end else begin : gen_add
      localparam int unsigned BELOW = numbers(l - 1), NARROW = width(l - 1);
      logic [NUMBERS*WIDTH-1:0] sums_d, sums_q;
      logic [TAG_BITS-1:0]      tag_q;

      for (genvar n = 0; n < NUMBERS; n++) begin : gen_sum
        localparam int unsigned LEFT = BELOW - 3 * n;
        if (LEFT >= 3) begin : gen_three
          ternary_adder #(.BITS(NARROW), .SUM_BITS(WIDTH)) add (
            .a_i(gen_level[l-1].sums[3*n*NARROW +: NARROW]),
            .b_i(gen_level[l-1].sums[(3*n+1)*NARROW +: NARROW]),
            .c_i(gen_level[l-1].sums[(3*n+2)*NARROW +: NARROW]),
            .sum_o(sums_d[n*WIDTH +: WIDTH])
          );
        end else if (LEFT == 2) begin : gen_two
          assign sums_d[n*WIDTH +: WIDTH] = WIDTH'(gen_level[l-1].sums[3*n*NARROW +: NARROW])
              + WIDTH'(gen_level[l-1].sums[(3*n+1)*NARROW +: NARROW]);
        end else begin : gen_one
          assign sums_d[n*WIDTH +: WIDTH] = WIDTH'(gen_level[l-1].sums[3*n*NARROW +: NARROW]);
        end
      end

      always_ff @(posedge clk_i) sums_q <= sums_d;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) tag_q <= '0;
        else tag_q <= gen_level[l-1].tag;
      end
      assign sums = sums_q;
      assign tag  = tag_q;
    end
  end

  assign sum_o = gen_level[DEPTH].sums;
  assign tag_o = gen_level[DEPTH].tag;
  wire unused = &{1'b0, clk_i, rst_ni};  // of one number
endmodule

`default_nettype wire
