// A norm's mean is over the whole hidden dimension, not over a shard of it.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @rms
// CHECK: tp.all_gather %arg0 dim 2 of 6
// CHECK: tp.rms_norm {{.*}} -> tensor<1x3x6xf32>
func.func @rms(%x: tensor<1x3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}, %w: tensor<6xf32>) -> tensor<1x3x6xf32> {
  %y = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<1x3x6xf32>, tensor<6xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @layer
// CHECK: tp.layer_norm {{.*}} -> tensor<1x3x6xf32>
func.func @layer(%x: tensor<1x3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}, %w: tensor<6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>},
                 %b: tensor<6xf32>) -> tensor<1x3x6xf32> {
  %y = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<1x3x6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}

// -----

// Each row is normalised by itself: a split sequence stays split, and the weight is whole.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @split_sequence
// CHECK-NOT: tp.all_
// CHECK: tp.rms_norm {{.*}}, tensor<6xf32>) -> tensor<1x2x6xf32>
func.func @split_sequence(%x: tensor<1x3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}, %w: tensor<6xf32>) -> tensor<1x3x6xf32> {
  %y = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<1x3x6xf32>, tensor<6xf32>) -> tensor<1x3x6xf32>
  return %y : tensor<1x3x6xf32>
}
