// tp.linear: products, bias, long sums, one rounding.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// y = x w^T
// CHECK{LITERAL}: result 0 = [[[0.8531, 1.305], [1.383, 0.7437]]]
func.func @main() -> (tensor<1x2x2xf32>) {
  %x = arith.constant dense<[[[1.69, -0.47, 0.03], [0.41, -0.79, 0.0]]]> : tensor<1x2x3xf32>
  %w = arith.constant dense<[[-0.0, -1.75, 1.02], [0.6, -0.63, -0.17]]> : tensor<2x3xf32>
  %y = tp.linear %x, %w : (tensor<1x2x3xf32>, tensor<2x3xf32>) -> tensor<1x2x2xf32>
  return %y : tensor<1x2x2xf32>
}

// -----

// y = x w^T + b
// CHECK{LITERAL}: result 0 = [[[1.363, 1.045], [1.893, 0.4837]]]
func.func @main() -> (tensor<1x2x2xf32>) {
  %x = arith.constant dense<[[[1.69, -0.47, 0.03], [0.41, -0.79, 0.0]]]> : tensor<1x2x3xf32>
  %w = arith.constant dense<[[-0.0, -1.75, 1.02], [0.6, -0.63, -0.17]]> : tensor<2x3xf32>
  %b = arith.constant dense<[0.51, -0.26]> : tensor<2xf32>
  %y = tp.linear %x, %w bias %b : (tensor<1x2x3xf32>, tensor<2x3xf32>, tensor<2xf32>) -> tensor<1x2x2xf32>
  return %y : tensor<1x2x2xf32>
}

// -----

// A sum over 1100 elements, more than one block: 1100 * 0.5 * 2, and a row of 1100 * 0.5 * 1 + 3.
// CHECK{LITERAL}: result 0 = [[1100, 553], [1100, 553], [1100, 553], [1100, 553], [1100, 553]]
func.func @main() -> (tensor<5x2xf32>) {
  %x = arith.constant dense<0.5> : tensor<5x1100xf32>
  %two = arith.constant dense<2.0> : tensor<1x1100xf32>
  %one = arith.constant dense<1.0> : tensor<1x1100xf32>
  %w = tensor.concat dim(0) %two, %one : (tensor<1x1100xf32>, tensor<1x1100xf32>) -> tensor<2x1100xf32>
  %b = arith.constant dense<[0.0, 3.0]> : tensor<2xf32>
  %y = tp.linear %x, %w bias %b : (tensor<5x1100xf32>, tensor<2x1100xf32>, tensor<2xf32>) -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// The sum is computed in f32 and rounded once: 256 + 1 + 1 is 258 in bf16 only if nothing is rounded on the way.
// CHECK: result 0 = [258]
func.func @main() -> (tensor<1xbf16>) {
  %x = arith.constant dense<[256.0, 1.0, 1.0]> : tensor<3xbf16>
  %w = arith.constant dense<1.0> : tensor<1x3xbf16>
  %y = tp.linear %x, %w : (tensor<3xbf16>, tensor<1x3xbf16>) -> tensor<1xbf16>
  return %y : tensor<1xbf16>
}
