// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// All between a processor and the accelerator: DMAs from and to memory, counters, self-test, resets.
///
/// The accelerator's input is the read DMA's stream, or the self-test's while that runs; its output is the write DMA's,
/// or the self-test's. Behind s_axi_* are the registers of debug.sv from address 0x0000 on, those of the read DMA (see
/// dma_control.sv) from 0x4000, of the write DMA from 0x8000 and, where
/// weights come from memory, of their DMA (see weight_dma.sv) from 0xC000. What the accelerator shows of its inner streams and FIFOs
/// comes in by watch_*; the shell adds the input in front and the output behind. interrupt_o is up for either DMA's
/// interrupt and for debug.sv's.
module shell #(
  parameter int unsigned            ADDR_BITS       = 32,  // of memory, 32 to 64
  parameter int unsigned            WORD_BYTES      = 8,   // of memory, a power of two up to 128
  parameter int unsigned            BURST           = 16,  // words of the longest burst, 1 to 16
  parameter int unsigned            IN_BEAT_BYTES   = 3,
  parameter int unsigned            IN_FRAME_BEATS  = 4,
  parameter int unsigned            OUT_BEAT_BYTES  = 3,
  parameter int unsigned            OUT_BITS        = 24,  // of an output beat, that count in the self-test
  parameter int unsigned            OUT_FRAME_BEATS = 4,
  parameter int unsigned            WATCHED         = 0,   // inner streams, up to 510
  parameter int unsigned            FIFOS           = 0,   // up to 1024
  parameter logic [255:0]           DIGEST          = '0,  // of the build; its first byte is the most significant
  parameter int unsigned            QUIET_CYCLES    = 1 << 20,  // more than the accelerator ever pauses
  parameter int unsigned            RESET_CYCLES    = 16,
  parameter int unsigned            DEBUG           = 1,   // 0: no debug block (it reads 0), self-test, reset of its own
  parameter int unsigned            CHECK           = 1,   // 0: frames are counted, not checked
  parameter int unsigned            COUNTERS        = 1,   // 0: streams are not counted
  parameter int unsigned            SELF_TEST       = 1,   // 0: there is none
  parameter int unsigned            STORED_BYTES    = 1,   // see self_test.sv
  parameter string                  FRAME_FILE      = "self_test.mem",
  parameter int unsigned            EXPECTED        = 0,   // CRC of the self-test's right answer
  parameter int unsigned            WEIGHTS         = 0,   // streams of weights from memory, up to 8; needs DEBUG
  parameter int unsigned            WEIGHT_BEATS    = 1,   // see weight_dma.sv, as is what follows
  parameter int unsigned            WEIGHT_DEPTH    = 64,
  parameter logic [255:0]           WEIGHT_BYTES    = '0,
  parameter logic [255:0]           WEIGHT_OFFSETS  = '0,
  parameter logic [255:0]           WEIGHT_WORDS    = '0,
  localparam int unsigned           STREAMS         = (WEIGHTS > 0) ? WEIGHTS : 1,
  localparam int unsigned           WATCH_BITS      = (WATCHED > 0) ? WATCHED : 1,
  localparam int unsigned           FILL_BITS       = (FIFOS > 0) ? 32 * FIFOS : 1
) (
  input  wire logic                        clk_i,
  input  wire logic                        rst_ni,  // synchronous

  input  wire logic [15:0]                 s_axi_awaddr,
  input  wire logic                        s_axi_awvalid,
  output      logic                        s_axi_awready,
  input  wire logic [31:0]                 s_axi_wdata,
  input  wire logic [3:0]                  s_axi_wstrb,
  input  wire logic                        s_axi_wvalid,
  output      logic                        s_axi_wready,
  output      logic [1:0]                  s_axi_bresp,
  output      logic                        s_axi_bvalid,
  input  wire logic                        s_axi_bready,
  input  wire logic [15:0]                 s_axi_araddr,
  input  wire logic                        s_axi_arvalid,
  output      logic                        s_axi_arready,
  output      logic [31:0]                 s_axi_rdata,
  output      logic [1:0]                  s_axi_rresp,
  output      logic                        s_axi_rvalid,
  input  wire logic                        s_axi_rready,

  output      logic [ADDR_BITS-1:0]        m_axi_gmem_araddr,
  output      logic [7:0]                  m_axi_gmem_arlen,
  output      logic [2:0]                  m_axi_gmem_arsize,
  output      logic [1:0]                  m_axi_gmem_arburst,
  output      logic [3:0]                  m_axi_gmem_arcache,
  output      logic [2:0]                  m_axi_gmem_arprot,
  output      logic                        m_axi_gmem_arvalid,
  input  wire logic                        m_axi_gmem_arready,
  input  wire logic [8*WORD_BYTES-1:0]     m_axi_gmem_rdata,
  input  wire logic [1:0]                  m_axi_gmem_rresp,
  input  wire logic                        m_axi_gmem_rlast,
  input  wire logic                        m_axi_gmem_rvalid,
  output      logic                        m_axi_gmem_rready,
  output      logic [ADDR_BITS-1:0]        m_axi_gmem_awaddr,
  output      logic [7:0]                  m_axi_gmem_awlen,
  output      logic [2:0]                  m_axi_gmem_awsize,
  output      logic [1:0]                  m_axi_gmem_awburst,
  output      logic [3:0]                  m_axi_gmem_awcache,
  output      logic [2:0]                  m_axi_gmem_awprot,
  output      logic                        m_axi_gmem_awvalid,
  input  wire logic                        m_axi_gmem_awready,
  output      logic [8*WORD_BYTES-1:0]     m_axi_gmem_wdata,
  output      logic [WORD_BYTES-1:0]       m_axi_gmem_wstrb,
  output      logic                        m_axi_gmem_wlast,
  output      logic                        m_axi_gmem_wvalid,
  input  wire logic                        m_axi_gmem_wready,
  input  wire logic [1:0]                  m_axi_gmem_bresp,
  input  wire logic                        m_axi_gmem_bvalid,
  output      logic                        m_axi_gmem_bready,

  output      logic [ADDR_BITS-1:0]        m_axi_weights_araddr,
  output      logic [7:0]                  m_axi_weights_arlen,
  output      logic [2:0]                  m_axi_weights_arsize,
  output      logic [1:0]                  m_axi_weights_arburst,
  output      logic [3:0]                  m_axi_weights_arcache,
  output      logic [2:0]                  m_axi_weights_arprot,
  output      logic                        m_axi_weights_arvalid,
  input  wire logic                        m_axi_weights_arready,
  input  wire logic [8*WORD_BYTES-1:0]     m_axi_weights_rdata,
  input  wire logic [1:0]                  m_axi_weights_rresp,
  input  wire logic                        m_axi_weights_rlast,
  input  wire logic                        m_axi_weights_rvalid,
  output      logic                        m_axi_weights_rready,

  output      logic                        rst_no,  // of the accelerator
  output      logic [8*IN_BEAT_BYTES-1:0]  m_axis_tdata,
  output      logic                        m_axis_tvalid,
  input  wire logic                        m_axis_tready,
  output      logic [8*WEIGHT_BEATS-1:0]   m_axis_weights_tdata,
  output      logic [STREAMS-1:0]          m_axis_weights_tvalid,
  input  wire logic [STREAMS-1:0]          m_axis_weights_tready,
  input  wire logic [8*OUT_BEAT_BYTES-1:0] s_axis_tdata,
  input  wire logic                        s_axis_tvalid,
  output      logic                        s_axis_tready,
  input  wire logic [WATCH_BITS-1:0]       watch_valid_i,
  input  wire logic [WATCH_BITS-1:0]       watch_ready_i,
  input  wire logic [FILL_BITS-1:0]        watch_fill_i,

  output      logic                        interrupt_o
);
  if (WEIGHTS > 8 || (WEIGHTS > 0 && DEBUG == 0)) begin : gen_check_weights
    $error("need WEIGHTS <= 8, and DEBUG with any: its reset ends their DMA");
  end

  localparam int unsigned SLAVES = (WEIGHTS > 0) ? 4 : 3;

  logic                       abort, open, testing, weights_busy, weights_error;
  logic [1:0]                 busy, ended, errors, misaligned;
  logic [13:0]                awaddr, araddr;
  logic [SLAVES-1:0]          awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
  logic [SLAVES-1:0][1:0]     bresp, rresp;
  logic [SLAVES-1:0][31:0]    rdata;
  logic                       idma_interrupt, odma_interrupt, debug_interrupt;
  logic [8*IN_BEAT_BYTES-1:0] idma_tdata, test_tdata;
  logic                       idma_tlast, idma_tvalid, test_tlast, test_tvalid, in_last, odma_tready, test_tready;

  axi_lite_router #(.SLAVES(SLAVES)) router (
    .clk_i, .rst_ni,
    .s_axi_awaddr, .s_axi_awvalid, .s_axi_awready, .s_axi_wvalid, .s_axi_wready, .s_axi_bresp, .s_axi_bvalid,
    .s_axi_bready, .s_axi_araddr, .s_axi_arvalid, .s_axi_arready, .s_axi_rdata, .s_axi_rresp, .s_axi_rvalid,
    .s_axi_rready,
    .m_axi_awaddr(awaddr), .m_axi_awvalid(awvalid), .m_axi_awready(awready), .m_axi_wvalid(wvalid),
    .m_axi_wready(wready), .m_axi_bresp(bresp), .m_axi_bvalid(bvalid), .m_axi_bready(bready),
    .m_axi_araddr(araddr), .m_axi_arvalid(arvalid), .m_axi_arready(arready), .m_axi_rdata(rdata),
    .m_axi_rresp(rresp), .m_axi_rvalid(rvalid), .m_axi_rready(rready)
  );

  read_dma #(
    .ADDR_BITS(ADDR_BITS), .WORD_BYTES(WORD_BYTES), .BEAT_BYTES(IN_BEAT_BYTES), .FRAME_BEATS(IN_FRAME_BEATS),
    .BURST(BURST)
  ) idma (
    .clk_i, .rst_ni, .abort_i(abort),
    .s_axi_control_awaddr(awaddr[5:0]), .s_axi_control_awvalid(awvalid[1]), .s_axi_control_awready(awready[1]),
    .s_axi_control_wdata(s_axi_wdata), .s_axi_control_wstrb(s_axi_wstrb), .s_axi_control_wvalid(wvalid[1]),
    .s_axi_control_wready(wready[1]), .s_axi_control_bresp(bresp[1]), .s_axi_control_bvalid(bvalid[1]),
    .s_axi_control_bready(bready[1]), .s_axi_control_araddr(araddr[5:0]), .s_axi_control_arvalid(arvalid[1]),
    .s_axi_control_arready(arready[1]), .s_axi_control_rdata(rdata[1]), .s_axi_control_rresp(rresp[1]),
    .s_axi_control_rvalid(rvalid[1]), .s_axi_control_rready(rready[1]),
    .m_axi_gmem_araddr, .m_axi_gmem_arlen, .m_axi_gmem_arsize, .m_axi_gmem_arburst, .m_axi_gmem_arcache,
    .m_axi_gmem_arprot, .m_axi_gmem_arvalid, .m_axi_gmem_arready, .m_axi_gmem_rdata, .m_axi_gmem_rresp,
    .m_axi_gmem_rlast, .m_axi_gmem_rvalid, .m_axi_gmem_rready,
    .m_axis_tdata(idma_tdata), .m_axis_tlast(idma_tlast), .m_axis_tvalid(idma_tvalid),
    .m_axis_tready(m_axis_tready && open && !testing),
    .misaligned_i(misaligned[0]), .busy_o(busy[0]), .ended_o(ended[0]), .error_o(errors[0]),
    .interrupt_o(idma_interrupt)
  );

  write_dma #(
    .ADDR_BITS(ADDR_BITS), .WORD_BYTES(WORD_BYTES), .BEAT_BYTES(OUT_BEAT_BYTES), .FRAME_BEATS(OUT_FRAME_BEATS),
    .BURST(BURST)
  ) odma (
    .clk_i, .rst_ni, .abort_i(abort),
    .s_axi_control_awaddr(awaddr[5:0]), .s_axi_control_awvalid(awvalid[2]), .s_axi_control_awready(awready[2]),
    .s_axi_control_wdata(s_axi_wdata), .s_axi_control_wstrb(s_axi_wstrb), .s_axi_control_wvalid(wvalid[2]),
    .s_axi_control_wready(wready[2]), .s_axi_control_bresp(bresp[2]), .s_axi_control_bvalid(bvalid[2]),
    .s_axi_control_bready(bready[2]), .s_axi_control_araddr(araddr[5:0]), .s_axi_control_arvalid(arvalid[2]),
    .s_axi_control_arready(arready[2]), .s_axi_control_rdata(rdata[2]), .s_axi_control_rresp(rresp[2]),
    .s_axi_control_rvalid(rvalid[2]), .s_axi_control_rready(rready[2]),
    .m_axi_gmem_awaddr, .m_axi_gmem_awlen, .m_axi_gmem_awsize, .m_axi_gmem_awburst, .m_axi_gmem_awcache,
    .m_axi_gmem_awprot, .m_axi_gmem_awvalid, .m_axi_gmem_awready, .m_axi_gmem_wdata, .m_axi_gmem_wstrb,
    .m_axi_gmem_wlast, .m_axi_gmem_wvalid, .m_axi_gmem_wready, .m_axi_gmem_bresp, .m_axi_gmem_bvalid,
    .m_axi_gmem_bready,
    .s_axis_tdata, .s_axis_tvalid(s_axis_tvalid && !testing), .s_axis_tready(odma_tready),
    .misaligned_i(misaligned[1]), .busy_o(busy[1]), .ended_o(ended[1]), .error_o(errors[1]),
    .interrupt_o(odma_interrupt)
  );

  if (WEIGHTS > 0) begin : gen_weights
    weight_dma #(
      .ADDR_BITS(ADDR_BITS), .WORD_BYTES(WORD_BYTES), .BURST(BURST), .DEPTH(WEIGHT_DEPTH), .STREAMS(WEIGHTS),
      .BEATS(WEIGHT_BEATS), .BEAT_BYTES(WEIGHT_BYTES[32*STREAMS-1:0]), .OFFSETS(WEIGHT_OFFSETS[32*STREAMS-1:0]),
      .WORDS(WEIGHT_WORDS[32*STREAMS-1:0])
    ) weights (
      .clk_i, .rst_ni, .abort_i(abort),
      .s_axi_control_awaddr(awaddr[5:0]), .s_axi_control_awvalid(awvalid[SLAVES-1]),
      .s_axi_control_awready(awready[SLAVES-1]), .s_axi_control_wdata(s_axi_wdata),
      .s_axi_control_wstrb(s_axi_wstrb), .s_axi_control_wvalid(wvalid[SLAVES-1]),
      .s_axi_control_wready(wready[SLAVES-1]), .s_axi_control_bresp(bresp[SLAVES-1]),
      .s_axi_control_bvalid(bvalid[SLAVES-1]), .s_axi_control_bready(bready[SLAVES-1]),
      .s_axi_control_araddr(araddr[5:0]), .s_axi_control_arvalid(arvalid[SLAVES-1]),
      .s_axi_control_arready(arready[SLAVES-1]), .s_axi_control_rdata(rdata[SLAVES-1]),
      .s_axi_control_rresp(rresp[SLAVES-1]), .s_axi_control_rvalid(rvalid[SLAVES-1]),
      .s_axi_control_rready(rready[SLAVES-1]),
      .m_axi_weights_araddr, .m_axi_weights_arlen, .m_axi_weights_arsize, .m_axi_weights_arburst,
      .m_axi_weights_arcache, .m_axi_weights_arprot, .m_axi_weights_arvalid, .m_axi_weights_arready,
      .m_axi_weights_rdata, .m_axi_weights_rresp, .m_axi_weights_rlast, .m_axi_weights_rvalid,
      .m_axi_weights_rready,
      .m_axis_tdata(m_axis_weights_tdata), .m_axis_tvalid(m_axis_weights_tvalid),
      .m_axis_tready(m_axis_weights_tready), .busy_o(weights_busy), .error_o(weights_error)
    );
  end else begin : gen_no_weights
    logic unused;

    assign unused = &{1'b0, m_axi_weights_arready, m_axi_weights_rdata, m_axi_weights_rresp, m_axi_weights_rlast,
                      m_axi_weights_rvalid, m_axis_weights_tready};
    assign {m_axi_weights_araddr, m_axi_weights_arlen, m_axi_weights_arsize, m_axi_weights_arburst} = '0;
    assign {m_axi_weights_arcache, m_axi_weights_arprot, m_axi_weights_arvalid, m_axi_weights_rready} = '0;
    assign {m_axis_weights_tdata, m_axis_weights_tvalid, weights_busy, weights_error} = '0;
  end

  assign m_axis_tdata  = testing ? test_tdata : idma_tdata;
  assign m_axis_tvalid = open && (testing ? test_tvalid : idma_tvalid);
  assign in_last       = testing ? test_tlast : idma_tlast;
  assign s_axis_tready = testing ? test_tready : odma_tready;
  assign interrupt_o   = idma_interrupt || odma_interrupt || debug_interrupt;

  if (DEBUG != 0) begin : gen_debug
    logic                 test_start, test_ended, test_done, test_passed;
    logic [31:0]          test_crc, test_cycles;
    logic [WATCHED+1:0]   valid, ready;

    if (WATCHED > 0) begin : gen_watched
      assign valid = {s_axis_tvalid, watch_valid_i, m_axis_tvalid};
      assign ready = {s_axis_tready, watch_ready_i, m_axis_tready};
    end else begin : gen_ends
      logic unused;

      assign valid  = {s_axis_tvalid, m_axis_tvalid};
      assign ready  = {s_axis_tready, m_axis_tready};
      assign unused = &{1'b0, watch_valid_i, watch_ready_i};
    end

    debug #(
      .IN_FRAME_BEATS(IN_FRAME_BEATS), .OUT_FRAME_BEATS(OUT_FRAME_BEATS), .STREAMS(WATCHED + 2), .FIFOS(FIFOS),
      .DIGEST(DIGEST), .QUIET_CYCLES(QUIET_CYCLES), .RESET_CYCLES(RESET_CYCLES), .CHECK(CHECK), .SELF_TEST(SELF_TEST),
      .COUNTERS(COUNTERS), .WEIGHTS(WEIGHTS > 0 ? 1 : 0), .EXPECTED(EXPECTED)
    ) registers (
      .clk_i, .rst_ni,
      .s_axi_debug_awaddr(awaddr), .s_axi_debug_awvalid(awvalid[0]), .s_axi_debug_awready(awready[0]),
      .s_axi_debug_wdata(s_axi_wdata), .s_axi_debug_wstrb(s_axi_wstrb), .s_axi_debug_wvalid(wvalid[0]),
      .s_axi_debug_wready(wready[0]), .s_axi_debug_bresp(bresp[0]), .s_axi_debug_bvalid(bvalid[0]),
      .s_axi_debug_bready(bready[0]), .s_axi_debug_araddr(araddr), .s_axi_debug_arvalid(arvalid[0]),
      .s_axi_debug_arready(arready[0]), .s_axi_debug_rdata(rdata[0]), .s_axi_debug_rresp(rresp[0]),
      .s_axi_debug_rvalid(rvalid[0]), .s_axi_debug_rready(rready[0]),
      .valid_i(valid), .ready_i(ready), .in_last_i(in_last), .fill_i(watch_fill_i),
      .busy_i(busy), .ended_i(ended), .error_i(errors), .weights_busy_i(weights_busy),
      .weights_error_i(weights_error), .abort_o(abort), .rst_no, .open_o(open),
      .misaligned_o(misaligned),
      .test_start_o(test_start), .test_running_i(testing), .test_ended_i(test_ended), .test_done_i(test_done),
      .test_passed_i(test_passed), .test_crc_i(test_crc), .test_cycles_i(test_cycles),
      .interrupt_o(debug_interrupt)
    );

    if (SELF_TEST != 0) begin : gen_test
      self_test #(
        .IN_BEAT_BYTES(IN_BEAT_BYTES), .IN_FRAME_BEATS(IN_FRAME_BEATS), .STORED_BYTES(STORED_BYTES),
        .OUT_BEAT_BYTES(OUT_BEAT_BYTES), .OUT_BITS(OUT_BITS), .OUT_FRAME_BEATS(OUT_FRAME_BEATS),
        .FRAME_FILE(FRAME_FILE), .EXPECTED(EXPECTED)
      ) test (
        .clk_i, .rst_ni(rst_no), .start_i(test_start), .running_o(testing), .ended_o(test_ended), .done_o(test_done),
        .passed_o(test_passed), .crc_o(test_crc), .cycles_o(test_cycles),
        .m_axis_tdata(test_tdata), .m_axis_tlast(test_tlast), .m_axis_tvalid(test_tvalid),
        .m_axis_tready(m_axis_tready && open && testing),
        .s_axis_tdata, .s_axis_tvalid(s_axis_tvalid && testing), .s_axis_tready(test_tready)
      );
    end else begin : gen_no_test
      logic unused;

      assign unused = &{1'b0, test_start};
      assign {testing, test_ended, test_done, test_passed, test_crc, test_cycles} = '0;
      assign {test_tdata, test_tlast, test_tvalid, test_tready} = '0;
    end
  end else begin : gen_no_debug
    logic        unused, write, read;
    logic [11:0] write_address, read_address;
    logic [31:0] write_data;

    axi_lite_slave #(.ADDR_BITS(14)) nothing (
      .clk_i, .rst_ni,
      .s_axi_awaddr(awaddr), .s_axi_awvalid(awvalid[0]), .s_axi_awready(awready[0]), .s_axi_wdata, .s_axi_wstrb,
      .s_axi_wvalid(wvalid[0]), .s_axi_wready(wready[0]), .s_axi_bresp(bresp[0]), .s_axi_bvalid(bvalid[0]),
      .s_axi_bready(bready[0]), .s_axi_araddr(araddr), .s_axi_arvalid(arvalid[0]), .s_axi_arready(arready[0]),
      .s_axi_rdata(rdata[0]), .s_axi_rresp(rresp[0]), .s_axi_rvalid(rvalid[0]), .s_axi_rready(rready[0]),
      .write_o(write), .write_address_o(write_address), .write_data_o(write_data), .read_o(read),
      .read_address_o(read_address), .read_data_i('0)
    );

    assign unused = &{1'b0, write, write_address, write_data, read, read_address, watch_valid_i, watch_ready_i,
                      watch_fill_i, in_last, busy, ended, errors, weights_busy, weights_error};
    assign {abort, misaligned, testing, debug_interrupt} = '0;
    assign {test_tdata, test_tlast, test_tvalid, test_tready} = '0;
    assign open   = 1'b1;
    assign rst_no = rst_ni;
  end
endmodule

`default_nettype wire
