// tensor ops that make, pad and index tensors.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[7.5, 7.5, 7.5, 7.5], [0, 1, 2, 7.5], [3, 4, 5, 7.5]]
// CHECK-NEXT{LITERAL}: result 1 = [10, 0, 1, 13]
// CHECK-NEXT{LITERAL}: result 2 = [[0, 1, 2], [1, 2, 3]]
// CHECK-NEXT{LITERAL}: result 3 = 3
// CHECK-NEXT{LITERAL}: result 4 = 4
// CHECK-NEXT{LITERAL}: result 5 = [[0, 1, 2], [3, 7.5, 5]]
// CHECK-NEXT{LITERAL}: result 6 = [7.5, 4]
// CHECK-NEXT{LITERAL}: result 7 = [[4, 5]]
// CHECK-NEXT{LITERAL}: result 8 = [[0, 4, 5], [3, 4, 5]]
func.func @main(%x: tensor<2x3xf32>, %i: tensor<2xi32>) -> (tensor<3x4xf32>, tensor<4xi32>, tensor<2x3xindex>, index, f32, tensor<2x3xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<2x3xf32>) {
  %c1 = arith.constant 1 : index
  %value = arith.constant 7.5 : f32
  %padded = tensor.pad %x low[1, 0] high[0, 1] {
  ^bb0(%a: index, %b: index):
    tensor.yield %value : f32
  } : tensor<2x3xf32> to tensor<3x4xf32>
  // the padding may depend on where it is
  %ramp = tensor.pad %i low[1] high[1] {
  ^bb0(%a: index):
    %ten = arith.constant 10 : i32
    %at = arith.index_cast %a : index to i32
    %v = arith.addi %ten, %at : i32
    tensor.yield %v : i32
  } : tensor<2xi32> to tensor<4xi32>
  %generated = tensor.generate {
  ^bb0(%a: index, %b: index):
    %v = arith.addi %a, %b : index
    tensor.yield %v : index
  } : tensor<2x3xindex>
  %size = tensor.dim %x, %c1 : tensor<2x3xf32>
  %element = tensor.extract %x[%c1, %c1] : tensor<2x3xf32>
  %inserted = tensor.insert %value into %x[%c1, %c1] : tensor<2x3xf32>
  %made = tensor.from_elements %value, %element : tensor<2xf32>
  %slice = tensor.extract_slice %x[%c1, %c1] [1, 2] [1, 1] : tensor<2x3xf32> to tensor<1x2xf32>
  %written = tensor.insert_slice %slice into %x[0, %c1] [1, 2] [1, 1] : tensor<1x2xf32> into tensor<2x3xf32>
  return %padded, %ramp, %generated, %size, %element, %inserted, %made, %slice, %written : tensor<3x4xf32>, tensor<4xi32>, tensor<2x3xindex>, index, f32, tensor<2x3xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<2x3xf32>
}
