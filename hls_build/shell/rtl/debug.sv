// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Tells what the accelerator is and does, resets it, and tests it; registers on AXI-Lite.
///
///   0x000  ID              0x41554631
///   0x004  FEATURES        0 frames are checked, 1 there is a self-test, 2 streams are counted, 3 weights
///                          come from memory
///   0x008  COUNTS          15:0 streams, 31:16 FIFOs
///   0x00c  CONTROL         writing ones: 0 resets DMAs and accelerator, 1 clears the counters of the streams, 2 starts
///                          the self-test; 3, kept: frames go in one at a time
///   0x010  STATUS          0 resetting, 1 testing, 2 tested, 3 passed, 4 frames are on their way, 5 nothing moved for
///                          QUIET_CYCLES, 6 and 7 the input's and the output's DMA are busy, 8 and 9 they report an error,
///                          10 the weights' DMA is busy, 11 it reports an error
///   0x014  ENABLE          interrupts: 0 and 1 the input's and the output's DMA ended, 2 a fault was noticed, 3 tested
///   0x018  PENDING         likewise, whether enabled or not; writing a one clears
///   0x01c  QUIET           cycles since a beat moved anywhere, up to QUIET_CYCLES
///   0x020  DIGEST          eight words of the build's sha256, first bytes first
///   0x040  FRAMES_IN       whole frames that went in since the last reset
///   0x044  FRAMES_OUT
///   0x048  FAULT           see frame_check.sv
///   0x04c  FAULT_FRAME
///   0x050  FAULT_BEAT
///   0x054  TEST_CRC        of the self-test's answer
///   0x058  TEST_EXPECTED
///   0x05c  TEST_CYCLES
///   0x080  VALID           a bit per stream, 32 per word: it has a beat now
///   0x0c0  READY           its beat is taken now
///   0x1000 + 8 i           BEATS of stream i, 0x1004 + 8 i its STALLS: cycles with a beat that nobody takes
///   0x2000 + 4 i           highest fill of FIFO i since the last reset
///
/// Stream 0 is the input, the last one the output. The self-test starts only while DMAs and accelerator are idle.
/// A reset first aborts all DMAs, which ends their transfers on the bus, and then holds the accelerator in reset for
/// RESET_CYCLES; STATUS tells when it is over. It forgets the frames and the fault, not the counters of the streams.
module debug #(
  parameter int unsigned            IN_FRAME_BEATS  = 4,
  parameter int unsigned            OUT_FRAME_BEATS = 4,
  parameter int unsigned            STREAMS         = 2,        // with input and output, 2 to 512
  parameter int unsigned            FIFOS           = 0,        // up to 1024
  parameter logic [255:0]           DIGEST          = '0,       // its first byte is the most significant
  parameter int unsigned            QUIET_CYCLES    = 1 << 20,  // more than the accelerator ever pauses
  parameter int unsigned            RESET_CYCLES    = 16,
  parameter int unsigned            CHECK           = 1,        // 0: frames are counted, not checked
  parameter int unsigned            SELF_TEST       = 1,        // 0: there is none
  parameter int unsigned            COUNTERS        = 1,        // 0: streams are not counted
  parameter int unsigned            WEIGHTS         = 0,        // 1: there is a DMA of weights
  parameter int unsigned            EXPECTED        = 0,        // CRC of the self-test's right answer
  localparam int unsigned           FILL_BITS       = (FIFOS > 0) ? 32 * FIFOS : 1
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,  // synchronous

  input  wire logic [13:0]          s_axi_debug_awaddr,
  input  wire logic                 s_axi_debug_awvalid,
  output      logic                 s_axi_debug_awready,
  input  wire logic [31:0]          s_axi_debug_wdata,
  input  wire logic [3:0]           s_axi_debug_wstrb,
  input  wire logic                 s_axi_debug_wvalid,
  output      logic                 s_axi_debug_wready,
  output      logic [1:0]           s_axi_debug_bresp,
  output      logic                 s_axi_debug_bvalid,
  input  wire logic                 s_axi_debug_bready,
  input  wire logic [13:0]          s_axi_debug_araddr,
  input  wire logic                 s_axi_debug_arvalid,
  output      logic                 s_axi_debug_arready,
  output      logic [31:0]          s_axi_debug_rdata,
  output      logic [1:0]           s_axi_debug_rresp,
  output      logic                 s_axi_debug_rvalid,
  input  wire logic                 s_axi_debug_rready,

  input  wire logic [STREAMS-1:0]   valid_i,
  input  wire logic [STREAMS-1:0]   ready_i,
  input  wire logic                 in_last_i,  // the input's beat is marked as its frame's last
  input  wire logic [FILL_BITS-1:0] fill_i,     // highest fills, 32 bits each

  input  wire logic [1:0]           busy_i,     // DMAs: the input's, the output's
  input  wire logic [1:0]           ended_i,
  input  wire logic [1:0]           error_i,
  input  wire logic                 weights_busy_i,   // their DMA
  input  wire logic                 weights_error_i,
  output      logic                 abort_o,
  output      logic                 rst_no,     // of the accelerator
  output      logic                 open_o,     // the input may go on
  output      logic [1:0]           misaligned_o,  // one cycle: what the input's and the output's DMA are told

  output      logic                 test_start_o,
  input  wire logic                 test_running_i,
  input  wire logic                 test_ended_i,
  input  wire logic                 test_done_i,
  input  wire logic                 test_passed_i,
  input  wire logic [31:0]          test_crc_i,
  input  wire logic [31:0]          test_cycles_i,

  output      logic                 interrupt_o
);
  if (STREAMS < 2 || STREAMS > 512) begin : gen_check_streams
    $error("need 2 <= STREAMS <= 512");
  end
  if (FIFOS > 1024) begin : gen_check_fifos
    $error("need FIFOS <= 1024");
  end
  if (RESET_CYCLES == 0) begin : gen_check_reset
    $error("need RESET_CYCLES >= 1");
  end
  if (SELF_TEST > 1 || COUNTERS > 1) begin : gen_check_parts
    $error("need SELF_TEST and COUNTERS to be 0 or 1");
  end

  localparam logic [31:0] IDENTITY = 32'h41554631;
  localparam logic [11:0] ID = 12'h000, FEATURES = 12'h001, COUNTS = 12'h002, CONTROL = 12'h003, STATUS = 12'h004,
                          ENABLE = 12'h005, PENDING = 12'h006, QUIET = 12'h007, FRAMES_IN = 12'h010,
                          FRAMES_OUT = 12'h011, FAULT = 12'h012, FAULT_FRAME = 12'h013, FAULT_BEAT = 12'h014,
                          TEST_CRC = 12'h015, TEST_EXPECTED = 12'h016, TEST_CYCLES = 12'h017;
  localparam int unsigned RESET_BITS = $clog2(RESET_CYCLES + 1);
  localparam int unsigned INDEX_BITS = $clog2(STREAMS);

  logic        write, read, controls;
  logic [11:0] write_address, read_address;
  logic [31:0] write_data, read_data;

  axi_lite_slave #(.ADDR_BITS(14)) slave (
    .clk_i, .rst_ni,
    .s_axi_awaddr(s_axi_debug_awaddr), .s_axi_awvalid(s_axi_debug_awvalid), .s_axi_awready(s_axi_debug_awready),
    .s_axi_wdata(s_axi_debug_wdata), .s_axi_wstrb(s_axi_debug_wstrb), .s_axi_wvalid(s_axi_debug_wvalid),
    .s_axi_wready(s_axi_debug_wready), .s_axi_bresp(s_axi_debug_bresp), .s_axi_bvalid(s_axi_debug_bvalid),
    .s_axi_bready(s_axi_debug_bready), .s_axi_araddr(s_axi_debug_araddr), .s_axi_arvalid(s_axi_debug_arvalid),
    .s_axi_arready(s_axi_debug_arready), .s_axi_rdata(s_axi_debug_rdata), .s_axi_rresp(s_axi_debug_rresp),
    .s_axi_rvalid(s_axi_debug_rvalid), .s_axi_rready(s_axi_debug_rready),
    .write_o(write), .write_address_o(write_address), .write_data_o(write_data),
    .read_o(read), .read_address_o(read_address), .read_data_i(read_data)
  );

  assign controls = write && write_address == CONTROL;

  // Reset: first the DMAs, then the accelerator.
  logic                  resetting_q;
  logic [RESET_BITS-1:0] held_q;  // cycles for which the accelerator has been held

  assign abort_o = resetting_q;

  always_ff @(posedge clk_i) begin
    rst_no <= rst_ni && held_q == '0;
    if (!rst_ni) begin
      resetting_q <= 1'b0;
      held_q      <= '0;
    end else if (resetting_q) begin
      if (held_q == RESET_BITS'(RESET_CYCLES)) begin
        resetting_q <= 1'b0;
        held_q      <= '0;
      end else if (busy_i == '0 && !weights_busy_i) begin
        held_q <= held_q + 1'b1;
      end
    end else begin
      resetting_q <= controls && write_data[0];
    end
  end

  // Frames.
  logic        fence_q, fences_q, owed, noticed, moves_q;
  logic [2:0]  fault;
  logic [31:0] frames_in, frames_out, quiet, fault_frame, fault_beat;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) fence_q <= 1'b0;
    else if (controls) fence_q <= write_data[3];
    if (!owed) fences_q <= fence_q;  // lest a beat that is offered be taken back
    moves_q <= (valid_i & ready_i) != '0;
  end

  frame_check #(
    .IN_FRAME_BEATS(IN_FRAME_BEATS), .OUT_FRAME_BEATS(OUT_FRAME_BEATS), .QUIET_CYCLES(QUIET_CYCLES), .CHECK(CHECK)
  ) frames (
    .clk_i, .rst_ni(rst_no), .fence_i(fences_q), .moves_i(moves_q),
    .in_valid_i(valid_i[0]), .in_ready_i(ready_i[0]), .in_last_i,
    .out_valid_i(valid_i[STREAMS-1]), .out_ready_i(ready_i[STREAMS-1]),
    .open_o, .frames_in_o(frames_in), .frames_out_o(frames_out), .quiet_o(quiet), .owed_o(owed), .noticed_o(noticed),
    .fault_o(fault), .fault_frame_o(fault_frame), .fault_beat_o(fault_beat)
  );

  logic noticed_q;

  always_ff @(posedge clk_i) noticed_q <= noticed && rst_no;
  assign misaligned_o = {noticed_q, noticed_q && fault <= 3'd2};

  // Self-test.
  assign test_start_o = (SELF_TEST != 0) && controls && write_data[2] && !test_running_i && !resetting_q &&
                        busy_i == '0 && !owed;

  // Interrupts.
  logic [3:0] enable_q, pending_q, comes;

  assign comes       = {test_ended_i, noticed_q, ended_i};
  assign interrupt_o = (enable_q & pending_q) != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      enable_q  <= '0;
      pending_q <= '0;
    end else begin
      if (write && write_address == ENABLE) enable_q <= write_data[3:0];
      pending_q <= (pending_q & ~((write && write_address == PENDING) ? write_data[3:0] : 4'h0)) | comes;
    end
  end

  // What is read.
  logic [31:0]  beats, stalls, fill, status;
  logic [511:0] valid, ready;

  if (COUNTERS != 0) begin : gen_counters
    stream_counters #(.STREAMS(STREAMS)) counters (
      .clk_i, .rst_ni, .clear_i(controls && write_data[1]), .valid_i, .ready_i,
      .index_i(read_address[INDEX_BITS:1]), .beats_o(beats), .stalls_o(stalls)
    );
  end else begin : gen_no_counters
    assign beats  = '0;
    assign stalls = '0;
  end

  if (FIFOS > 0) begin : gen_fill
    localparam int unsigned FIFO_BITS = (FIFOS > 1) ? $clog2(FIFOS) : 1;
    logic [(1 << FIFO_BITS)-1:0][31:0] fills;

    assign fills = {{(32 * ((1 << FIFO_BITS) - FIFOS)){1'b0}}, fill_i};
    assign fill  = fills[read_address[FIFO_BITS-1:0]];
  end else begin : gen_no_fill
    assign fill = {31'b0, fill_i};
  end

  assign valid  = 512'(valid_i);
  assign ready  = 512'(ready_i);
  assign status = {20'b0, weights_error_i, weights_busy_i, error_i[1], error_i[0], busy_i[1], busy_i[0], quiet == 32'(QUIET_CYCLES), owed, test_passed_i,
                   test_done_i, test_running_i, resetting_q};

  always_comb begin
    unique case (read_address)
      ID:            read_data = IDENTITY;
      FEATURES:      read_data = {28'b0, WEIGHTS != 0, COUNTERS != 0, SELF_TEST != 0, CHECK != 0};
      COUNTS:        read_data = {16'(FIFOS), 16'(STREAMS)};
      CONTROL:       read_data = {28'b0, fence_q, 3'b0};
      STATUS:        read_data = status;
      ENABLE:        read_data = {28'b0, enable_q};
      PENDING:       read_data = {28'b0, pending_q};
      QUIET:         read_data = quiet;
      FRAMES_IN:     read_data = frames_in;
      FRAMES_OUT:    read_data = frames_out;
      FAULT:         read_data = {29'b0, fault};
      FAULT_FRAME:   read_data = fault_frame;
      FAULT_BEAT:    read_data = fault_beat;
      TEST_CRC:      read_data = test_crc_i;
      TEST_EXPECTED: read_data = (SELF_TEST != 0) ? 32'(EXPECTED) : '0;
      TEST_CYCLES:   read_data = test_cycles_i;
      default: begin
        read_data = '0;
        if (read_address[11:3] == 9'h001) read_data = DIGEST[32 * (7 - int'(read_address[2:0])) +: 32];
        if (read_address[11:4] == 8'h02) read_data = valid[32 * int'(read_address[3:0]) +: 32];
        if (read_address[11:4] == 8'h03) read_data = ready[32 * int'(read_address[3:0]) +: 32];
        if (read_address[11:10] == 2'b01 && int'(read_address[9:1]) < int'(STREAMS)) begin
          read_data = read_address[0] ? stalls : beats;
        end
        if (read_address[11:10] == 2'b10 && int'(read_address[9:0]) < int'(FIFOS)) read_data = fill;
      end
    endcase
  end

  logic unused;
  assign unused = &{1'b0, read, write_data[31:4]};
endmodule

`default_nettype wire
