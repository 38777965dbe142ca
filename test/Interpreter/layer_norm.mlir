// tp.layer_norm, with and without a bias.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[-0.4179, -5.548, 0.9959, -1.15], [-0.4567, -5.287, 0.9828, -0.4393]]]
// CHECK-NEXT{LITERAL}: result 1 = [[[-0.007858, -3.258, -0.05407, -0.7304], [-0.04669, -2.997, -0.06718, -0.01929]]]
func.func @main() -> (tensor<1x2x4xf32>, tensor<1x2x4xf32>) {
  %x = arith.constant dense<[[[-0.24, -1.45, 0.55, 0.12], [0.27, -1.53, 1.65, 0.15]]]> : tensor<1x2x4xf32>
  %w = arith.constant dense<[-0.39, 2.03, -0.05, -1.45]> : tensor<4xf32>
  %b = arith.constant dense<[-0.41, -2.29, 1.05, -0.42]> : tensor<4xf32>
  %y = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<1x2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x2x4xf32>
  %z = tp.layer_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<1x2x4xf32>, tensor<4xf32>) -> tensor<1x2x4xf32>
  return %y, %z : tensor<1x2x4xf32>, tensor<1x2x4xf32>
}
