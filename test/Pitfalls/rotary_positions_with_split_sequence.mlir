// A device that holds rows 4-7 must rotate them by positions 4-7, also where the sequence is uneven, and mask by them.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @rope
// CHECK: %[[POS:.*]] = tp.shift_index plus %{{.*}} size 8
// CHECK: tp.rope %{{.*}} at %[[POS]]
func.func @rope(%x: tensor<2x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>}, %pos: tensor<2xi32>) -> tensor<2x8x2x4xf32> {
  %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 100.0>} : (tensor<2x8x2x4xf32>, tensor<2xi32>) -> tensor<2x8x2x4xf32>
  return %y : tensor<2x8x2x4xf32>
}

// -----

// No operand to move: the sequence must be whole there, or the positions would be the device's own.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @rope_without_position
// CHECK: tp.all_gather
// CHECK: tp.rope %{{.*}} -> tensor<2x8x2x4xf32>
func.func @rope_without_position(%x: tensor<2x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>}) -> tensor<2x8x2x4xf32> {
  %y = tp.rope %x {rotary = #tp.rotary<base = 100.0>} : (tensor<2x8x2x4xf32>) -> tensor<2x8x2x4xf32>
  return %y : tensor<2x8x2x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @uneven
func.func @uneven(%x: tensor<2x8x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>}, %pos: tensor<2xi32>) -> tensor<2x8x2x4xf32> {
  %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 100.0, interleaved>} : (tensor<2x8x2x4xf32>, tensor<2xi32>) -> tensor<2x8x2x4xf32>
  return %y : tensor<2x8x2x4xf32>
}

// -----

// The causal mask and the window follow the rows as the rotation does.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @causal_mask
// CHECK: %[[POS:.*]] = tp.shift_index plus
// CHECK: tp.sdpa {{.*}} at %[[POS]]
func.func @causal_mask(%q: tensor<2x5x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>}, %k: tensor<2x9x2x4xf32>,
                       %v: tensor<2x9x2x4xf32>, %pos: tensor<2xi32>) -> tensor<2x5x4x4xf32> {
  %o = tp.sdpa %q, %k, %v at %pos {causal, group = 2, scale = 0.5 : f64, window = 3}
      : (tensor<2x5x4x4xf32>, tensor<2x9x2x4xf32>, tensor<2x9x2x4xf32>, tensor<2xi32>) -> tensor<2x5x4x4xf32>
  return %o : tensor<2x5x4x4xf32>
}

// -----

// Causal without a position operand: whole.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @causal_without_position
// CHECK: tp.sdpa {{.*}} -> tensor<1x4x2x4xf32>
func.func @causal_without_position(%q: tensor<1x4x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}, {}]>}, %k: tensor<1x4x2x4xf32>,
                                   %v: tensor<1x4x2x4xf32>) -> tensor<1x4x2x4xf32> {
  %o = tp.sdpa %q, %k, %v {causal, group = 1, scale = 0.5 : f64}
      : (tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32>) -> tensor<1x4x2x4xf32>
  return %o : tensor<1x4x2x4xf32>
}
