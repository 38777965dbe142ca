// A weight of unequal parts, each of them split: a device has its share of every part, and cutting the result costs
// nothing.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s --check-prefix=LOCAL
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// 8 query heads and 2 key/value heads of 4 elements on 2 devices.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @fused_attention
// CHECK-SAME: tensor<48x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", sections = [4, 1, 1]}, {}]>}
// LOCAL-LABEL: func.func @fused_attention
// LOCAL-SAME: tensor<24x6xf32>
// LOCAL-NOT: tp.all_
// LOCAL: tensor.extract_slice %{{.*}}[0, 0, 0] [2, 3, 16]
// LOCAL: tensor.extract_slice %{{.*}}[0, 0, 16] [2, 3, 4]
// LOCAL: tensor.extract_slice %{{.*}}[0, 0, 20] [2, 3, 4]
// LOCAL: tp.sdpa {{.*}} -> tensor<2x3x4x4xf32>
func.func @fused_attention(%x: tensor<2x3x6xf32>, %w: tensor<48x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<2x3x8x4xf32> {
  %y = tp.linear %x, %w : (tensor<2x3x6xf32>, tensor<48x6xf32>) -> tensor<2x3x48xf32>
  %q = tensor.extract_slice %y[0, 0, 0] [2, 3, 32] [1, 1, 1] : tensor<2x3x48xf32> to tensor<2x3x32xf32>
  %k = tensor.extract_slice %y[0, 0, 32] [2, 3, 8] [1, 1, 1] : tensor<2x3x48xf32> to tensor<2x3x8xf32>
  %v = tensor.extract_slice %y[0, 0, 40] [2, 3, 8] [1, 1, 1] : tensor<2x3x48xf32> to tensor<2x3x8xf32>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [2, 3, 8, 4] : tensor<2x3x32xf32> into tensor<2x3x8x4xf32>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [2, 3, 2, 4] : tensor<2x3x8xf32> into tensor<2x3x2x4xf32>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [2, 3, 2, 4] : tensor<2x3x8xf32> into tensor<2x3x2x4xf32>
  %a = tp.sdpa %qh, %kh, %vh {causal, group = 4, scale = 0.5} : (tensor<2x3x8x4xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x8x4xf32>
  return %a : tensor<2x3x8x4xf32>
}

// -----

// Uneven: 9 query heads in groups of 3 on 2 devices. The groups stay together.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @groups_are_not_cut
// CHECK-SAME: tensor<30x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, sections = [3, 1, 1]}, {}]>}
// LOCAL-LABEL: func.func @groups_are_not_cut
// LOCAL-NOT: tp.all_
// LOCAL: tp.sdpa {{.*}} -> tensor<2x3x6x2xf32>
func.func @groups_are_not_cut(%x: tensor<2x3x6xf32>, %w: tensor<30x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<2x3x9x2xf32> {
  %y = tp.linear %x, %w : (tensor<2x3x6xf32>, tensor<30x6xf32>) -> tensor<2x3x30xf32>
  %q = tensor.extract_slice %y[0, 0, 0] [2, 3, 18] [1, 1, 1] : tensor<2x3x30xf32> to tensor<2x3x18xf32>
  %k = tensor.extract_slice %y[0, 0, 18] [2, 3, 6] [1, 1, 1] : tensor<2x3x30xf32> to tensor<2x3x6xf32>
  %v = tensor.extract_slice %y[0, 0, 24] [2, 3, 6] [1, 1, 1] : tensor<2x3x30xf32> to tensor<2x3x6xf32>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [2, 3, 9, 2] : tensor<2x3x18xf32> into tensor<2x3x9x2xf32>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [2, 3, 3, 2] : tensor<2x3x6xf32> into tensor<2x3x3x2xf32>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [2, 3, 3, 2] : tensor<2x3x6xf32> into tensor<2x3x3x2xf32>
  %a = tp.sdpa %qh, %kh, %vh {causal, group = 3, scale = 0.5} : (tensor<2x3x9x2xf32>, tensor<2x3x3x2xf32>, tensor<2x3x3x2xf32>) -> tensor<2x3x9x2xf32>
  return %a : tensor<2x3x9x2xf32>
}

// -----

// What no slice reads is a section, too; a slice that another overlaps makes none.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @unread
// CHECK-SAME: %arg0: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", sections = [1, 2]}]>}
// CHECK-SAME: %arg1: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}
func.func @unread(%a: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}, %b: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %0 = tensor.extract_slice %a[4] [8] [1] : tensor<12xf32> to tensor<8xf32>
  %1 = tensor.extract_slice %b[4] [8] [1] : tensor<12xf32> to tensor<8xf32>
  %2 = tensor.extract_slice %b[2] [8] [1] : tensor<12xf32> to tensor<8xf32>
  return %0, %1, %2 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}

// -----

// Parts that are put together.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @joined
// CHECK: tensor.concat {{.*}}[{"tp", sections = [3, 1]}]
// LOCAL-LABEL: func.func @joined
// LOCAL-NOT: tp.all_
// LOCAL: tensor.concat dim(0) {{.*}} (tensor<6xf32>, tensor<2xf32>) -> tensor<8xf32>
func.func @joined(%a: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}, %b: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}) -> tensor<16xf32> {
  %0 = tensor.concat dim(0) %a, %b : (tensor<12xf32>, tensor<4xf32>) -> tensor<16xf32>
  return %0 : tensor<16xf32>
}

// -----

// Sections that are stated and not wanted are gathered one by one.
tp.mesh @mesh <["tp" = 2]>
// LOCAL-LABEL: func.func @gathered
// LOCAL: tensor.extract_slice %arg0[0] [4] [1]
// LOCAL: tp.all_gather %{{.*}} dim 0 of 8 split <{"tp", unit = 2}>
// LOCAL: tensor.extract_slice %arg0[4] [2] [1]
// LOCAL: tp.all_gather %{{.*}} dim 0 of 4 split <{"tp"}>
// LOCAL: tensor.concat dim(0) {{.*}} (tensor<8xf32>, tensor<4xf32>) -> tensor<12xf32>
func.func @gathered(%a: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", sections = [2, 1]}]>}) -> (tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) {
  return %a : tensor<12xf32>
}
