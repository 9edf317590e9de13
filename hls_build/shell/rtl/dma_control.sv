// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// The registers of a DMA, where FINN's IODMA has them, and what FINN's does not tell: errors.
///
///   0x00  CONTROL        0 start (reads 1 while busy), 1 done, 2 idle, 3 ready: reading clears done and ready;
///                        9 interrupt; 16 an error response came, 17 the last start was refused, 18 frames are misaligned
///   0x04  GLOBAL_ENABLE  0 whether there are interrupts
///   0x08  ENABLE         0 at done, 1 at ready
///   0x0c  PENDING        0 done, 1 ready; writing a one toggles
///   0x10  ADDRESS_LOW    of the first frame, a multiple of WORD_BYTES
///   0x14  ADDRESS_HIGH
///   0x1c  FRAMES         to move, back to back
///   0x20  ERROR          1:0 the first error response, 16 to 18 as in CONTROL
///   0x24  ERROR_ADDRESS  the lower half of the address that it answered
///
/// A start is refused, and nothing moves, unless the address is a multiple of WORD_BYTES and fits ADDR_BITS; one while
/// busy is ignored. Errors stay until the next start or abort. A transfer that is aborted leaves done at 0.
module dma_control #(
  parameter int unsigned ADDR_BITS  = 32,  // of memory, 32 to 64
  parameter int unsigned WORD_BYTES = 8    // of memory, a power of two
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,  // synchronous
  input  wire logic [5:0]           s_axi_control_awaddr,
  input  wire logic                 s_axi_control_awvalid,
  output      logic                 s_axi_control_awready,
  input  wire logic [31:0]          s_axi_control_wdata,
  input  wire logic [3:0]           s_axi_control_wstrb,
  input  wire logic                 s_axi_control_wvalid,
  output      logic                 s_axi_control_wready,
  output      logic [1:0]           s_axi_control_bresp,
  output      logic                 s_axi_control_bvalid,
  input  wire logic                 s_axi_control_bready,
  input  wire logic [5:0]           s_axi_control_araddr,
  input  wire logic                 s_axi_control_arvalid,
  output      logic                 s_axi_control_arready,
  output      logic [31:0]          s_axi_control_rdata,
  output      logic [1:0]           s_axi_control_rresp,
  output      logic                 s_axi_control_rvalid,
  input  wire logic                 s_axi_control_rready,

  output      logic                 start_o,  // one cycle
  output      logic [ADDR_BITS-1:0] address_o,
  output      logic [31:0]          frames_o,
  input  wire logic                 abort_i,  // clears errors
  input  wire logic                 busy_i,
  input  wire logic                 ended_i,  // one cycle
  input  wire logic                 error_i,  // a response is an error: its code, and the address that it answers
  input  wire logic [1:0]           error_code_i,
  input  wire logic [31:0]          error_address_i,
  input  wire logic                 misaligned_i,  // frames are
  output      logic                 error_o,       // CONTROL has one of its error bits up
  output      logic                 interrupt_o
);
  if (ADDR_BITS < 32 || ADDR_BITS > 64) begin : gen_check_addr
    $error("need 32 <= ADDR_BITS <= 64");
  end
  if (WORD_BYTES == 0 || (WORD_BYTES & (WORD_BYTES - 1)) != 0) begin : gen_check_word
    $error("need WORD_BYTES to be a power of two");
  end

  localparam int unsigned HIGH_BITS = ADDR_BITS - 32;
  localparam logic [3:0] CONTROL = 4'h0, GLOBAL_ENABLE = 4'h1, ENABLE = 4'h2, PENDING = 4'h3, ADDRESS_LOW = 4'h4,
                         ADDRESS_HIGH = 4'h5, FRAMES = 4'h7, ERROR = 4'h8, ERROR_ADDRESS = 4'h9;

  logic        write, read;
  logic [3:0]  write_address, read_address;
  logic [31:0] write_data, read_data, address_high, control;

  axi_lite_slave #(.ADDR_BITS(6)) slave (
    .clk_i, .rst_ni,
    .s_axi_awaddr(s_axi_control_awaddr), .s_axi_awvalid(s_axi_control_awvalid), .s_axi_awready(s_axi_control_awready),
    .s_axi_wdata(s_axi_control_wdata), .s_axi_wstrb(s_axi_control_wstrb), .s_axi_wvalid(s_axi_control_wvalid),
    .s_axi_wready(s_axi_control_wready), .s_axi_bresp(s_axi_control_bresp), .s_axi_bvalid(s_axi_control_bvalid),
    .s_axi_bready(s_axi_control_bready), .s_axi_araddr(s_axi_control_araddr), .s_axi_arvalid(s_axi_control_arvalid),
    .s_axi_arready(s_axi_control_arready), .s_axi_rdata(s_axi_control_rdata), .s_axi_rresp(s_axi_control_rresp),
    .s_axi_rvalid(s_axi_control_rvalid), .s_axi_rready(s_axi_control_rready),
    .write_o(write), .write_address_o(write_address), .write_data_o(write_data),
    .read_o(read), .read_address_o(read_address), .read_data_i(read_data)
  );

  // The transfer's description.
  logic [31:0] low_q, frames_q;
  logic        fits, asked;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      low_q    <= '0;
      frames_q <= '0;
    end else if (write) begin
      if (write_address == ADDRESS_LOW) low_q <= write_data;
      if (write_address == FRAMES) frames_q <= write_data;
    end
  end

  if (HIGH_BITS == 0) begin : gen_low
    logic beyond_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) beyond_q <= 1'b0;
      else if (write && write_address == ADDRESS_HIGH) beyond_q <= write_data != '0;
    end
    assign fits         = !beyond_q;
    assign address_high = '0;
    assign address_o    = low_q;
  end else begin : gen_high
    logic [31:0] high_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) high_q <= '0;
      else if (write && write_address == ADDRESS_HIGH) high_q <= write_data;
    end
    assign fits         = {1'b0, high_q} < 33'(1) << HIGH_BITS;
    assign address_high = high_q;
    assign address_o    = {high_q[HIGH_BITS-1:0], low_q};
  end

  // Start and end.
  logic done_q, ready_q, failed_q, refused_q, misaligned_q, legal;

  assign legal    = fits && (low_q & 32'(WORD_BYTES - 1)) == '0;
  assign asked    = write && write_address == CONTROL && write_data[0] && !busy_i;
  assign start_o  = asked && legal;
  assign frames_o = frames_q;
  assign error_o  = failed_q || refused_q || misaligned_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      done_q       <= 1'b0;
      ready_q      <= 1'b0;
      failed_q     <= 1'b0;
      refused_q    <= 1'b0;
      misaligned_q <= 1'b0;
    end else begin
      if (ended_i) begin
        done_q  <= 1'b1;
        ready_q <= 1'b1;
      end else if (start_o || (read && read_address == CONTROL)) begin
        done_q  <= 1'b0;
        ready_q <= 1'b0;
      end
      failed_q     <= (failed_q && !start_o && !abort_i) || error_i;
      misaligned_q <= (misaligned_q && !start_o && !abort_i) || misaligned_i;
      if (asked) refused_q <= !legal;
      else if (abort_i) refused_q <= 1'b0;
    end
  end

  logic [1:0]  code_q;
  logic [31:0] failed_address_q;

  always_ff @(posedge clk_i) begin
    if (error_i && !failed_q) begin
      code_q           <= error_code_i;
      failed_address_q <= error_address_i;
    end
  end

  // Interrupts.
  logic       global_q;
  logic [1:0] enable_q, pending_q, toggled;

  assign toggled     = (write && write_address == PENDING) ? write_data[1:0] : 2'b00;
  assign interrupt_o = global_q && pending_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      global_q  <= 1'b0;
      enable_q  <= '0;
      pending_q <= '0;
    end else begin
      if (write && write_address == GLOBAL_ENABLE) global_q <= write_data[0];
      if (write && write_address == ENABLE) enable_q <= write_data[1:0];
      pending_q <= (pending_q ^ toggled) | (ended_i ? enable_q : 2'b00);
    end
  end

  assign control = {13'b0, misaligned_q, refused_q, failed_q, 6'b0, interrupt_o, 5'b0,
                    ready_q, !busy_i, done_q, busy_i};

  always_comb begin
    unique case (read_address)
      CONTROL:       read_data = control;
      GLOBAL_ENABLE: read_data = {31'b0, global_q};
      ENABLE:        read_data = {30'b0, enable_q};
      PENDING:       read_data = {30'b0, pending_q};
      ADDRESS_LOW:   read_data = low_q;
      ADDRESS_HIGH:  read_data = address_high;
      FRAMES:        read_data = frames_q;
      ERROR:         read_data = {13'b0, misaligned_q, refused_q, failed_q, 14'b0, failed_q ? code_q : 2'b00};
      ERROR_ADDRESS: read_data = failed_q ? failed_address_q : '0;
      default:       read_data = '0;
    endcase
  end
endmodule

`default_nettype wire
