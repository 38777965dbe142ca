// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<9x5xf32>) {
  // expected-error @+1 {{(C1) expected the input's last dimension to be the weight's second}}
  %y = tp.logits %x, %w : (tensor<1x3x4xf32>, tensor<9x5xf32>) -> tensor<1x3x9xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x4xf32>, %w: tensor<9x4xf32>) {
  // expected-error @+1 {{(C2) result: expected shape [1, 3, 9]}}
  %y = tp.logits %x, %w : (tensor<1x3x4xf32>, tensor<9x4xf32>) -> tensor<1x3x8xf32>
  return
}
