// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Cuts every beat into RATIO narrower ones, or joins RATIO beats to a wider one; first part least significant.
///
/// Latency 1 cycle behind the part that completes a beat, one part per cycle. Cutting, the source holds a beat until
/// its last part has left, which spares a copy. m_axis_tready reaches s_axis_tready through one LUT.
module lane_converter #(
  parameter int unsigned WIDTH  = 8,  // bits of a part
  parameter int unsigned RATIO  = 2,  // parts in the wider beat, at least 2
  parameter int unsigned WIDENS = 0,  // 1: joins, 0: cuts
  localparam int unsigned IN_WIDTH  = (WIDENS != 0) ? WIDTH : RATIO * WIDTH,
  localparam int unsigned OUT_WIDTH = (WIDENS != 0) ? RATIO * WIDTH : WIDTH
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,  // synchronous; resets valid and counter, never data
  input  wire logic [IN_WIDTH-1:0]  s_axis_tdata,
  input  wire logic                 s_axis_tvalid,
  output      logic                 s_axis_tready,
  output      logic [OUT_WIDTH-1:0] m_axis_tdata,
  output      logic                 m_axis_tvalid,
  input  wire logic                 m_axis_tready
);
  if (WIDTH == 0 || RATIO < 2) begin : gen_check_ratio
    $error("need WIDTH >= 1 and RATIO >= 2");
  end
  if (WIDENS > 1) begin : gen_check_widens
    $error("need WIDENS to be 0 or 1");
  end

  localparam int unsigned PART_BITS = (RATIO > 2) ? $clog2(RATIO) : 1;

  logic [PART_BITS-1:0] part_q;
  logic                 valid_q, advance, moves, last;

  assign advance       = !valid_q || m_axis_tready;
  assign moves         = s_axis_tvalid && advance;
  assign last          = part_q == PART_BITS'(RATIO - 1);
  assign m_axis_tvalid = valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) part_q <= '0;
    else if (moves) part_q <= last ? '0 : part_q + 1'b1;
  end

  if (WIDENS != 0) begin : gen_join
    logic [RATIO-1:0][WIDTH-1:0] parts_q;

    assign s_axis_tready = advance;
    assign m_axis_tdata  = parts_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_q <= 1'b0;
      else if (advance) valid_q <= s_axis_tvalid && last;
    end

    always_ff @(posedge clk_i) begin
      if (moves) parts_q[part_q] <= s_axis_tdata;
    end
  end else begin : gen_cut
    logic [RATIO-1:0][WIDTH-1:0] parts;
    logic [WIDTH-1:0]            data_q;

    assign parts         = s_axis_tdata;
    assign s_axis_tready = advance && last;
    assign m_axis_tdata  = data_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_q <= 1'b0;
      else if (advance) valid_q <= s_axis_tvalid;
    end

    always_ff @(posedge clk_i) begin
      if (advance) data_q <= parts[part_q];
    end
  end
endmodule

`default_nettype wire
