// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Joins frames: HEAD beats of s_axis and then TAIL beats of s_axis_tail leave as one pixel, PE lanes per beat.
///
/// Lane 0 is least significant. Lanes are widened to BITS by their sign or by zeros. While one input is taken the other
/// one waits, so what comes early needs a FIFO in front. Latency 1 cycle, one beat per cycle, also across frames; both
/// tready depend on registers alone.
module append #(
  parameter int unsigned HEAD        = 1,  // beats of s_axis per pixel
  parameter int unsigned HEAD_BITS   = 8,  // per lane of it
  parameter int unsigned HEAD_SIGNED = 0,  // 1: two's complement
  parameter int unsigned TAIL        = 1,  // beats of s_axis_tail per pixel
  parameter int unsigned TAIL_BITS   = 8,  // per lane of it
  parameter int unsigned TAIL_SIGNED = 0,  // 1: two's complement
  parameter int unsigned BITS        = 8,  // per lane of the output, no less than a lane of an input needs
  parameter int unsigned PE          = 1   // lanes per beat
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [PE*HEAD_BITS-1:0] s_axis_tdata,
  input  wire logic                    s_axis_tvalid,
  output      logic                    s_axis_tready,
  input  wire logic [PE*TAIL_BITS-1:0] s_axis_tail_tdata,
  input  wire logic                    s_axis_tail_tvalid,
  output      logic                    s_axis_tail_tready,
  output      logic [PE*BITS-1:0]      m_axis_tdata,
  output      logic                    m_axis_tvalid,
  input  wire logic                    m_axis_tready
);
  if (HEAD == 0 || TAIL == 0 || PE == 0) begin : gen_check_beats
    $error("need HEAD >= 1, TAIL >= 1 and PE >= 1");
  end
  if (HEAD_SIGNED > 1 || TAIL_SIGNED > 1) begin : gen_check_signed
    $error("need HEAD_SIGNED and TAIL_SIGNED to be 0 or 1");
  end
  if (BITS < HEAD_BITS + ((TAIL_SIGNED > HEAD_SIGNED) ? 1 : 0) ||
      BITS < TAIL_BITS + ((HEAD_SIGNED > TAIL_SIGNED) ? 1 : 0)) begin : gen_check_bits
    $error("need BITS to hold every element of both inputs");
  end

  localparam int unsigned MOST       = (HEAD > TAIL) ? HEAD : TAIL;
  localparam int unsigned COUNT_BITS = (MOST > 1) ? $clog2(MOST) : 1;

  logic                  in_tail_q, last, valid, ready;
  logic [COUNT_BITS-1:0] count_q;
  logic [PE*BITS-1:0]    head, tail;

  for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
    logic [HEAD_BITS-1:0] head_lane;
    logic [TAIL_BITS-1:0] tail_lane;

    assign head_lane = s_axis_tdata[lane*HEAD_BITS +: HEAD_BITS];
    assign tail_lane = s_axis_tail_tdata[lane*TAIL_BITS +: TAIL_BITS];
    assign head[lane*BITS +: BITS] = BITS'($signed({(HEAD_SIGNED != 0) && head_lane[HEAD_BITS-1], head_lane}));
    assign tail[lane*BITS +: BITS] = BITS'($signed({(TAIL_SIGNED != 0) && tail_lane[TAIL_BITS-1], tail_lane}));
  end

  assign last               = count_q == (in_tail_q ? COUNT_BITS'(TAIL - 1) : COUNT_BITS'(HEAD - 1));
  assign valid              = in_tail_q ? s_axis_tail_tvalid : s_axis_tvalid;
  assign s_axis_tready      = ready && !in_tail_q;
  assign s_axis_tail_tready = ready && in_tail_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_tail_q <= 1'b0;
      count_q   <= '0;
    end else if (valid && ready) begin
      in_tail_q <= in_tail_q ^ last;
      count_q   <= last ? '0 : count_q + 1'b1;
    end
  end

  skid_buffer #(.WIDTH(PE * BITS)) skid (
    .clk_i, .rst_ni,
    .s_axis_tdata(in_tail_q ? tail : head), .s_axis_tvalid(valid), .s_axis_tready(ready),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
