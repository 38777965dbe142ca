// Named linalg ops on tensors: every structured op runs from its indexing maps and body.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [[10, 13], [28, 40]]
// CHECK-NEXT{LITERAL}: result 1 = [[15, 27], [42, 90]]
// CHECK-NEXT{LITERAL}: result 2 = [5, 14]
// CHECK-NEXT{LITERAL}: result 3 = [10, 13]
// CHECK-NEXT{LITERAL}: result 4 = [[0, 3], [1, 4], [2, 5]]
// CHECK-NEXT{LITERAL}: result 5 = [[0, 1, 2], [0, 1, 2]]
// CHECK-NEXT{LITERAL}: result 6 = [2, 5]
// CHECK-NEXT{LITERAL}: result 7 = [[0, 1, 4], [0, 4, 10]]
// CHECK-NEXT{LITERAL}: result 8 = [[0, 2, 4], [6, 8, 10]]
// CHECK-NEXT{LITERAL}: result 9 = [[0.09003, 0.2447, 0.6652], [0.09003, 0.2447, 0.6652]]
// CHECK-NEXT{LITERAL}: result 10 = [[0, 1, 4], [9, 16, 25]]
// CHECK-NEXT{LITERAL}: result 11 = [[[5]], [[50]]]
func.func @main(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>, %v: tensor<3xf32>, %i: tensor<2x3xi32>, %c: tensor<2x3x1xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi32>, tensor<2x1x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %e22 = tensor.empty() : tensor<2x2xf32>
  %z22 = linalg.fill ins(%zero : f32) outs(%e22 : tensor<2x2xf32>) -> tensor<2x2xf32>
  %matmul = linalg.matmul ins(%a, %b : tensor<2x3xf32>, tensor<3x2xf32>) outs(%z22 : tensor<2x2xf32>) -> tensor<2x2xf32>
  // the second operand transposed, and a sum that starts at the first product
  %transposed = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %a : tensor<2x3xf32>, tensor<2x3xf32>) outs(%matmul : tensor<2x2xf32>) -> tensor<2x2xf32>
  %e2 = tensor.empty() : tensor<2xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2xf32>) -> tensor<2xf32>
  %matvec = linalg.matvec ins(%a, %v : tensor<2x3xf32>, tensor<3xf32>) outs(%z2 : tensor<2xf32>) -> tensor<2xf32>
  %vecmat = linalg.vecmat ins(%v, %b : tensor<3xf32>, tensor<3x2xf32>) outs(%z2 : tensor<2xf32>) -> tensor<2xf32>
  %e32 = tensor.empty() : tensor<3x2xf32>
  %transpose = linalg.transpose ins(%a : tensor<2x3xf32>) outs(%e32 : tensor<3x2xf32>) permutation = [1, 0]
  %e23 = tensor.empty() : tensor<2x3xf32>
  %broadcast = linalg.broadcast ins(%v : tensor<3xf32>) outs(%e23 : tensor<2x3xf32>) dimensions = [0]
  %reduce = linalg.reduce { arith.maximumf } ins(%a : tensor<2x3xf32>) outs(%z2 : tensor<2xf32>) dimensions = [1]
  %map = linalg.map { arith.mulf } ins(%a, %broadcast : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e23 : tensor<2x3xf32>)
  %add = linalg.add ins(%a, %a : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e23 : tensor<2x3xf32>) -> tensor<2x3xf32>
  %softmax = linalg.softmax dimension(1) ins(%a : tensor<2x3xf32>) outs(%e23 : tensor<2x3xf32>) -> tensor<2x3xf32>
  %ei = tensor.empty() : tensor<2x3xi32>
  %elementwise = linalg.elementwise kind=#linalg.elementwise_kind<mul> ins(%i, %i : tensor<2x3xi32>, tensor<2x3xi32>) outs(%ei : tensor<2x3xi32>) -> tensor<2x3xi32>
  %e211 = tensor.empty() : tensor<2x1x1xf32>
  %z211 = linalg.fill ins(%zero : f32) outs(%e211 : tensor<2x1x1xf32>) -> tensor<2x1x1xf32>
  %c1 = tensor.expand_shape %a [[0, 1], [2]] output_shape [2, 1, 3] : tensor<2x3xf32> into tensor<2x1x3xf32>
  %batch = linalg.batch_matmul ins(%c1, %c : tensor<2x1x3xf32>, tensor<2x3x1xf32>) outs(%z211 : tensor<2x1x1xf32>) -> tensor<2x1x1xf32>
  return %matmul, %transposed, %matvec, %vecmat, %transpose, %broadcast, %reduce, %map, %add, %softmax, %elementwise, %batch : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi32>, tensor<2x1x1xf32>
}
