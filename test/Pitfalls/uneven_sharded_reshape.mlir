// Reshapes of split dimensions: the split is said in the blocks of the other side, or it is taken away first.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

// 5 heads of 4 over 2 devices: 3 and 2 heads, never half a head.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @merge_heads
// CHECK-NOT: tp.all_
// CHECK: tensor.collapse_shape {{.*}} : tensor<2x3x4xf32> into tensor<2x12xf32>
// CHECK-NOT: tp.all_
func.func @merge_heads(%x: tensor<2x5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}) -> tensor<2x20xf32> {
  %y = tensor.collapse_shape %x [[0], [1, 2]] : tensor<2x5x4xf32> into tensor<2x20xf32>
  return %y : tensor<2x20xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @split_heads
// CHECK: tensor.expand_shape {{.*}} : tensor<2x12xf32> into tensor<2x3x4xf32>
func.func @split_heads(%x: tensor<2x20xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<2x5x4xf32> {
  %y = tensor.expand_shape %x [[0], [1, 2]] output_shape [2, 5, 4] : tensor<2x20xf32> into tensor<2x5x4xf32>
  return %y : tensor<2x5x4xf32>
}

// -----

// A user's cut inside a head (rows 0-9 and 10-19 of 5 heads of 4) has no form after the reshape.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @cut_inside_a_block
func.func @cut_inside_a_block(%x: tensor<2x20xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp", unit = 1}]>})
    -> (tensor<2x5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %y = tensor.expand_shape %x [[0], [1, 2]] output_shape [2, 5, 4] : tensor<2x20xf32> into tensor<2x5x4xf32>
  return %y : tensor<2x5x4xf32>
}

// -----

// The inner dimension is split, the outer is not: the merged dimension is not in blocks of devices.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @inner_dimension_split
func.func @inner_dimension_split(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<12xf32> {
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<3x4xf32> into tensor<12xf32>
  return %y : tensor<12xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @inner_result_dimension_split
func.func @inner_result_dimension_split(%x: tensor<12xf32>) -> (tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) {
  %y = tensor.expand_shape %x [[0, 1]] output_shape [3, 4] : tensor<12xf32> into tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// Both dimensions are split, and the outer one does not divide.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @both_split_outer_uneven
func.func @both_split_outer_uneven(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {"b"}]>}) -> tensor<12xf32> {
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<3x4xf32> into tensor<12xf32>
  return %y : tensor<12xf32>
}

// -----

// The outer dimension is used up exactly, so the inner one may take the other axis.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @both_split_outer_used_up
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x2xf32> into tensor<2xf32>
func.func @both_split_outer_used_up(%x: tensor<2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {"b"}]>}) -> tensor<8xf32> {
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<2x4xf32> into tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// More devices than the outer dimension has elements.
tp.mesh @mesh <["tp" = 4]>
// CHECK-LABEL: func.func @fewer_blocks_than_devices
func.func @fewer_blocks_than_devices(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<12xf32> {
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<3x4xf32> into tensor<12xf32>
  return %y : tensor<12xf32>
}

// -----

// Dimensions of one element.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @unit_dimensions
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x1x3xf32> into tensor<1x3xf32>
func.func @unit_dimensions(%x: tensor<1x1x5xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}) -> tensor<1x5xf32> {
  %y = tensor.collapse_shape %x [[0], [1, 2]] : tensor<1x1x5xf32> into tensor<1x5xf32>
  return %y : tensor<1x5xf32>
}
