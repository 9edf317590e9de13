// SPDX-License-Identifier: Apache-2.0

/// Stands for an accelerator in tests of its shell: per frame of 64 beats the sums of the three lanes, modulo 2^16.
///
/// Two inner streams are watched, behind the first register and in front of the last; there is one FIFO's fill.
module accelerator_watched (
  input  logic        ap_clk,
  input  logic        ap_rst_n,
  input  logic [23:0] in0_V_TDATA,
  input  logic        in0_V_TVALID,
  output logic        in0_V_TREADY,
  output logic [15:0] out0_V_TDATA,
  output logic        out0_V_TVALID,
  input  logic        out0_V_TREADY,
  output logic [1:0]  watch_valid,
  output logic [1:0]  watch_ready,
  output logic [31:0] watch_fill
);
  logic [23:0]      pixel;
  logic             pixel_valid, pixel_ready, sum_valid, sum_ready, takes;
  logic [5:0]       beat_q;
  logic [1:0]       left_q;  // sums to send
  logic [2:0][15:0] sums_q, sent_q;

  skid_buffer #(.WIDTH(24)) first (
    .clk_i(ap_clk), .rst_ni(ap_rst_n), .s_axis_tdata(in0_V_TDATA), .s_axis_tvalid(in0_V_TVALID),
    .s_axis_tready(in0_V_TREADY), .m_axis_tdata(pixel), .m_axis_tvalid(pixel_valid), .m_axis_tready(pixel_ready)
  );
  skid_buffer #(.WIDTH(16)) last (
    .clk_i(ap_clk), .rst_ni(ap_rst_n), .s_axis_tdata(sent_q[0]), .s_axis_tvalid(sum_valid),
    .s_axis_tready(sum_ready), .m_axis_tdata(out0_V_TDATA), .m_axis_tvalid(out0_V_TVALID),
    .m_axis_tready(out0_V_TREADY)
  );

  assign pixel_ready = !(beat_q == 6'd63 && left_q != 2'd0);  // one frame's sums wait
  assign takes       = pixel_valid && pixel_ready;
  assign sum_valid   = left_q != 2'd0;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      beat_q <= '0;
      left_q <= '0;
      watch_fill <= '0;
    end else begin
      if (takes) beat_q <= beat_q + 1'b1;
      if (takes && beat_q == 6'd63) left_q <= 2'd3;
      else if (sum_valid && sum_ready) left_q <= left_q - 1'b1;
      if (takes) watch_fill <= 32'd1;
    end
    if (sum_valid && sum_ready) sent_q <= sent_q >> 16;
    for (int lane = 0; lane < 3; lane++) begin
      automatic logic [15:0] sum = (beat_q == '0 ? 16'd0 : sums_q[lane]) + 16'(pixel[8*lane +: 8]);
      if (takes) sums_q[lane] <= sum;
      if (takes && beat_q == 6'd63) sent_q[lane] <= sum;
    end
  end

  assign watch_valid = {sum_valid, pixel_valid};
  assign watch_ready = {sum_ready, pixel_ready};
endmodule
