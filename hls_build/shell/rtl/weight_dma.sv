// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Reads weights from memory into streams for ever: each stream goes round a region of its own, ahead of who takes it.
///
/// Registers: see dma_control.sv, whose FRAMES means nothing here and whose ADDRESS is the weights file's, a multiple of
/// 4096. A start begins all regions; it runs until abort_i, which ends it as AXI demands: what was requested is taken
/// and dropped, only then is the DMA idle, and nothing of it is left. Bursts have up to BURST words and stay within
/// 4 KiB, as regions begin at multiples of it; up to four are under way, in order, without IDs. A stream asks for what it
/// has room for, so none that waits keeps another waiting. An error response is reported and its data pass on all
/// the same: what follows is wrong, but nothing hangs.
module weight_dma #(
  parameter int unsigned            ADDR_BITS  = 32,  // of memory, 32 to 64
  parameter int unsigned            WORD_BYTES = 8,   // of memory, a power of two up to 128
  parameter int unsigned            BURST      = 16,  // words of the longest burst, a power of two up to 16
  parameter int unsigned            DEPTH      = 64,  // words that each stream has ahead
  parameter int unsigned            STREAMS    = 1,   // 1 to 8
  parameter int unsigned            BEATS      = 1,   // bytes of a beat of all streams together
  parameter logic [32*STREAMS-1:0]  BEAT_BYTES = '1,  // of each, the first least significant
  parameter logic [32*STREAMS-1:0]  OFFSETS    = '0,  // bytes from the file's begin to each region
  parameter logic [32*STREAMS-1:0]  WORDS      = '1   // of each region
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,   // synchronous
  input  wire logic                    abort_i,

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

  output      logic [ADDR_BITS-1:0]    m_axi_weights_araddr,
  output      logic [7:0]              m_axi_weights_arlen,
  output      logic [2:0]              m_axi_weights_arsize,
  output      logic [1:0]              m_axi_weights_arburst,
  output      logic [3:0]              m_axi_weights_arcache,
  output      logic [2:0]              m_axi_weights_arprot,
  output      logic                    m_axi_weights_arvalid,
  input  wire logic                    m_axi_weights_arready,
  input  wire logic [8*WORD_BYTES-1:0] m_axi_weights_rdata,
  input  wire logic [1:0]              m_axi_weights_rresp,
  input  wire logic                    m_axi_weights_rlast,
  input  wire logic                    m_axi_weights_rvalid,
  output      logic                    m_axi_weights_rready,

  output      logic [8*BEATS-1:0]      m_axis_tdata,  // of all streams, the first least significant
  output      logic [STREAMS-1:0]      m_axis_tvalid,
  input  wire logic [STREAMS-1:0]      m_axis_tready,

  output      logic                    busy_o,
  output      logic                    error_o
);
  if (STREAMS == 0 || STREAMS > 8) begin : gen_check_streams
    $error("need 1 <= STREAMS <= 8");
  end

  localparam int unsigned SHIFT      = $clog2(WORD_BYTES);
  localparam int unsigned WHICH_BITS = (STREAMS > 1) ? $clog2(STREAMS) : 1;
  localparam int unsigned PENDING    = 4;     // bursts under way
  localparam int unsigned ALIGNMENT  = 4096;  // bytes

  logic                 start, running_q, draining_q, failed, interrupt;
  logic [ADDR_BITS-1:0] start_address, address_q;
  logic [31:0]          start_frames, failed_address;

  dma_control #(.ADDR_BITS(ADDR_BITS), .WORD_BYTES(ALIGNMENT)) registers (
    .clk_i, .rst_ni,
    .s_axi_control_awaddr, .s_axi_control_awvalid, .s_axi_control_awready, .s_axi_control_wdata, .s_axi_control_wstrb,
    .s_axi_control_wvalid, .s_axi_control_wready, .s_axi_control_bresp, .s_axi_control_bvalid, .s_axi_control_bready,
    .s_axi_control_araddr, .s_axi_control_arvalid, .s_axi_control_arready, .s_axi_control_rdata, .s_axi_control_rresp,
    .s_axi_control_rvalid, .s_axi_control_rready,
    .start_o(start), .address_o(start_address), .frames_o(start_frames), .abort_i, .busy_i(busy_o), .ended_i(1'b0),
    .error_i(failed), .error_code_i(m_axi_weights_rresp), .error_address_i(failed_address), .misaligned_i(1'b0),
    .error_o, .interrupt_o(interrupt)
  );

  // The streams.
  logic [STREAMS-1:0]       asks, asked, comes;
  logic [STREAMS-1:0][31:0] at;
  logic [STREAMS-1:0][4:0]  words;

  function automatic int unsigned bytes_before(input int unsigned stream);  // of a beat of each stream before it
    bytes_before = 0;
    for (int unsigned j = 0; j < stream; j++) bytes_before += BEAT_BYTES[32*j +: 32];
  endfunction

  for (genvar i = 0; i < STREAMS; i++) begin : gen_reader
    localparam int unsigned BYTES = BEAT_BYTES[32*i +: 32];

    weight_reader #(
      .WORD_BYTES(WORD_BYTES), .BEAT_BYTES(BYTES), .WORDS(WORDS[32*i +: 32]), .BURST(BURST), .DEPTH(DEPTH)
    ) reader (
      .clk_i, .rst_ni(rst_ni && running_q),
      .asks_o(asks[i]), .at_o(at[i]), .words_o(words[i]), .asked_i(asked[i]),
      .word_i(m_axi_weights_rdata), .comes_i(comes[i]),
      .m_axis_tdata(m_axis_tdata[8*bytes_before(i) +: 8*BYTES]), .m_axis_tvalid(m_axis_tvalid[i]),
      .m_axis_tready(m_axis_tready[i])
    );
  end

  // Requests, of one stream after the other.
  logic [WHICH_BITS-1:0] turn_q;
  logic [2:0]            pending_q;  // bursts under way
  logic                  arvalid_q, request, ends;
  logic [ADDR_BITS-1:0]  burst_address_q, next_address;
  logic [4:0]            burst_words_q;

  assign next_address = address_q + ADDR_BITS'(OFFSETS[32*int'(turn_q) +: 32]) + (ADDR_BITS'(at[turn_q]) << SHIFT);
  assign request      = running_q && !abort_i && !arvalid_q && asks[turn_q] && pending_q < 3'(PENDING);

  always_comb begin
    asked         = '0;
    asked[turn_q] = request;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      running_q  <= 1'b0;
      draining_q <= 1'b0;
      arvalid_q  <= 1'b0;
      pending_q  <= '0;
      turn_q     <= '0;
    end else begin
      if (start) running_q <= 1'b1;
      else if (abort_i) running_q <= 1'b0;
      if (running_q && abort_i) draining_q <= 1'b1;
      else if (!arvalid_q && pending_q == '0) draining_q <= 1'b0;
      if (request) arvalid_q <= 1'b1;
      else if (m_axi_weights_arready) arvalid_q <= 1'b0;
      pending_q <= pending_q + 3'(request) - 3'(ends);
      turn_q    <= (turn_q == WHICH_BITS'(STREAMS - 1)) ? '0 : turn_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start) address_q <= start_address;
    if (request) begin
      burst_address_q <= next_address;
      burst_words_q   <= words[turn_q] - 1'b1;
    end
  end

  assign m_axi_weights_araddr  = burst_address_q;
  assign m_axi_weights_arlen   = 8'(burst_words_q);
  assign m_axi_weights_arsize  = 3'(SHIFT);
  assign m_axi_weights_arburst = 2'b01;    // INCR
  assign m_axi_weights_arcache = 4'b0011;  // modifiable, bufferable: what a memory port of a Zynq expects
  assign m_axi_weights_arprot  = 3'b000;
  assign m_axi_weights_arvalid = arvalid_q;

  // What comes is for the streams in the order of their requests.
  logic [WHICH_BITS-1:0] whose [PENDING];
  logic [31:0]           whence [PENDING];
  logic [1:0]            asked_q, answered_q;  // places in these queues
  logic                  take;

  assign m_axi_weights_rready = pending_q != '0;
  assign take                 = m_axi_weights_rvalid && m_axi_weights_rready;
  assign ends                 = take && m_axi_weights_rlast;
  assign failed               = take && m_axi_weights_rresp[1] && running_q;
  assign failed_address       = whence[answered_q];

  always_comb begin
    comes                    = '0;
    comes[whose[answered_q]] = take && running_q;
  end

  always_ff @(posedge clk_i) begin
    if (request) begin
      whose[asked_q]  <= turn_q;
      whence[asked_q] <= next_address[31:0];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      asked_q    <= '0;
      answered_q <= '0;
    end else begin
      asked_q    <= asked_q + 2'(request);
      answered_q <= answered_q + 2'(ends);
    end
  end

  assign busy_o = running_q || draining_q;

  logic unused;
  assign unused = &{1'b0, m_axi_weights_rresp[0], start_frames, interrupt};
endmodule

`default_nettype wire
