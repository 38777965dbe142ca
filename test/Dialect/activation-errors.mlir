// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{(C1) result: expected shape [2, 4]}}
  %y = tp.activation silu %x : (tensor<2x4xf32>) -> tensor<8xf32>
  return
}
