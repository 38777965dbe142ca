// Query, key and value weights in one, of unequal sizes, from annotations to native code.
// RUN: tp-opt %s --tp-partition-pipeline -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: tp-cpu-check %t.mlir --tolerance 1e-5
// RUN: tp-gpu-check %t.mlir --tolerance 1e-5

// CHECK: tensor<12x6xf32> {{.*}}[{"tp", sections = [4, 1, 1]}, {}]
// CHECK-NOT: tp.all_
// CHECK: tp.sdpa {{.*}} -> tensor<2x3x4x2xf32>
tp.mesh @mesh <["tp" = 2]>
func.func @attention(%x: tensor<2x3x6xf32> {tp.input = "x"}, %w: tensor<24x6xf32> {tp.parameter = "w", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<2x3x8x2xf32> {tp.output = "y"}) attributes {tp.entry = "attention"} {
  %y = tp.linear %x, %w : (tensor<2x3x6xf32>, tensor<24x6xf32>) -> tensor<2x3x24xf32>
  %q = tensor.extract_slice %y[0, 0, 0] [2, 3, 16] [1, 1, 1] : tensor<2x3x24xf32> to tensor<2x3x16xf32>
  %k = tensor.extract_slice %y[0, 0, 16] [2, 3, 4] [1, 1, 1] : tensor<2x3x24xf32> to tensor<2x3x4xf32>
  %v = tensor.extract_slice %y[0, 0, 20] [2, 3, 4] [1, 1, 1] : tensor<2x3x24xf32> to tensor<2x3x4xf32>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [2, 3, 8, 2] : tensor<2x3x16xf32> into tensor<2x3x8x2xf32>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [2, 3, 2, 2] : tensor<2x3x4xf32> into tensor<2x3x2x2xf32>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [2, 3, 2, 2] : tensor<2x3x4xf32> into tensor<2x3x2x2xf32>
  %a = tp.sdpa %qh, %kh, %vh {causal, group = 4, scale = 0.5} : (tensor<2x3x8x2xf32>, tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>) -> tensor<2x3x8x2xf32>
  return %a : tensor<2x3x8x2xf32>
}
