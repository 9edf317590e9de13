// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Reduces a frame of PIXELS pixels to its channels' sums, and to their maxima times 2**SHIFT.
///
/// A pixel is CHANNELS/PE beats of PE lanes, lane 0 least significant. With DESCRIPTORS a frame leaves as
/// two pixels, first the sums, then the maxima; without, as the sums alone. Output lanes have OUT_BITS bits
/// and are signed if SIGNED.
///
/// Latency 3 cycles from the last pixel's first beat to its sum; one beat per cycle, also across frames.
/// Finished words wait in queues that hold a frame's, so a slow sink holds the input only where a frame's
/// last pixel finds the frame before still there. s_axis_tready depends on registers alone.
module global_pool #(
  parameter int unsigned PIXELS      = 4,  // per frame
  parameter int unsigned CHANNELS    = 4,  // per pixel, a multiple of PE
  parameter int unsigned PE          = 1,  // lanes per beat
  parameter int unsigned BITS        = 4,  // per input lane
  parameter int unsigned SIGNED      = 0,  // 1: lanes are two's complement
  parameter int unsigned DESCRIPTORS = 1,  // 1: sums and maxima, 0: sums alone
  parameter int unsigned SHIFT       = 2,  // left shift of the maxima, 0 without; OUT_BITS <= 24
  localparam int unsigned SUM_BITS = BITS + $clog2(PIXELS),
  localparam int unsigned OUT_BITS =
      (DESCRIPTORS != 0 && SHIFT > $clog2(PIXELS)) ? BITS + SHIFT : SUM_BITS
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,  // synchronous; resets valids and counters, never data
  input  wire logic [PE*BITS-1:0]     s_axis_tdata,
  input  wire logic                   s_axis_tvalid,
  output      logic                   s_axis_tready,
  output      logic [PE*OUT_BITS-1:0] m_axis_tdata,
  output      logic                   m_axis_tvalid,
  input  wire logic                   m_axis_tready
);
  if (PIXELS == 0) begin : gen_check_pixels
    $error("need PIXELS >= 1");
  end
  if (PE == 0 || CHANNELS == 0 || CHANNELS % PE != 0) begin : gen_check_pe
    $error("need PE to divide CHANNELS");
  end
  if (BITS == 0) begin : gen_check_bits
    $error("need BITS >= 1");
  end
  if (SIGNED > 1 || DESCRIPTORS > 1) begin : gen_check_flags
    $error("need SIGNED and DESCRIPTORS to be 0 or 1");
  end
  if (DESCRIPTORS == 0 && SHIFT != 0) begin : gen_check_maxima
    $error("need SHIFT = 0 without maxima to shift");
  end
  if (SHIFT > 24 || OUT_BITS > 24) begin : gen_check_shift  // the former alone where their sum would wrap
    $error("need a SHIFT that leaves at most 24 bits per output lane");
  end

  localparam int unsigned FOLD       = CHANNELS / PE;
  localparam int unsigned FOLD_BITS  = (FOLD > 1) ? $clog2(FOLD) : 1;
  localparam int unsigned PIXEL_BITS = (PIXELS > 1) ? $clog2(PIXELS) : 1;
  localparam int unsigned KINDS      = (DESCRIPTORS != 0) ? 2 : 1;  // 0: sums, 1: maxima

  function automatic logic exceeds(input logic [BITS-1:0] a, input logic [BITS-1:0] b);
    exceeds = $signed({(SIGNED != 0) && a[BITS-1], a}) > $signed({(SIGNED != 0) && b[BITS-1], b});
  endfunction

  // Stage 1: the beat, and its place in the frame.
  logic                  s1_valid_q;
  logic [PE*BITS-1:0]    s1_beat_q;
  logic [FOLD_BITS-1:0]  fold_q;
  logic [PIXEL_BITS-1:0] pixel_q;
  logic                  first, last, stall, step, push;
  logic [KINDS-1:0]      full;

  assign first         = pixel_q == '0;
  assign last          = pixel_q == PIXEL_BITS'(PIXELS - 1);
  assign stall         = s1_valid_q && last && full != '0;
  assign step          = s1_valid_q && !stall;
  assign push          = step && last;
  assign s_axis_tready = !stall;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s1_valid_q <= 1'b0;
      fold_q     <= '0;
      pixel_q    <= '0;
    end else if (!stall) begin
      s1_valid_q <= s_axis_tvalid;
      if (step) begin
        if (fold_q != FOLD_BITS'(FOLD - 1)) begin
          fold_q <= fold_q + 1'b1;
        end else begin
          fold_q  <= '0;
          pixel_q <= last ? '0 : pixel_q + 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!stall) s1_beat_q <= s_axis_tdata;
  end

  // Output: FOLD beats of each kind in turn, into a register.
  logic [KINDS-1:0]                  empty;
  logic [KINDS-1:0][PE*OUT_BITS-1:0] head;
  logic                              kind, advance, pop, out_last;
  logic [FOLD_BITS-1:0]              out_fold_q;
  logic [PE*OUT_BITS-1:0]            out_q;
  logic                              out_valid_q;

  assign advance       = !out_valid_q || m_axis_tready;
  assign pop           = !empty[kind] && advance;
  assign out_last      = out_fold_q == FOLD_BITS'(FOLD - 1);
  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = out_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_valid_q <= 1'b0;
      out_fold_q  <= '0;
    end else if (advance) begin
      out_valid_q <= pop;
      if (pop) out_fold_q <= out_last ? '0 : out_fold_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) out_q <= head[kind];
  end

  if (DESCRIPTORS != 0) begin : gen_turns
    logic kind_q;

    assign kind = kind_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) kind_q <= 1'b0;
      else if (pop && out_last) kind_q <= !kind_q;
    end
  end else begin : gen_one_kind
    assign kind = 1'b0;
  end

  for (genvar k = 0; k < KINDS; k++) begin : gen_kind
    localparam int unsigned LANE_BITS = (k == 0) ? SUM_BITS : BITS;

    // Read, add and write within one cycle: consecutive beats share a word when FOLD is 1.
    (* ram_style = "distributed" *)
    logic [PE*LANE_BITS-1:0] frame_mem [FOLD];
    logic [PE*LANE_BITS-1:0] held, total;

    assign held = frame_mem[fold_q];

    always_ff @(posedge clk_i) begin
      if (step) frame_mem[fold_q] <= total;
    end

    // Finished words of a frame. With FOLD 1 a second word lets it fill while it empties.
    localparam int unsigned DEPTH      = (FOLD > 1) ? FOLD : 2;
    localparam int unsigned DEPTH_BITS = $clog2(DEPTH);
    localparam int unsigned LEVEL_BITS = $clog2(DEPTH + 1);
    (* ram_style = "distributed" *)
    logic [PE*LANE_BITS-1:0] queue_mem [DEPTH];
    logic [PE*LANE_BITS-1:0] oldest;
    logic [DEPTH_BITS-1:0]   write_q, read_q;
    logic [LEVEL_BITS-1:0]   level_q;
    logic                    pop_k;

    assign pop_k    = pop && kind == 1'(k);
    assign empty[k] = level_q == '0;
    assign full[k]  = level_q == LEVEL_BITS'(DEPTH);
    assign oldest   = queue_mem[read_q];

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        write_q <= '0;
        read_q  <= '0;
        level_q <= '0;
      end else begin
        if (push) write_q <= (write_q == DEPTH_BITS'(DEPTH - 1)) ? '0 : write_q + 1'b1;
        if (pop_k) read_q <= (read_q == DEPTH_BITS'(DEPTH - 1)) ? '0 : read_q + 1'b1;
        if (push && !pop_k) level_q <= level_q + 1'b1;
        if (!push && pop_k) level_q <= level_q - 1'b1;
      end
    end

    always_ff @(posedge clk_i) begin
      if (push) queue_mem[write_q] <= total;
    end

    for (genvar lane = 0; lane < PE; lane++) begin : gen_lane
      logic [BITS-1:0]      fresh;
      logic [LANE_BITS-1:0] old, done;

      assign fresh = s1_beat_q[lane*BITS +: BITS];
      assign old   = held[lane*LANE_BITS +: LANE_BITS];
      assign done  = oldest[lane*LANE_BITS +: LANE_BITS];

      if (k == 0) begin : gen_sum
        assign total[lane*LANE_BITS +: LANE_BITS] =
            (first ? '0 : old) + LANE_BITS'($signed({(SIGNED != 0) && fresh[BITS-1], fresh}));
        assign head[k][lane*OUT_BITS +: OUT_BITS] =
            OUT_BITS'($signed({(SIGNED != 0) && done[LANE_BITS-1], done}));
      end else begin : gen_max
        assign total[lane*LANE_BITS +: LANE_BITS] = (first || exceeds(fresh, old)) ? fresh : old;
        assign head[k][lane*OUT_BITS +: OUT_BITS] =
            OUT_BITS'($signed({(SIGNED != 0) && done[LANE_BITS-1], done})) << SHIFT;
      end
    end
  end
endmodule

`default_nettype wire
