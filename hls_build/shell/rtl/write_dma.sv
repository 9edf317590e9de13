// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Writes frames from a stream to memory: beats of BEAT_BYTES in, AXI4 bursts out, back to back.
///
/// Memory gets the beats of all frames without gaps, their first byte least significant. Registers: see dma_control.sv.
/// A burst is collected before its address is given, so the bus never waits for the stream: up to BURST words, within
/// 4 KiB, and closed at a frame's end, which so reaches memory at once; words that frames share are written twice, each
/// time with its own bytes' strobes. One burst is under way, and while it is, the stream waits. A beat is cut into units
/// of the greatest common divisor of WORD_BYTES and BEAT_BYTES, of which one moves per cycle.
/// An error response is reported, and the transfer goes on. It ends when the last response has come. abort_i drops what
/// was collected; a burst whose address was given is ended as AXI demands, only then is the DMA idle.
module write_dma #(
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

  output      logic [ADDR_BITS-1:0]    m_axi_gmem_awaddr,
  output      logic [7:0]              m_axi_gmem_awlen,
  output      logic [2:0]              m_axi_gmem_awsize,
  output      logic [1:0]              m_axi_gmem_awburst,
  output      logic [3:0]              m_axi_gmem_awcache,
  output      logic [2:0]              m_axi_gmem_awprot,
  output      logic                    m_axi_gmem_awvalid,
  input  wire logic                    m_axi_gmem_awready,
  output      logic [8*WORD_BYTES-1:0] m_axi_gmem_wdata,
  output      logic [WORD_BYTES-1:0]   m_axi_gmem_wstrb,
  output      logic                    m_axi_gmem_wlast,
  output      logic                    m_axi_gmem_wvalid,
  input  wire logic                    m_axi_gmem_wready,
  input  wire logic [1:0]              m_axi_gmem_bresp,
  input  wire logic                    m_axi_gmem_bvalid,
  output      logic                    m_axi_gmem_bready,

  input  wire logic [8*BEAT_BYTES-1:0] s_axis_tdata,
  input  wire logic                    s_axis_tvalid,
  output      logic                    s_axis_tready,

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
  localparam int unsigned LANES       = WORD_BYTES / UNIT;            // units per word
  localparam int unsigned FRAME_UNITS = FRAME_BEATS * BEAT_BYTES / UNIT;
  localparam int unsigned SHIFT       = $clog2(WORD_BYTES);
  localparam int unsigned PAGE_WORDS  = 4096 / WORD_BYTES;
  localparam int unsigned COUNT_BITS  = (FRAME_UNITS > 1) ? $clog2(FRAME_UNITS) : 1;
  localparam int unsigned INDEX_BITS  = (BURST > 1) ? $clog2(BURST) : 1;
  localparam int unsigned LANE_BITS   = (LANES > 1) ? $clog2(LANES) : 1;
  localparam int unsigned WORD_BITS   = ADDR_BITS - SHIFT;  // of a word's number

  typedef enum logic [1:0] {IDLE, FILL, SEND, ANSWER} state_e;

  state_e               state_q;
  logic                 start, ended, failed, aborting_q;
  logic [ADDR_BITS-1:0] start_address;
  logic [31:0]          start_frames, failed_address;

  dma_control #(.ADDR_BITS(ADDR_BITS), .WORD_BYTES(WORD_BYTES)) registers (
    .clk_i, .rst_ni,
    .s_axi_control_awaddr, .s_axi_control_awvalid, .s_axi_control_awready, .s_axi_control_wdata, .s_axi_control_wstrb,
    .s_axi_control_wvalid, .s_axi_control_wready, .s_axi_control_bresp, .s_axi_control_bvalid, .s_axi_control_bready,
    .s_axi_control_araddr, .s_axi_control_arvalid, .s_axi_control_arready, .s_axi_control_rdata, .s_axi_control_rresp,
    .s_axi_control_rvalid, .s_axi_control_rready,
    .start_o(start), .address_o(start_address), .frames_o(start_frames), .abort_i, .busy_i(busy_o), .ended_i(ended),
    .error_i(failed), .error_code_i(m_axi_gmem_bresp), .error_address_i(failed_address), .misaligned_i, .error_o,
    .interrupt_o
  );

  // Beats to units.
  logic              unit_valid, unit_ready, cut_valid, cut_ready;
  logic [8*UNIT-1:0] unit;

  assign cut_valid     = s_axis_tvalid && state_q != IDLE;
  assign s_axis_tready = cut_ready && state_q != IDLE;

  if (BEAT_BYTES == UNIT) begin : gen_whole_beat
    assign unit       = s_axis_tdata;
    assign unit_valid = cut_valid;
    assign cut_ready  = unit_ready;
  end else begin : gen_cut
    lane_converter #(.WIDTH(8 * UNIT), .RATIO(BEAT_BYTES / UNIT), .WIDENS(0)) cut (
      .clk_i, .rst_ni(rst_ni && state_q != IDLE),
      .s_axis_tdata, .s_axis_tvalid(cut_valid), .s_axis_tready(cut_ready),
      .m_axis_tdata(unit), .m_axis_tvalid(unit_valid), .m_axis_tready(unit_ready)
    );
  end

  // Units to words, words to a burst.
  logic [31:0]             to_go_q;  // frames
  logic [COUNT_BITS-1:0]   unit_q;   // of the frame
  logic [LANE_BITS-1:0]    lane_q;   // of the word
  logic [WORD_BITS-1:0]    word_q;   // its number in memory
  logic [8*WORD_BYTES-1:0] held_q, held;
  logic [WORD_BYTES-1:0]   strobe_q, strobe;
  logic [WORD_BITS-1:0]    burst_q;  // number of the burst's first word
  logic [INDEX_BITS-1:0]   count_q;  // words collected; while sending, the last one's index
  logic                    moves, ends_frame, ends_word, ends_page, ends_burst;

  assign unit_ready = state_q == FILL && to_go_q != '0;  // what follows the last frame stays where it is
  assign moves      = unit_valid && unit_ready;
  assign ends_frame = unit_q == COUNT_BITS'(FRAME_UNITS - 1);
  assign ends_word  = lane_q == LANE_BITS'(LANES - 1);
  assign ends_page  = (word_q & WORD_BITS'(PAGE_WORDS - 1)) == WORD_BITS'(PAGE_WORDS - 1);
  assign ends_burst = ends_frame || (ends_word && (ends_page || count_q == INDEX_BITS'(BURST - 1)));

  always_comb begin
    held   = held_q;
    strobe = strobe_q;
    for (int unsigned lane = 0; lane < LANES; lane++) begin
      if (lane_q == LANE_BITS'(lane)) begin
        held[8*UNIT*lane +: 8*UNIT] = unit;
        strobe[UNIT*lane +: UNIT]   = '1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start) begin
      to_go_q  <= start_frames;
      unit_q   <= '0;
      lane_q   <= '0;
      word_q   <= start_address[ADDR_BITS-1:SHIFT];
      strobe_q <= '0;
    end else if (moves) begin
      unit_q   <= ends_frame ? '0 : unit_q + 1'b1;
      lane_q   <= ends_word ? '0 : lane_q + 1'b1;
      held_q   <= held;
      strobe_q <= (ends_word || ends_frame) ? '0 : strobe;
      if (ends_word) word_q <= word_q + 1'b1;
      if (ends_frame) to_go_q <= to_go_q - 1'b1;
    end
    if (start) burst_q <= start_address[ADDR_BITS-1:SHIFT];
    else if (m_axi_gmem_bready && m_axi_gmem_bvalid) burst_q <= word_q;
  end

  (* ram_style = "distributed" *)
  logic [9*WORD_BYTES-1:0] words_mem [BURST];

  always_ff @(posedge clk_i) begin
    if (moves && (ends_word || ends_burst)) words_mem[count_q] <= {strobe, held};
  end

  // The burst's way to memory.
  logic                  awvalid_q, wvalid_q, sent;
  logic [INDEX_BITS-1:0] index_q;

  assign sent = (!awvalid_q || m_axi_gmem_awready) && (!wvalid_q || (m_axi_gmem_wready && m_axi_gmem_wlast));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q    <= IDLE;
      aborting_q <= 1'b0;
      awvalid_q  <= 1'b0;
      wvalid_q   <= 1'b0;
    end else begin
      aborting_q <= (aborting_q || abort_i) && state_q != IDLE && state_q != FILL;
      unique case (state_q)
        IDLE: if (start) state_q <= FILL;
        FILL: begin
          if (abort_i || aborting_q || to_go_q == '0) begin
            state_q <= IDLE;
          end else if (moves && ends_burst) begin
            state_q   <= SEND;
            awvalid_q <= 1'b1;
            wvalid_q  <= 1'b1;
          end
        end
        SEND: begin
          if (m_axi_gmem_awready) awvalid_q <= 1'b0;
          if (m_axi_gmem_wready && m_axi_gmem_wlast) wvalid_q <= 1'b0;
          if (sent) state_q <= ANSWER;
        end
        default: if (m_axi_gmem_bvalid) state_q <= FILL;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE || state_q == ANSWER) count_q <= '0;
    else if (moves && ends_word && !ends_burst) count_q <= count_q + 1'b1;
    if (state_q != SEND) index_q <= '0;
    else if (wvalid_q && m_axi_gmem_wready) index_q <= index_q + 1'b1;
  end

  assign m_axi_gmem_awaddr  = {burst_q, {SHIFT{1'b0}}};
  assign m_axi_gmem_awlen   = 8'(count_q);
  assign m_axi_gmem_awsize  = 3'(SHIFT);
  assign m_axi_gmem_awburst = 2'b01;    // INCR
  assign m_axi_gmem_awcache = 4'b0011;  // modifiable, bufferable: what a memory port of a Zynq expects
  assign m_axi_gmem_awprot  = 3'b000;
  assign m_axi_gmem_awvalid = awvalid_q;
  assign {m_axi_gmem_wstrb, m_axi_gmem_wdata} = words_mem[index_q];
  assign m_axi_gmem_wlast  = index_q == count_q;
  assign m_axi_gmem_wvalid = wvalid_q;
  assign m_axi_gmem_bready = state_q == ANSWER;

  assign failed         = m_axi_gmem_bready && m_axi_gmem_bvalid && m_axi_gmem_bresp[1];
  assign failed_address = 32'(m_axi_gmem_awaddr);
  assign ended          = state_q == FILL && to_go_q == '0 && !aborting_q;
  assign ended_o        = ended;
  assign busy_o         = state_q != IDLE;

  logic unused;
  assign unused = &{1'b0, m_axi_gmem_bresp[0], start_address};
endmodule

`default_nettype wire
