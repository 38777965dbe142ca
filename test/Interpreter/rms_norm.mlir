// tp.rms_norm: x / sqrt(mean(x^2) + eps) * weight.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[0.1189, -3.74, -0.03495, -0.2211], [-0.09272, -2.735, -0.07265, -0.1915]]]
func.func @main() -> (tensor<1x2x4xf32>) {
  %x = arith.constant dense<[[[-0.24, -1.45, 0.55, 0.12], [0.27, -1.53, 1.65, 0.15]]]> : tensor<1x2x4xf32>
  %w = arith.constant dense<[-0.39, 2.03, -0.05, -1.45]> : tensor<4xf32>
  %y = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<1x2x4xf32>, tensor<4xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// A large epsilon, and a row of zeros.
// CHECK{LITERAL}: result 0 = [[0, 0], [0.8321, 2.219]]
func.func @main() -> (tensor<2x2xf32>) {
  %x = arith.constant dense<[[0.0, 0.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = tp.rms_norm %x, %w {eps = 0.5 : f64} : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
