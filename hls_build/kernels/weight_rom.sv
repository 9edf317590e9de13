// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Constant words in look-up tables or block RAM, read without a queue: word address_i is at data_o in the next cycle.
///
/// Bit b of word w is TABLE[b * DEPTH + w] in look-up tables, TABLE[w * WIDTH + b] in block RAM.
module weight_rom #(
  parameter int unsigned            DEPTH = 1,  // words, at most 256 in look-up tables
  parameter int unsigned            WIDTH = 1,  // bits of a word
  parameter bit                     BLOCK = 0,  // 1: block RAM
  parameter logic [DEPTH*WIDTH-1:0] TABLE = '0,
  localparam int unsigned ADDRESS_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1
) (
  input  wire logic                    clk_i,
  input  wire logic [ADDRESS_BITS-1:0] address_i,
  output      logic [WIDTH-1:0]        data_o
);
  if (BLOCK) begin : gen_block
    (* ram_style = "block", rom_style = "block" *)
    logic [WIDTH-1:0] word_mem [DEPTH];
    logic [WIDTH-1:0] data_q;

    initial begin
      for (int unsigned w = 0; w < DEPTH; w++) word_mem[w] = TABLE[w*WIDTH +: WIDTH];
    end
    always_ff @(posedge clk_i) data_q <= word_mem[address_i];
    assign data_o = data_q;
  end else begin : gen_luts
    lut_rom #(.DEPTH(DEPTH), .WIDTH(WIDTH), .TABLE(TABLE)) rom (.clk_i, .address_i, .data_o);
  end
endmodule

`default_nettype wire
