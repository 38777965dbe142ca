// tp.logits, directly and expanded.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[-1.98, -1.625, 0.3535, 0.4287], [-6.056, -5.985, -0.6902, -1.586]]]
func.func @main() -> (tensor<1x2x4xf32>) {
  %x = arith.constant dense<[[[0.42, 0.77, 1.66], [-0.74, 2.64, 1.98]]]> : tensor<1x2x3xf32>
  %w = arith.constant dense<[[-0.2, -2.29, -0.08], [0.07, -2.3, 0.07], [-0.2, -0.79, 0.63], [1.01, -0.49, 0.23]]> : tensor<4x3xf32>
  %y = tp.logits %x, %w : (tensor<1x2x3xf32>, tensor<4x3xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}
