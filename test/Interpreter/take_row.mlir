// tp.take_row: one row of each sequence; zeros outside.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[0.12, -1.85]], [[-1.37, 0.73]], [[0, 0]]]
func.func @main() -> (tensor<3x1x2xf32>) {
  %x = arith.constant dense<[[[0.3, 1.22], [0.12, -1.85]], [[-1.37, 0.73], [-0.26, 1.14]], [[0.27, -0.75], [1.08, -0.81]]]> : tensor<3x2x2xf32>
  %r = arith.constant dense<[1, 0, 2]> : tensor<3xi32>
  %y = tp.take_row %x, %r : (tensor<3x2x2xf32>, tensor<3xi32>) -> tensor<3x1x2xf32>
  return %y : tensor<3x1x2xf32>
}
