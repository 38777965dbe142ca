// A norm, an activation, a softmax, a product of two sums: each needs the sum complete.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @norm
// CHECK: tp.linear
// CHECK: %[[SUM:.*]] = tp.all_reduce sum
// CHECK: tp.rms_norm %[[SUM]]
func.func @norm(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %n: tensor<4xf32>) -> tensor<1x3x4xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %z = tp.rms_norm %y, %n {eps = 1.0e-5 : f64} : (tensor<1x3x4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  return %z : tensor<1x3x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @activation
// CHECK: %[[SUM:.*]] = tp.all_reduce sum
// CHECK: tp.activation silu %[[SUM]]
func.func @activation(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<1x3x4xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %z = tp.activation silu %y : (tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  return %z : tensor<1x3x4xf32>
}

// -----

// (a + b) * (c + d) is not a*c + b*d: at most one factor may be a partial sum.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @square
// CHECK: tp.all_reduce sum
// CHECK: arith.mulf
// CHECK-NOT: tp.all_reduce
func.func @square(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<1x3x4xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %z = arith.mulf %y, %y : tensor<1x3x4xf32>
  return %z : tensor<1x3x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @product_of_two_sums
func.func @product_of_two_sums(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
                               %u: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<1x3x4xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %v = tp.linear %x, %u : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %z = arith.mulf %y, %v : tensor<1x3x4xf32>
  return %z : tensor<1x3x4xf32>
}

// -----

// A maximum is elementwise, but not linear.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @maximum
// CHECK: %[[SUM:.*]] = tp.{{all_reduce|reduce_scatter}} sum
// CHECK: arith.maximumf %[[SUM]]
func.func @maximum(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<1x3x4xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %z = arith.maximumf %y, %x : tensor<1x3x4xf32>
  return %z : tensor<1x3x4xf32>
}

// -----

// Queries that are partial sums meet a softmax.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @softmax
// CHECK: tp.all_reduce sum
// CHECK: tp.sdpa
func.func @softmax(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %k: tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %q = tensor.expand_shape %y [[0], [1], [2, 3]] output_shape [1, 3, 2, 2] : tensor<1x3x4xf32> into tensor<1x3x2x2xf32>
  %o = tp.sdpa %q, %k, %k {group = 1, scale = 0.5 : f64} : (tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  return %o : tensor<1x3x2x2xf32>
}

// -----

// A sum that one use could carry on and another cannot.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @two_uses
// CHECK: tp.all_reduce sum
// CHECK-NOT: tp.all_reduce
// CHECK: return
func.func @two_uses(%x: tensor<1x3x4xf32>, %w: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> (tensor<1x3x4xf32>, tensor<1x3x4xf32>) {
  %y = tp.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %n = arith.negf %y : tensor<1x3x4xf32>
  %z = tp.activation relu %y : (tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  return %n, %z : tensor<1x3x4xf32>, tensor<1x3x4xf32>
}
