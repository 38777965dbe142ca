// tp.embedding: rows of the table; zeros for ids outside of it.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[-0.48, 0.39], [0.96, 0.56]], [[0, 0], [0, 0]]]
func.func @main() -> (tensor<2x2x2xf32>) {
  %ids = arith.constant dense<[[2, 0], [3, -1]]> : tensor<2x2xi32>
  %t = arith.constant dense<[[0.96, 0.56], [-1.32, 0.67], [-0.48, 0.39]]> : tensor<3x2xf32>
  %y = tp.embedding %ids, %t : (tensor<2x2xi32>, tensor<3x2xf32>) -> tensor<2x2x2xf32>
  return %y : tensor<2x2x2xf32>
}
