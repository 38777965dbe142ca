// tp.sharding_constraint states the sharding of a value inside a function.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @both_directions
// CHECK-SAME: %arg1: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: -> (tensor<3x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>})
func.func @both_directions(%x: tensor<3x4xf32>, %w: tensor<6x4xf32>) -> tensor<3x6xf32> {
  %y = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %c = tp.sharding_constraint %y <@mesh, [{}, {"tp"}]> : tensor<3x6xf32>
  %z = tp.activation silu %c : (tensor<3x6xf32>) -> tensor<3x6xf32>
  return %z : tensor<3x6xf32>
}

// -----

// Closed and whole: the value is gathered there.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @whole
// CHECK: tp.sharding_constraint {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}]>]
// CHECK: tp.activation {{.*}}[#tp.sharding<@mesh, [{}, {}]>]
func.func @whole(%x: tensor<3x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<3x6xf32> {
  %y = tp.linear %x, %w : (tensor<3x4xf32>, tensor<6x4xf32>) -> tensor<3x6xf32>
  %c = tp.sharding_constraint %y <@mesh, [{}, {}]> : tensor<3x6xf32>
  %z = tp.activation silu %c : (tensor<3x6xf32>) -> tensor<3x6xf32>
  return %z : tensor<3x6xf32>
}

// -----

// A sum is scattered where the constraint asks for it.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @scatter
// CHECK: tp.sharding_constraint {{.*}}tp.shardings = [#tp.sharding<@mesh, [{"tp"}, {}]>]
func.func @scatter(%x: tensor<4x4xf32>, %w: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<4x6xf32> {
  %y = tp.linear %x, %w : (tensor<4x4xf32>, tensor<6x4xf32>) -> tensor<4x6xf32>
  %c = tp.sharding_constraint %y <@mesh, [{"tp"}, {}]> : tensor<4x6xf32>
  return %c : tensor<4x6xf32>
}
