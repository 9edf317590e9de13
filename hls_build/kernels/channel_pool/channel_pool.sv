// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Reduces the channels of every pixel to two: their sum, and their maximum times 2**SHIFT.
///
/// A pixel is CHANNELS/PE beats of PE lanes, lane 0 least significant. It leaves as one beat of two lanes of
/// OUT_BITS bits: lane 0 the sum, lane 1 the maximum; both are signed if SIGNED.
///
/// Latency 2 cycles from a pixel's last beat to its output; one beat per cycle, also from pixel to pixel. Two
/// finished pixels wait for the sink while the next one is summed. s_axis_tready depends on registers alone.
module channel_pool #(
  parameter int unsigned CHANNELS = 8,  // per pixel, a multiple of PE
  parameter int unsigned PE       = 2,  // lanes per beat
  parameter int unsigned BITS     = 4,  // per input lane
  parameter int unsigned SIGNED   = 0,  // 1: lanes are two's complement
  parameter int unsigned SHIFT    = 3,  // left shift of the maximum; OUT_BITS <= 24
  localparam int unsigned SUM_BITS = BITS + $clog2(CHANNELS),
  localparam int unsigned OUT_BITS = (SHIFT > $clog2(CHANNELS)) ? BITS + SHIFT : SUM_BITS
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [PE*BITS-1:0]    s_axis_tdata,
  input  wire logic                  s_axis_tvalid,
  output      logic                  s_axis_tready,
  output      logic [2*OUT_BITS-1:0] m_axis_tdata,
  output      logic                  m_axis_tvalid,
  input  wire logic                  m_axis_tready
);
  if (PE == 0 || CHANNELS == 0 || CHANNELS % PE != 0) begin : gen_check_pe
    $error("need PE to divide CHANNELS");
  end
  if (BITS == 0) begin : gen_check_bits
    $error("need BITS >= 1");
  end
  if (SIGNED > 1) begin : gen_check_signed
    $error("need SIGNED to be 0 or 1");
  end
  if (SHIFT > 24 || OUT_BITS > 24) begin : gen_check_shift  // the former alone where their sum would wrap
    $error("need a SHIFT that leaves at most 24 bits per output lane");
  end

  localparam int unsigned FOLD      = CHANNELS / PE;
  localparam int unsigned BEAT_BITS = (FOLD > 1) ? $clog2(FOLD) : 1;

  function automatic logic exceeds(input logic [BITS-1:0] a, input logic [BITS-1:0] b);
    exceeds = $signed({(SIGNED != 0) && a[BITS-1], a}) > $signed({(SIGNED != 0) && b[BITS-1], b});
  endfunction

  function automatic logic [SUM_BITS-1:0] widen(input logic [BITS-1:0] lane);
    widen = SUM_BITS'($signed({(SIGNED != 0) && lane[BITS-1], lane}));
  endfunction

  // Stage 1: the beat's lanes, summed and compared in a balanced tree. Node i joins nodes 2i+1 and 2i+2.
  logic                          s1_valid_q;
  logic [SUM_BITS-1:0]           s1_sum_q;
  logic [BITS-1:0]               s1_max_q;
  logic [2*PE-2:0][SUM_BITS-1:0] sum_node;
  logic [2*PE-2:0][BITS-1:0]     max_node;

  always_comb begin
    for (int i = 0; i < PE; i++) begin
      sum_node[PE-1+i] = widen(s_axis_tdata[i*BITS +: BITS]);
      max_node[PE-1+i] = s_axis_tdata[i*BITS +: BITS];
    end
    for (int i = int'(PE) - 2; i >= 0; i--) begin
      sum_node[i] = sum_node[2*i+1] + sum_node[2*i+2];
      max_node[i] = exceeds(max_node[2*i+1], max_node[2*i+2]) ? max_node[2*i+1] : max_node[2*i+2];
    end
  end

  // Stage 2: the pixel so far.
  logic [BEAT_BITS-1:0] beat_q;
  logic                 first, last, finished_valid, finished_ready, stall;
  logic [SUM_BITS-1:0]  sum_d, sum_q;
  logic [BITS-1:0]      max_d, max_q;

  assign first          = beat_q == '0;
  assign last           = beat_q == BEAT_BITS'(FOLD - 1);
  assign finished_valid = s1_valid_q && last;
  assign stall          = finished_valid && !finished_ready;
  assign sum_d          = first ? s1_sum_q : sum_q + s1_sum_q;
  assign max_d          = (first || exceeds(s1_max_q, max_q)) ? s1_max_q : max_q;
  assign s_axis_tready  = !stall;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s1_valid_q <= 1'b0;
      beat_q     <= '0;
    end else if (!stall) begin
      s1_valid_q <= s_axis_tvalid;
      if (s1_valid_q) beat_q <= last ? '0 : beat_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!stall) begin
      s1_sum_q <= sum_node[0];
      s1_max_q <= max_node[0];
      if (s1_valid_q) begin
        sum_q <= sum_d;
        max_q <= max_d;
      end
    end
  end

  // Output: two finished pixels, so that the sink's tready reaches no further than here.
  logic [2*OUT_BITS-1:0] finished;

  assign finished[0 +: OUT_BITS] =
      OUT_BITS'($signed({(SIGNED != 0) && sum_d[SUM_BITS-1], sum_d}));
  assign finished[OUT_BITS +: OUT_BITS] =
      OUT_BITS'($signed({(SIGNED != 0) && max_d[BITS-1], max_d})) << SHIFT;

  skid_buffer #(.WIDTH(2 * OUT_BITS)) skid (
    .clk_i, .rst_ni,
    .s_axis_tdata(finished), .s_axis_tvalid(finished_valid), .s_axis_tready(finished_ready),
    .m_axis_tdata, .m_axis_tvalid, .m_axis_tready
  );
endmodule

`default_nettype wire
