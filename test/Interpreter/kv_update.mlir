// tp.kv_update: rows at each sequence's position; a row beyond the cache is dropped; the operand keeps its value.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[[-1, -2]], [[-3, -4]], [[4, 5]], [[6, 7]]], [[[8, 9]], [[10, 11]], [[-5, -6]], [[-7, -8]]]]
// CHECK-NEXT{LITERAL}: result 1 = [[[[0, 1]], [[-1, -2]], [[-3, -4]], [[6, 7]]], [[[8, 9]], [[10, 11]], [[12, 13]], [[-5, -6]]]]
// CHECK-NEXT{LITERAL}: result 2 = [[[[0, 1]], [[2, 3]], [[4, 5]], [[6, 7]]], [[[8, 9]], [[10, 11]], [[12, 13]], [[14, 15]]]]
func.func @main() -> (tensor<2x4x1x2xf32>, tensor<2x4x1x2xf32>, tensor<2x4x1x2xf32>) {
  %c = arith.constant dense<[[[[0.0, 1.0]], [[2.0, 3.0]], [[4.0, 5.0]], [[6.0, 7.0]]], [[[8.0, 9.0]], [[10.0, 11.0]], [[12.0, 13.0]], [[14.0, 15.0]]]]> : tensor<2x4x1x2xf32>
  %r = arith.constant dense<[[[[-1.0, -2.0]], [[-3.0, -4.0]]], [[[-5.0, -6.0]], [[-7.0, -8.0]]]]> : tensor<2x2x1x2xf32>
  %p = arith.constant dense<[0, 2]> : tensor<2xi32>
  %q = arith.constant dense<[1, 3]> : tensor<2xi32>
  %0 = tp.kv_update %c, %r at %p : (tensor<2x4x1x2xf32>, tensor<2x2x1x2xf32>, tensor<2xi32>) -> tensor<2x4x1x2xf32>
  %1 = tp.kv_update %c, %r at %q : (tensor<2x4x1x2xf32>, tensor<2x2x1x2xf32>, tensor<2xi32>) -> tensor<2x4x1x2xf32>
  return %0, %1, %c : tensor<2x4x1x2xf32>, tensor<2x4x1x2xf32>, tensor<2x4x1x2xf32>
}
