// tp.mlp, directly and expanded: gated, with biases, not gated.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[3.674, 0.8673, -2.147], [-1.693, 3.163, -2.293]]]
// CHECK-NEXT{LITERAL}: result 1 = [[[1.015, -0.9763, -1.538], [0.3719, 1.482, -1.594]]]
// CHECK-NEXT{LITERAL}: result 2 = [[[2.346, -0.1833, -0.9532], [1.479, 1.207, -1.298]]]
func.func @main() -> (tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>) {
  %x = arith.constant dense<[[[-1.77, -0.22, 0.76], [-0.09, 0.47, -1.1]]]> : tensor<1x2x3xf32>
  %g = arith.constant dense<[[-1.34, 0.89, 0.49], [-0.03, 1.28, -0.95], [-0.42, 1.03, 1.84], [0.01, 1.68, -0.6], [0.33, -0.17, -1.59]]> : tensor<5x3xf32>
  %u = arith.constant dense<[[0.26, 0.93, -0.15], [-0.07, 1.39, -1.25], [-1.5, -0.65, -1.2], [1.35, 0.31, -0.86], [-0.61, 2.86, -0.61]]> : tensor<5x3xf32>
  %d = arith.constant dense<[[-0.76, 0.3, 0.64, 0.22, -0.91], [-1.16, 0.6, -0.05, -1.64, 1.17], [0.78, -0.24, -0.26, 0.23, -0.69]]> : tensor<3x5xf32>
  %gb = arith.constant dense<[-1.35, 0.32, -1.44, 0.39, -1.44]> : tensor<5xf32>
  %ub = arith.constant dense<[-0.1, -0.14, 1.78, -1.06, -1.41]> : tensor<5xf32>
  %db = arith.constant dense<[-0.65, -1.12, -0.59]> : tensor<3xf32>
  %0 = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x2x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<3x5xf32>) -> tensor<1x2x3xf32>
  %1 = tp.mlp %x gate(%g) gate_bias(%gb) up(%u) up_bias(%ub) down(%d) down_bias(%db) {activation = #tp.activation_kind<gelu>}
      : (tensor<1x2x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<3x5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<3xf32>) -> tensor<1x2x3xf32>
  %2 = tp.mlp %x up(%u) up_bias(%ub) down(%d) {activation = #tp.activation_kind<relu>}
      : (tensor<1x2x3xf32>, tensor<5x3xf32>, tensor<3x5xf32>, tensor<5xf32>) -> tensor<1x2x3xf32>
  return %0, %1, %2 : tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>
}
