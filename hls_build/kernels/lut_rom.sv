// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Constants in look-up tables, read without a queue: word address_i is at data_o in the next cycle.
///
/// Bit b of word w is TABLE[b * DEPTH + w]. 32 words take half a LUT per bit (LUT6_2), 64 one, 128 two and a MUXF7, 256
/// four, two MUXF7 and a MUXF8.
module lut_rom #(
  parameter int unsigned            DEPTH = 1,  // words, at most 256
  parameter int unsigned            WIDTH = 1,  // bits of a word
  parameter logic [DEPTH*WIDTH-1:0] TABLE = '0,
  localparam int unsigned ADDRESS_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1
) (
  input  wire logic                    clk_i,
  input  wire logic [ADDRESS_BITS-1:0] address_i,
  output      logic [WIDTH-1:0]        data_o
);
  if (DEPTH == 0 || DEPTH > 256) begin : gen_check_depth
    $error("need 1 <= DEPTH <= 256");
  end

  localparam int unsigned BANKS = (DEPTH + 63) / 64;

  logic [7:0]       address;
  logic [WIDTH-1:0] data, data_q;

  assign address = 8'(address_i);
  assign data_o  = data_q;
  wire unused = &{1'b0, address};  // small memories leave its top bits

  always_ff @(posedge clk_i) data_q <= data;

  if (DEPTH <= 32) begin : gen_pairs
    for (genvar b = 0; b < WIDTH; b += 2) begin : gen_pair
      localparam bit          BOTH  = b + 1 < WIDTH;
      localparam logic [31:0] LOWER = 32'(TABLE[b*DEPTH +: DEPTH]);
      localparam logic [31:0] UPPER = BOTH ? 32'(TABLE[(BOTH ? b + 1 : b)*DEPTH +: DEPTH]) : '0;
      logic odd;

      LUT6_2 #(.INIT({UPPER, LOWER})) words (
        .I0(address[0]), .I1(address[1]), .I2(address[2]), .I3(address[3]), .I4(address[4]), .I5(1'b1),
        .O5(data[b]), .O6(odd)
      );
      if (BOTH) begin : gen_odd
        assign data[b+1] = odd;
      end else begin : gen_no_odd
        wire unused_odd = odd;
      end
    end
  end else begin : gen_bits
    for (genvar b = 0; b < WIDTH; b++) begin : gen_bit
      logic [BANKS-1:0] banks;

      for (genvar k = 0; k < BANKS; k++) begin : gen_bank
        localparam int unsigned WORDS = (DEPTH - 64 * k < 64) ? DEPTH - 64 * k : 64;
        LUT6 #(.INIT(64'(TABLE[b*DEPTH + 64*k +: WORDS]))) words (
          .I0(address[0]), .I1(address[1]), .I2(address[2]), .I3(address[3]), .I4(address[4]), .I5(address[5]),
          .O(banks[k])
        );
      end
      if (BANKS == 1) begin : gen_one
        assign data[b] = banks[0];
      end else if (BANKS == 2) begin : gen_two
        MUXF7 both (.I0(banks[0]), .I1(banks[1]), .S(address[6]), .O(data[b]));
      end else begin : gen_four
        logic low, high;

        MUXF7 lower (.I0(banks[0]), .I1(banks[1]), .S(address[6]), .O(low));
        MUXF7 upper (.I0(banks[2]), .I1(banks[BANKS-1]), .S(address[6]), .O(high));
        MUXF8 all (.I0(low), .I1(high), .S(address[7]), .O(data[b]));
      end
    end
  end
endmodule

`default_nettype wire
