// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// dsp_mvu at twice the clock of its streams: SIMD activations per cycle of clk_i, half of them per cycle of clk2x_i.
///
/// clk2x_i rises with both edges of clk_i. Ports and parameters are those of dsp_mvu, folded as WEIGHTS is for a SIMD of
/// half as many. All of it but the registers of the streams runs on clk2x_i. s_axis_tready is a register.
module pumped_mvu #(
  parameter int unsigned MW          = 2,  // activations of a vector
  parameter int unsigned MH          = 1,  // outputs
  parameter int unsigned PE          = 1,  // outputs at once, divides MH
  parameter int unsigned SIMD        = 2,  // activations at once, even, divides MW
  parameter int unsigned IN_BITS     = 4,  // per activation
  parameter int unsigned SIGNED      = 0,  // 1: activations are two's complement
  parameter int unsigned WEIGHT_BITS = 4,  // per weight, which is never the least number of so many bits
  parameter int unsigned OUT_BITS    = 8,  // per output
  parameter int unsigned MEMORY      = 1,  // of weights: 1 LUTs, 2 block RAM
  parameter logic [WEIGHT_BITS*MW*MH-1:0] WEIGHTS = '0,
  parameter logic [OUT_BITS*MH-1:0]       OFFSETS = '0
) (
  input  wire logic                    clk_i, clk2x_i,
  input  wire logic                    rst_ni,  // synchronous to clk_i; resets valids and counters, never data
  input  wire logic [SIMD*IN_BITS-1:0] s_axis_tdata,
  input  wire logic                    s_axis_tvalid,
  output      logic                    s_axis_tready,
  output      logic [PE*OUT_BITS-1:0]  m_axis_tdata,
  output      logic                    m_axis_tvalid,
  input  wire logic                    m_axis_tready
);
  if (SIMD == 0 || SIMD % 2 != 0) begin : gen_check_simd
    $error("need an even SIMD");
  end

  localparam int unsigned HALF = SIMD / 2;

  logic                    rst_2x_nq;
  logic [HALF*IN_BITS-1:0] half;
  logic [PE*OUT_BITS-1:0]  sums;
  logic                    half_valid, half_ready, sums_valid, sums_ready;

  always_ff @(posedge clk2x_i) rst_2x_nq <= rst_ni;

  to_clk2x #(.WIDTH(HALF * IN_BITS)) halves (
    .clk_i, .clk2x_i, .rst_ni, .rst_2x_ni(rst_2x_nq), .s_axis_tdata, .s_axis_tvalid, .s_axis_tready,
    .m_axis_tdata(half), .m_axis_tvalid(half_valid), .m_axis_tready(half_ready)
  );

  dsp_mvu #(
    .MW(MW), .MH(MH), .PE(PE), .SIMD(HALF), .IN_BITS(IN_BITS), .SIGNED(SIGNED), .WEIGHT_BITS(WEIGHT_BITS),
    .OUT_BITS(OUT_BITS), .MEMORY(MEMORY), .WEIGHTS(WEIGHTS), .OFFSETS(OFFSETS)
  ) mvu (
    .clk_i(clk2x_i), .rst_ni(rst_2x_nq),
    .s_axis_tdata(half), .s_axis_tvalid(half_valid), .s_axis_tready(half_ready),
    .m_axis_tdata(sums), .m_axis_tvalid(sums_valid), .m_axis_tready(sums_ready)
  );

  from_clk2x #(.WIDTH(PE * OUT_BITS)) whole (
    .clk_i, .clk2x_i, .rst_ni,
    .s_axis_tdata(sums), .s_axis_tvalid(sums_valid), .s_axis_tready(sums_ready),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
