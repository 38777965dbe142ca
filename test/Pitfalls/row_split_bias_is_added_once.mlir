// A linear whose contraction is split has a partial sum on each device; its bias must be in the sum once.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @bias
// CHECK: %[[ONCE:.*]] = tp.as_partial %{{.*}} over ["tp"] on @mesh
// CHECK: %[[Y:.*]] = tp.linear %{{.*}}, %{{.*}} bias %[[ONCE]]
// CHECK: tp.all_reduce sum %[[Y]]
func.func @bias(%x: tensor<1x2x6xf32>, %w: tensor<4x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %b: tensor<4xf32>) -> tensor<1x2x4xf32> {
  %y = tp.linear %x, %w bias %b : (tensor<1x2x6xf32>, tensor<4x6xf32>, tensor<4xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// The same where the contraction does not divide by the ranks.
tp.mesh @mesh <["tp" = 4]>
// CHECK-LABEL: func.func @uneven
// CHECK: tp.as_partial
func.func @uneven(%x: tensor<1x2x7xf32>, %w: tensor<4x7xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %b: tensor<4xf32>) -> tensor<1x2x4xf32> {
  %y = tp.linear %x, %w bias %b : (tensor<1x2x7xf32>, tensor<4x7xf32>, tensor<4xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// A whole MLP with all biases.
tp.mesh @mesh <["dp" = 2, "tp" = 2]>
// CHECK-LABEL: func.func @mlp
// CHECK: tp.linear
// CHECK-NOT: tp.as_partial
// CHECK: tp.activation
// CHECK: tp.as_partial
// CHECK-NEXT: tp.linear
// CHECK-NEXT: tp.all_reduce sum {{.*}} over ["tp"]
func.func @mlp(%x: tensor<2x2x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"dp"}, {}, {}]>},
               %up: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %bu: tensor<6xf32>,
               %down: tensor<4x6xf32>, %bd: tensor<4xf32>) -> tensor<2x2x4xf32> {
  %h = tp.linear %x, %up bias %bu : (tensor<2x2x4xf32>, tensor<6x4xf32>, tensor<6xf32>) -> tensor<2x2x6xf32>
  %a = tp.activation gelu %h : (tensor<2x2x6xf32>) -> tensor<2x2x6xf32>
  %y = tp.linear %a, %down bias %bd : (tensor<2x2x6xf32>, tensor<4x6xf32>, tensor<4xf32>) -> tensor<2x2x4xf32>
  return %y : tensor<2x2x4xf32>
}

// -----

// A residual that meets the partial sum before it is reduced: added once too.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @residual
func.func @residual(%x: tensor<1x2x6xf32>, %w: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %b: tensor<6xf32>) -> tensor<1x2x6xf32> {
  %y = tp.linear %x, %w bias %b : (tensor<1x2x6xf32>, tensor<6x6xf32>, tensor<6xf32>) -> tensor<1x2x6xf32>
  %z = arith.addf %x, %y : tensor<1x2x6xf32>
  return %z : tensor<1x2x6xf32>
}
