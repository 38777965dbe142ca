// Padding of the vocabulary must not be looked up, and not be a word that can win.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @embedding
// CHECK-SAME: tensor<3x4xf32>
// CHECK: %[[ID:.*]] = tp.shift_index minus %{{.*}} size 7
// CHECK: %[[X:.*]] = tp.embedding %[[ID]]
// CHECK: tp.all_reduce sum %[[X]]
func.func @embedding(%ids: tensor<2x5xi32>, %table: tensor<7x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<2x5x4xf32> {
  %x = tp.embedding %ids, %table : (tensor<2x5xi32>, tensor<7x4xf32>) -> tensor<2x5x4xf32>
  return %x : tensor<2x5x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @logits
// CHECK: tp.linear {{.*}} -> tensor<2x5x3xf32>
// CHECK: tp.all_gather {{.*}} dim 2 of 7 {{.*}} -> tensor<2x5x7xf32>
func.func @logits(%x: tensor<2x5x4xf32>, %table: tensor<7x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<2x5x7xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %l = tp.linear %x, %table : (tensor<2x5x4xf32>, tensor<7x4xf32>) -> tensor<2x5x7xf32>
  return %l : tensor<2x5x7xf32>
}

// -----

// More devices than words: the last hold none.
tp.mesh @mesh <["tp" = 5]>
// CHECK-LABEL: func.func @fewer_words_than_ranks
func.func @fewer_words_than_ranks(%ids: tensor<1x4xi32>, %table: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<1x4x3xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %x = tp.embedding %ids, %table : (tensor<1x4xi32>, tensor<3x4xf32>) -> tensor<1x4x4xf32>
  %l = tp.linear %x, %table : (tensor<1x4x4xf32>, tensor<3x4xf32>) -> tensor<1x4x3xf32>
  return %l : tensor<1x4x3xf32>
}

// -----

// Over two axes at once.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @two_axes
func.func @two_axes(%ids: tensor<1x4xi32>, %table: tensor<7x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", "b"}, {}]>})
    -> (tensor<1x4x7xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %x = tp.embedding %ids, %table : (tensor<1x4xi32>, tensor<7x4xf32>) -> tensor<1x4x4xf32>
  %l = tp.linear %x, %table : (tensor<1x4x4xf32>, tensor<7x4xf32>) -> tensor<1x4x7xf32>
  return %l : tensor<1x4x7xf32>
}
