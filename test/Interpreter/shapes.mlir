// tensor ops that move elements; operands keep their values.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [10, 11]]]
// CHECK-NEXT{LITERAL}: result 1 = [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
// CHECK-NEXT{LITERAL}: result 2 = [[4, 6], [8, 10]]
// CHECK-NEXT{LITERAL}: result 3 = [9, 10, 11]
// CHECK-NEXT{LITERAL}: result 4 = [[0, 1, 4, 6], [4, 5, 8, 10], [8, 9, 10, 11]]
// CHECK-NEXT{LITERAL}: result 5 = [0, 0]
// CHECK-NEXT{LITERAL}: result 6 = [2.5, 2.5]
// CHECK-NEXT{LITERAL}: result 7 = [[4, 6, 4, 6], [8, 10, 8, 10]]
// CHECK-NEXT{LITERAL}: result 8 = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
func.func @main() -> (tensor<3x2x2xf32>, tensor<6x2xf32>, tensor<2x2xf32>, tensor<3xf32>, tensor<3x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2x4xf32>, tensor<3x4xf32>) {
  %x = arith.constant dense<[[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0]]> : tensor<3x4xf32>
  %0 = tensor.expand_shape %x [[0], [1, 2]] output_shape [3, 2, 2] : tensor<3x4xf32> into tensor<3x2x2xf32>
  %1 = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<3x2x2xf32> into tensor<6x2xf32>
  %2 = tensor.extract_slice %x[1, 0] [2, 2] [1, 2] : tensor<3x4xf32> to tensor<2x2xf32>
  %3 = tensor.extract_slice %x[2, 1] [1, 3] [1, 1] : tensor<3x4xf32> to tensor<3xf32>
  %4 = tensor.insert_slice %2 into %x[0, 2] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<3x4xf32>
  %5 = tensor.empty() : tensor<2xf32>
  %i = tensor.empty() : tensor<2xi32>
  %s = arith.constant 2.5 : f32
  %6 = tensor.splat %s : tensor<2xf32>
  %7 = tensor.concat dim(1) %2, %2 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x4xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7, %x : tensor<3x2x2xf32>, tensor<6x2xf32>, tensor<2x2xf32>, tensor<3xf32>, tensor<3x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2x4xf32>, tensor<3x4xf32>
}
