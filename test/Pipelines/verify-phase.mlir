// RUN: tp-opt %s --tp-verify-phase=phase=decompose --split-input-file --verify-diagnostics

func.func @a_layer_is_left(%x: tensor<1x2x4xf32>, %w: tensor<8x4xf32>) -> tensor<1x2x8xf32> {
  // expected-error @+1 {{after phase decompose: expected ops, found the layer tp.logits}}
  %y = tp.logits %x, %w : (tensor<1x2x4xf32>, tensor<8x4xf32>) -> tensor<1x2x8xf32>
  return %y : tensor<1x2x8xf32>
}

// -----

func.func @ops_are_left(%x: tensor<1x2x4xf32>, %w: tensor<8x4xf32>) -> tensor<1x2x8xf32> {
  %y = tp.linear %x, %w : (tensor<1x2x4xf32>, tensor<8x4xf32>) -> tensor<1x2x8xf32>
  return %y : tensor<1x2x8xf32>
}
