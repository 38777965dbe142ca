// What is repeated, reordered or reshaped is gathered before that, where it is smaller there.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// Keys split by rows, repeated for 4 queries each. 10 rows over 3 devices leave padding.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @keys
// CHECK: tp.all_gather %arg1 {{.*}} -> tensor<2x10x8xf32>
// CHECK-NOT: tp.all
// CHECK: linalg.generic {{.*}} ins({{.*}} : tensor<2x10x8xf32>) outs({{.*}} : tensor<8x10x8xf32>)
// CHECK: linalg.batch_matmul {{.*}} outs({{.*}} : tensor<8x4x10xf32>)
func.func @keys(%q: tensor<8x10x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>},
                %k: tensor<2x10x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}) -> tensor<8x10x10xf32> {
  %e = tensor.empty() : tensor<2x4x10x8xf32>
  %many = linalg.broadcast ins(%k : tensor<2x10x8xf32>) outs(%e : tensor<2x4x10x8xf32>) dimensions = [1]
  %flat = tensor.collapse_shape %many [[0, 1], [2], [3]] : tensor<2x4x10x8xf32> into tensor<8x10x8xf32>
  %et = tensor.empty() : tensor<8x8x10xf32>
  %t = linalg.transpose ins(%flat : tensor<8x10x8xf32>) outs(%et : tensor<8x8x10xf32>) permutation = [0, 2, 1]
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<8x10x10xf32>
  %start = linalg.fill ins(%zero : f32) outs(%init : tensor<8x10x10xf32>) -> tensor<8x10x10xf32>
  %y = linalg.batch_matmul ins(%q, %t : tensor<8x10x8xf32>, tensor<8x8x10xf32>) outs(%start : tensor<8x10x10xf32>) -> tensor<8x10x10xf32>
  return %y : tensor<8x10x10xf32>
}

// -----

// Read by another op as it was, too: that one keeps its own.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @both
// CHECK: linalg.broadcast ins(%arg0 {{.*}} : tensor<3x4x2xf32>)
// CHECK: tp.all_gather %arg0 {{.*}} -> tensor<3x4xf32>
// CHECK: linalg.broadcast {{.*}} outs({{.*}} : tensor<3x4x4xf32>)
// CHECK-NOT: tp.all
func.func @both(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> (tensor<3x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}, tensor<3x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %e = tensor.empty() : tensor<3x4x4xf32>
  %many = linalg.broadcast ins(%x : tensor<3x4xf32>) outs(%e : tensor<3x4x4xf32>) dimensions = [1]
  return %many, %many : tensor<3x4x4xf32>, tensor<3x4x4xf32>
}
