// SPDX-License-Identifier: Apache-2.0

`default_nettype none
// verilator lint_off DECLFILENAME

/// Model of the 7-series multiplier-accumulator (AMD UG479) as far as FINN+'s multiplier uses it.
///
/// P <= (D - A) * B + Z, where Z is P or 0 by OPMODE: a register behind the pre-adder (ADREG), one for B (BREG), one
/// behind the multiplier (MREG), one for OPMODE and one for P. Each has its clock enable and its synchronous reset,
/// which goes before the enable. All begin at 0, as after configuration. Another configuration is refused at
/// elaboration, another mode by an assertion; cascades, C, carries, patterns and SIMD are not modelled.
module DSP48E1 #(
  parameter A_INPUT = "DIRECT",
  parameter B_INPUT = "DIRECT",
  parameter USE_DPORT = "FALSE",
  parameter USE_MULT = "MULTIPLY",
  parameter USE_SIMD = "ONE48",
  parameter AUTORESET_PATDET = "NO_RESET",
  parameter SEL_MASK = "MASK",
  parameter SEL_PATTERN = "PATTERN",
  parameter USE_PATTERN_DETECT = "NO_PATDET",
  parameter int ACASCREG = 1,
  parameter int ADREG = 1,
  parameter int ALUMODEREG = 1,
  parameter int AREG = 1,
  parameter int BCASCREG = 1,
  parameter int BREG = 1,
  parameter int CARRYINREG = 1,
  parameter int CARRYINSELREG = 1,
  parameter int CREG = 1,
  parameter int DREG = 1,
  parameter int INMODEREG = 1,
  parameter int MREG = 1,
  parameter int OPMODEREG = 1,
  parameter int PREG = 1,
  parameter logic [47:0] MASK = 48'h3fff_ffff_ffff,
  parameter logic [47:0] PATTERN = 48'h0
) (
  input  wire logic        CLK,
  input  wire logic [29:0] A,
  input  wire logic [17:0] B,
  input  wire logic [47:0] C,
  input  wire logic [24:0] D,
  input  wire logic [4:0]  INMODE,
  input  wire logic [6:0]  OPMODE,
  input  wire logic [3:0]  ALUMODE,
  input  wire logic [2:0]  CARRYINSEL,
  input  wire logic        CARRYIN,
  input  wire logic        CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM, CEP,
  input  wire logic        RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP,
  input  wire logic [29:0] ACIN,
  input  wire logic [17:0] BCIN,
  input  wire logic [47:0] PCIN,
  input  wire logic        CARRYCASCIN, MULTSIGNIN,
  output      logic [47:0] P,
  output      logic [29:0] ACOUT,
  output      logic [17:0] BCOUT,
  output      logic [47:0] PCOUT,
  output      logic [3:0]  CARRYOUT,
  output      logic        CARRYCASCOUT, MULTSIGNOUT, OVERFLOW, UNDERFLOW, PATTERNBDETECT, PATTERNDETECT
);
  if (A_INPUT != "DIRECT" || B_INPUT != "DIRECT" || USE_DPORT != "TRUE" || USE_MULT != "MULTIPLY" ||
      USE_SIMD != "ONE48" || USE_PATTERN_DETECT != "NO_PATDET") begin : gen_check_features
    $error("need direct inputs, the D port and the multiplier, no SIMD and no pattern detection");
  end
  if (AREG != 0 || DREG != 0 || ADREG != 1 || BREG != 1 || MREG != 1 || PREG != 1) begin : gen_check_data_registers
    $error("need ADREG, BREG, MREG and PREG of 1, AREG and DREG of 0");
  end
  if (INMODEREG != 0 || ALUMODEREG != 0 || CARRYINSELREG != 0 || OPMODEREG != 1) begin : gen_check_control_registers
    $error("need OPMODEREG of 1, INMODEREG, ALUMODEREG and CARRYINSELREG of 0");
  end

  logic signed [24:0] ad_q = '0;
  logic signed [17:0] b_q = '0;
  logic signed [42:0] m_q = '0;
  logic        [6:0]  opmode_q = '0;
  logic        [47:0] p_q = '0;
  logic        [47:0] product, z;

  assign product = (opmode_q[3:0] == 4'b0101) ? 48'(m_q) : '0;
  assign z       = (opmode_q[6:4] == 3'b010) ? p_q : '0;
  assign P       = p_q;

  always_ff @(posedge CLK) begin
    if (RSTD) ad_q <= '0;
    else if (CEAD) ad_q <= D - A[24:0];

    if (RSTB) b_q <= '0;
    else if (CEB2) b_q <= B;

    if (RSTM) m_q <= '0;
    else if (CEM) m_q <= ad_q * b_q;

    if (RSTCTRL) opmode_q <= '0;
    else if (CECTRL) opmode_q <= OPMODE;

    if (RSTP) p_q <= '0;
    else if (CEP) p_q <= z + product;

    assert (INMODE == 5'b01100) else $error("need INMODE of D - A, got %b", INMODE);
    assert (ALUMODE == '0 && CARRYINSEL == '0 && !CARRYIN) else $error("need a sum without a carry");
    assert (opmode_q inside {7'b0000000, 7'b0000101, 7'b0100101}) else $error("need M, or P + M, got %b", opmode_q);
  end

  // What is not modelled
  assign {ACOUT, BCOUT, PCOUT, CARRYOUT, CARRYCASCOUT, MULTSIGNOUT, OVERFLOW, UNDERFLOW} = '0;
  assign {PATTERNBDETECT, PATTERNDETECT} = '0;
endmodule

`default_nettype wire
