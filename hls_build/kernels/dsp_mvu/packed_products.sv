// SPDX-License-Identifier: Apache-2.0

`default_nettype none

/// Multiplies one activation by LANES weights in one DSP48E1, and gives each product in a field of its own.
///
/// The activation x, unsigned, is given to the slice as b = x - 2**IN_BITS, which is never zero: its top bits are ones.
/// The weights w_i, in two's complement and never the least such number, are packed LANE = WEIGHT_BITS + IN_BITS - 1 bits
/// apart. Field i of the result is then
///
///   (w_i * b - below_i) modulo 2**LANE,
///
/// where below_i is 1 if the fields below are a negative number together, so that they borrow from this one. Since b is
/// negative, that is so where the highest weight among them that is not zero is positive: it depends on the weights
/// alone. So does the sign of field i, and as abs(w_i * b - below_i) < 2**LANE, w_i * b is the field less a constant of
/// the weights. Nothing is lost, and no overflow has to be watched.
///
/// Latency 3 cycles, a product per cycle; nothing is reset. Verilator reads a product instead of the slice, unless
/// PRIMITIVES is defined.
module packed_products #(
  parameter int unsigned LANES       = 1,
  parameter int unsigned WEIGHT_BITS = 4,
  parameter int unsigned IN_BITS     = 4,
  localparam int unsigned LANE = WEIGHT_BITS + IN_BITS - 1
) (
  input  wire logic                         clk_i,
  input  wire logic [LANES*WEIGHT_BITS-1:0] weights_i,
  input  wire logic [IN_BITS-1:0]           x_i,
  output      logic [LANES*LANE-1:0]        fields_o
);
  localparam int unsigned A_BITS = 25, B_BITS = 18, P_BITS = 48;  // of a DSP48E1's ports

  if (LANES == 0 || WEIGHT_BITS < 2 || IN_BITS == 0 || IN_BITS >= B_BITS) begin : gen_check_bits
    $error("need LANES >= 1, WEIGHT_BITS >= 2 and 1 <= IN_BITS <= 17");
  end
  if ((LANES - 1) * LANE + WEIGHT_BITS > A_BITS) begin : gen_check_lanes
    $error("need all lanes within 25 bits");
  end

`ifdef VERILATOR
`ifdef PRIMITIVES
  localparam bit BEHAVIOURAL = 0;
`else
  localparam bit BEHAVIOURAL = 1;
`endif
`else
  localparam bit BEHAVIOURAL = 0;
`endif

  logic [A_BITS-1:0] magnitudes, signs;  // whose difference is all weights
  logic [B_BITS-1:0] b;
  logic [P_BITS-1:0] product;

  assign b        = {{(B_BITS - IN_BITS){1'b1}}, x_i};
  assign fields_o = product[LANES*LANE-1:0];
  wire unused = &{1'b0, product};  // above the fields

  always_comb begin
    magnitudes = '0;
    signs      = '0;
    for (int unsigned i = 0; i < LANES; i++) begin
      magnitudes[i*LANE +: WEIGHT_BITS-1] = weights_i[i*WEIGHT_BITS +: WEIGHT_BITS-1];
      if (i * LANE + WEIGHT_BITS == A_BITS) begin  // the port's own sign, also where a wider slice extends it
        magnitudes[A_BITS-1] = weights_i[i*WEIGHT_BITS + WEIGHT_BITS-1];
      end else begin
        signs[i*LANE + WEIGHT_BITS-1] = weights_i[i*WEIGHT_BITS + WEIGHT_BITS-1];
      end
    end
  end

  if (BEHAVIOURAL) begin : gen_behaviour
    logic signed [A_BITS-1:0]        packed_q;
    logic signed [B_BITS-1:0]        b_q;
    logic signed [A_BITS+B_BITS-1:0] product_q;
    logic signed [P_BITS-1:0]        result_q;

    always_ff @(posedge clk_i) begin
      packed_q  <= magnitudes - signs;
      b_q       <= b;
      product_q <= packed_q * b_q;
      result_q  <= P_BITS'(product_q);
    end
    assign product = result_q;
  end else begin : gen_slice
    localparam logic [6:0] OPMODE_M = 7'b000_01_01;
    logic [17:0] no_b;
    logic [29:0] no_a;
    logic [47:0] no_p;
    logic [3:0]  no_carry;
    logic [5:0]  no_flags;

    DSP48E1 #(
      .A_INPUT("DIRECT"), .B_INPUT("DIRECT"), .USE_DPORT("TRUE"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48"),
      .AUTORESET_PATDET("NO_RESET"), .SEL_MASK("MASK"), .SEL_PATTERN("PATTERN"), .USE_PATTERN_DETECT("NO_PATDET"),
      .ACASCREG(0), .ADREG(1), .ALUMODEREG(0), .AREG(0), .BCASCREG(1), .BREG(1), .CARRYINREG(0), .CARRYINSELREG(0),
      .CREG(0), .DREG(0), .INMODEREG(0), .MREG(1), .OPMODEREG(1), .PREG(1)
    ) slice (
      .CLK(clk_i), .A({5'b0, signs}), .B(b), .C('1), .D(magnitudes), .P(product),
      .INMODE(5'b01100), .OPMODE(OPMODE_M), .ALUMODE('0), .CARRYINSEL('0), .CARRYIN(1'b0),
      .CEA1(1'b0), .CEA2(1'b0), .CEAD(1'b1), .CEALUMODE(1'b0), .CEB1(1'b0), .CEB2(1'b1), .CEC(1'b0),
      .CECARRYIN(1'b0), .CECTRL(1'b1), .CED(1'b0), .CEINMODE(1'b0), .CEM(1'b1), .CEP(1'b1),
      .RSTA(1'b0), .RSTALLCARRYIN(1'b0), .RSTALUMODE(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTCTRL(1'b0), .RSTD(1'b0),
      .RSTINMODE(1'b0), .RSTM(1'b0), .RSTP(1'b0),
      .ACIN('0), .BCIN('0), .PCIN('0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
      .ACOUT(no_a), .BCOUT(no_b), .PCOUT(no_p), .CARRYOUT(no_carry), .CARRYCASCOUT(no_flags[0]),
      .MULTSIGNOUT(no_flags[1]), .OVERFLOW(no_flags[2]), .UNDERFLOW(no_flags[3]), .PATTERNBDETECT(no_flags[4]),
      .PATTERNDETECT(no_flags[5])
    );
    wire unused_outputs = &{1'b0, no_a, no_b, no_p, no_carry, no_flags};
  end
endmodule

`default_nettype wire
