// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Reads frames from memory into a stream: AXI4 bursts in, one beat of BEAT_BYTES per transfer out, back to back.
///
/// Memory holds the beats of all frames without gaps, their first byte least significant; m_axis_tlast marks the last
/// beat of each frame. Registers: see dma_control.sv. Bursts have up to BURST words and stay within 4 KiB; up to two are
/// under way, in order, without IDs. A word is cut into units of the greatest common divisor of WORD_BYTES and BEAT_BYTES,
/// of which one moves per cycle: 64-bit memory and beats of 3 bytes give a byte per cycle, beats of 8 bytes one each.
/// An error response is reported and its data pass on all the same, so that frames keep their length.
/// abort_i ends a transfer as AXI demands: what was requested is taken and dropped, only then is the DMA idle.
module read_dma #(
  parameter int unsigned ADDR_BITS   = 32,  // of memory, 32 to 64
  parameter int unsigned WORD_BYTES  = 8,   // of memory, a power of two up to 128
  parameter int unsigned BEAT_BYTES  = 3,   // of the stream
  parameter int unsigned FRAME_BEATS = 4,   // beats of the stream per frame
  parameter int unsigned BURST       = 16   // words of the longest burst, 1 to 16
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,   // synchronous
  input  wire logic                    abort_i,  // ends a transfer that is under way

  input  wire logic [5:0]              s_axi_control_awaddr,
  input  wire logic                    s_axi_control_awvalid,
  output      logic                    s_axi_control_awready,
  input  wire logic [31:0]             s_axi_control_wdata,
  input  wire logic [3:0]              s_axi_control_wstrb,
  input  wire logic                    s_axi_control_wvalid,
  output      logic                    s_axi_control_wready,
  output      logic [1:0]              s_axi_control_bresp,
  output      logic                    s_axi_control_bvalid,
  input  wire logic                    s_axi_control_bready,
  input  wire logic [5:0]              s_axi_control_araddr,
  input  wire logic                    s_axi_control_arvalid,
  output      logic                    s_axi_control_arready,
  output      logic [31:0]             s_axi_control_rdata,
  output      logic [1:0]              s_axi_control_rresp,
  output      logic                    s_axi_control_rvalid,
  input  wire logic                    s_axi_control_rready,

  output      logic [ADDR_BITS-1:0]    m_axi_gmem_araddr,
  output      logic [7:0]              m_axi_gmem_arlen,
  output      logic [2:0]              m_axi_gmem_arsize,
  output      logic [1:0]              m_axi_gmem_arburst,
  output      logic [3:0]              m_axi_gmem_arcache,
  output      logic [2:0]              m_axi_gmem_arprot,
  output      logic                    m_axi_gmem_arvalid,
  input  wire logic                    m_axi_gmem_arready,
  input  wire logic [8*WORD_BYTES-1:0] m_axi_gmem_rdata,
  input  wire logic [1:0]              m_axi_gmem_rresp,
  input  wire logic                    m_axi_gmem_rlast,
  input  wire logic                    m_axi_gmem_rvalid,
  output      logic                    m_axi_gmem_rready,

  output      logic [8*BEAT_BYTES-1:0] m_axis_tdata,
  output      logic                    m_axis_tlast,
  output      logic                    m_axis_tvalid,
  input  wire logic                    m_axis_tready,

  input  wire logic                    misaligned_i,  // frames are: CONTROL tells
  output      logic                    busy_o,
  output      logic                    ended_o,  // one cycle
  output      logic                    error_o,
  output      logic                    interrupt_o
);
  if (BEAT_BYTES == 0 || FRAME_BEATS == 0) begin : gen_check_frame
    $error("need BEAT_BYTES >= 1 and FRAME_BEATS >= 1");
  end
  if (BURST == 0 || BURST > 16) begin : gen_check_burst
    $error("need 1 <= BURST <= 16");
  end
  if (WORD_BYTES > 128) begin : gen_check_word
    $error("need WORD_BYTES <= 128");
  end

  function automatic int unsigned gcd(input int unsigned a, input int unsigned b);
    gcd = a;
    for (int unsigned rest = b; rest != 0;) begin
      automatic int unsigned next = gcd % rest;
      gcd = rest;
      rest = next;
    end
  endfunction

  localparam int unsigned UNIT        = gcd(WORD_BYTES, BEAT_BYTES);  // bytes
  localparam int unsigned FRAME_BYTES = FRAME_BEATS * BEAT_BYTES;
  localparam int unsigned BURST_BYTES = BURST * WORD_BYTES;
  localparam int unsigned LEFT_BITS   = $clog2(FRAME_BYTES + BURST_BYTES + 1);
  localparam int unsigned SHIFT       = $clog2(WORD_BYTES);
  localparam int unsigned PAGE_WORDS  = 4096 / WORD_BYTES;
  localparam int unsigned BEAT_BITS   = (FRAME_BEATS > 1) ? $clog2(FRAME_BEATS) : 1;
  localparam int unsigned DUE_BITS    = $clog2(2 * BURST + 1);

  logic                 start, running_q, draining_q, ended, failed;
  logic [ADDR_BITS-1:0] start_address;
  logic [31:0]          start_frames, failed_address;

  dma_control #(.ADDR_BITS(ADDR_BITS), .WORD_BYTES(WORD_BYTES)) registers (
    .clk_i, .rst_ni,
    .s_axi_control_awaddr, .s_axi_control_awvalid, .s_axi_control_awready, .s_axi_control_wdata, .s_axi_control_wstrb,
    .s_axi_control_wvalid, .s_axi_control_wready, .s_axi_control_bresp, .s_axi_control_bvalid, .s_axi_control_bready,
    .s_axi_control_araddr, .s_axi_control_arvalid, .s_axi_control_arready, .s_axi_control_rdata, .s_axi_control_rresp,
    .s_axi_control_rvalid, .s_axi_control_rready,
    .start_o(start), .address_o(start_address), .frames_o(start_frames), .abort_i, .busy_i(busy_o), .ended_i(ended),
    .error_i(failed), .error_code_i(m_axi_gmem_rresp), .error_address_i(failed_address), .misaligned_i, .error_o,
    .interrupt_o
  );

  // Requests: what is left of the frames taken so far, topped up with the next frame where less than a burst is left.
  logic [ADDR_BITS-1:0] address_q, burst_address_q;
  logic [31:0]          frames_q;  // not taken yet
  logic [LEFT_BITS-1:0] left_q, moved;
  logic [4:0]           words, burst_words_q;
  logic [12:0]          page_left;
  logic [DUE_BITS-1:0]  due_q;  // words that were requested and have not come
  logic                 arvalid_q, top_up, request, take, enough;

  assign enough    = left_q >= LEFT_BITS'(BURST_BYTES);
  assign top_up    = running_q && frames_q != '0 && !enough;
  assign request   = running_q && !abort_i && !arvalid_q && left_q != '0 && (enough || frames_q == '0) &&
                     due_q <= DUE_BITS'(BURST);
  assign page_left = 13'(PAGE_WORDS) - 13'(address_q[11:SHIFT]);
  always_comb begin
    words = enough ? 5'(BURST) : 5'((left_q + LEFT_BITS'(WORD_BYTES - 1)) >> SHIFT);
    if (page_left < 13'(words)) words = 5'(page_left);
  end
  assign moved = (LEFT_BITS'(words) << SHIFT) < left_q ? LEFT_BITS'(words) << SHIFT : left_q;
  assign take  = m_axi_gmem_rvalid && m_axi_gmem_rready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      running_q  <= 1'b0;
      draining_q <= 1'b0;
      arvalid_q  <= 1'b0;
      due_q      <= '0;
    end else begin
      if (start) running_q <= 1'b1;
      else if (ended || abort_i) running_q <= 1'b0;
      if (running_q && abort_i && !ended) draining_q <= 1'b1;
      else if (!arvalid_q && due_q == '0) draining_q <= 1'b0;
      if (request) arvalid_q <= 1'b1;
      else if (m_axi_gmem_arready) arvalid_q <= 1'b0;
      due_q <= due_q + (request ? DUE_BITS'(words) : '0) - DUE_BITS'(take);
    end
  end

  always_ff @(posedge clk_i) begin
    if (start) begin
      address_q <= start_address;
      frames_q  <= start_frames;
      left_q    <= '0;
    end else if (top_up) begin
      frames_q <= frames_q - 1'b1;
      left_q   <= left_q + LEFT_BITS'(FRAME_BYTES);
    end else if (request) begin
      address_q <= address_q + (ADDR_BITS'(words) << SHIFT);
      left_q    <= left_q - moved;
    end
    if (request) begin
      burst_address_q <= address_q;
      burst_words_q   <= words - 1'b1;
    end
  end

  assign m_axi_gmem_araddr  = burst_address_q;
  assign m_axi_gmem_arlen   = 8'(burst_words_q);
  assign m_axi_gmem_arsize  = 3'(SHIFT);
  assign m_axi_gmem_arburst = 2'b01;    // INCR
  assign m_axi_gmem_arcache = 4'b0011;  // modifiable, bufferable: what a memory port of a Zynq expects
  assign m_axi_gmem_arprot  = 3'b000;
  assign m_axi_gmem_arvalid = arvalid_q;

  // Words that come, and the address of the next.
  logic [31:0] came_q;

  assign failed         = take && m_axi_gmem_rresp[1];
  assign failed_address = came_q;

  always_ff @(posedge clk_i) begin
    if (start) came_q <= start_address[31:0];
    else if (take) came_q <= came_q + 32'(WORD_BYTES);
  end

  // Words to units, units to beats.
  logic                    wants, word_ready, unit_valid, unit_ready, beat_valid, beat_ready, cleared_n;
  logic [8*UNIT-1:0]       unit;
  logic [8*BEAT_BYTES-1:0] beat;

  assign cleared_n         = rst_ni && running_q;
  assign m_axi_gmem_rready = draining_q || (running_q && (word_ready || !wants));  // the last word may be cut in part

  if (WORD_BYTES == UNIT) begin : gen_whole_word
    assign unit       = m_axi_gmem_rdata;
    assign unit_valid = m_axi_gmem_rvalid && running_q;
    assign word_ready = unit_ready;
  end else begin : gen_cut
    lane_converter #(.WIDTH(8 * UNIT), .RATIO(WORD_BYTES / UNIT), .WIDENS(0)) cut (
      .clk_i, .rst_ni(cleared_n),
      .s_axis_tdata(m_axi_gmem_rdata), .s_axis_tvalid(m_axi_gmem_rvalid && running_q), .s_axis_tready(word_ready),
      .m_axis_tdata(unit), .m_axis_tvalid(unit_valid), .m_axis_tready(unit_ready)
    );
  end

  if (BEAT_BYTES == UNIT) begin : gen_whole_beat
    assign beat       = unit;
    assign beat_valid = unit_valid;
    assign unit_ready = beat_ready;
  end else begin : gen_join
    lane_converter #(.WIDTH(8 * UNIT), .RATIO(BEAT_BYTES / UNIT), .WIDENS(1)) join_units (
      .clk_i, .rst_ni(cleared_n),
      .s_axis_tdata(unit), .s_axis_tvalid(unit_valid), .s_axis_tready(unit_ready),
      .m_axis_tdata(beat), .m_axis_tvalid(beat_valid), .m_axis_tready(beat_ready)
    );
  end

  // Beats of the frames that were asked for; what follows in the last word is no part of them, and goes with it.
  logic [31:0]          to_go_q;  // frames
  logic [BEAT_BITS-1:0] beat_q;
  logic                 last, passes, skid_ready;

  assign wants      = to_go_q != '0;
  assign last       = beat_q == BEAT_BITS'(FRAME_BEATS - 1);
  assign passes     = beat_valid && wants && skid_ready;
  assign beat_ready = skid_ready && wants;

  always_ff @(posedge clk_i) begin
    if (start) begin
      to_go_q <= start_frames;
      beat_q  <= '0;
    end else if (passes) begin
      beat_q <= last ? '0 : beat_q + 1'b1;
      if (last) to_go_q <= to_go_q - 1'b1;
    end
  end

  skid_buffer #(.WIDTH(8 * BEAT_BYTES + 1)) skid (
    .clk_i, .rst_ni(cleared_n),
    .s_axis_tdata({last, beat}), .s_axis_tvalid(beat_valid && wants), .s_axis_tready(skid_ready),
    .m_axis_tdata({m_axis_tlast, m_axis_tdata}), .m_axis_tvalid, .m_axis_tready
  );

  assign ended   = running_q && !wants && !m_axis_tvalid;
  assign ended_o = ended;
  assign busy_o  = running_q || draining_q;

  logic unused;
  assign unused = &{1'b0, m_axi_gmem_rlast, m_axi_gmem_rresp[0]};
endmodule

`default_nettype wire
