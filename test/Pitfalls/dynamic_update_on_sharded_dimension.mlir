// Rows at a position that is known only at run time: a shard would clamp or drop them in silence, so the dimension is made whole, or the index follows
// the shard and rows outside it are zeros.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @cache_split_by_position
// CHECK: %[[WHOLE:.*]] = tp.all_gather %{{.*}} dim 1 of 8
// CHECK: tp.kv_update %[[WHOLE]]
// CHECK: tp.all_slice
func.func @cache_split_by_position(%c: tensor<2x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>}, %r: tensor<2x3x2x4xf32>,
                                   %pos: tensor<2xi32>) -> (tensor<2x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>}) {
  %c1 = tp.kv_update %c, %r at %pos : (tensor<2x8x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2xi32>) -> tensor<2x8x2x4xf32>
  return %c1 : tensor<2x8x2x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @rows_split_by_position
// CHECK: %[[WHOLE:.*]] = tp.all_gather %{{.*}} dim 1 of 3
// CHECK: tp.kv_update %{{.*}}, %[[WHOLE]]
func.func @rows_split_by_position(%c: tensor<2x8x2x4xf32>, %r: tensor<2x3x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>},
                                  %pos: tensor<2xi32>) -> tensor<2x8x2x4xf32> {
  %c1 = tp.kv_update %c, %r at %pos : (tensor<2x8x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2xi32>) -> tensor<2x8x2x4xf32>
  return %c1 : tensor<2x8x2x4xf32>
}

// -----

// Batch and heads may be split: every device has the whole time.
tp.mesh @mesh <["dp" = 2, "tp" = 2]>
// CHECK-LABEL: func.func @batch_and_heads
// CHECK-NOT: tp.all_
// CHECK: tp.kv_update {{.*}} -> tensor<1x8x2x4xf32>
// CHECK-NOT: tp.all_
func.func @batch_and_heads(%c: tensor<2x8x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {}, {"tp"}, {}]>}, %r: tensor<2x3x3x4xf32>,
                           %pos: tensor<2xi32>) -> tensor<2x8x3x4xf32> {
  %c1 = tp.kv_update %c, %r at %pos : (tensor<2x8x3x4xf32>, tensor<2x3x3x4xf32>, tensor<2xi32>) -> tensor<2x8x3x4xf32>
  return %c1 : tensor<2x8x3x4xf32>
}

// -----

// The last token's row lives on one device only.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @row_of_a_split_sequence
// CHECK: %[[ROW:.*]] = tp.shift_index minus %{{.*}} size 8
// CHECK: %[[X:.*]] = tp.take_row %{{.*}}, %[[ROW]]
// CHECK: tp.all_reduce sum %[[X]]
func.func @row_of_a_split_sequence(%x: tensor<2x8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}, %row: tensor<2xi32>) -> tensor<2x1x4xf32> {
  %y = tp.take_row %x, %row : (tensor<2x8x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
  return %y : tensor<2x1x4xf32>
}

// -----

// What lies in the padding of the last shard must not be taken for a row.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @row_after_a_norm
func.func @row_after_a_norm(%x: tensor<2x7x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}, %b: tensor<4xf32>, %w: tensor<4xf32>,
                            %row: tensor<2xi32>) -> tensor<2x1x4xf32> {
  %n = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<2x7x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x7x4xf32>
  %y = tp.take_row %n, %row : (tensor<2x7x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
  return %y : tensor<2x1x4xf32>
}
