// What no annotation reaches is split all the same, where that saves more than it moves.
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings=reverse-worklist | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings --tp-partition | FileCheck %s --check-prefix=PARTITION

// The result of the linear is whole, so nothing reaches the MLP from its weight.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @after_a_linear
// CHECK-SAME: %arg2: tensor<2048x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<2048x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg4: tensor<8x2048xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// PARTITION-LABEL: func.func @after_a_linear
// PARTITION-COUNT-2: tp.all_reduce
// PARTITION-NOT: tp.all
func.func @after_a_linear(%x: tensor<1x3x8xf32>, %w: tensor<8x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
    %g: tensor<2048x8xf32>, %u: tensor<2048x8xf32>, %d: tensor<8x2048xf32>) -> tensor<1x3x8xf32> {
  %a = tp.linear %x, %w : (tensor<1x3x8xf32>, tensor<8x8xf32>) -> tensor<1x3x8xf32>
  %y = tp.mlp %a gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x3x8xf32>, tensor<2048x8xf32>, tensor<2048x8xf32>, tensor<8x2048xf32>) -> tensor<1x3x8xf32>
  return %y : tensor<1x3x8xf32>
}

// -----

// Each layer that a function is called for is completed with it.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func private @mlp
// CHECK-SAME: %arg1: tensor<2048x8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<8x2048xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// PARTITION-LABEL: func.func private @mlp
// PARTITION: tp.all_reduce
// PARTITION-NEXT: return
func.func private @mlp(%x: tensor<1x3x8xf32>, %u: tensor<2048x8xf32>, %d: tensor<8x2048xf32>) -> tensor<1x3x8xf32> {
  %y = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<relu>}
      : (tensor<1x3x8xf32>, tensor<2048x8xf32>, tensor<8x2048xf32>) -> tensor<1x3x8xf32>
  return %y : tensor<1x3x8xf32>
}
// CHECK-LABEL: func.func @layers
// CHECK-SAME: %arg2: tensor<2048x8xf32> {tp.parameter = "u0", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg4: tensor<2048x8xf32> {tp.parameter = "u1", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
func.func @layers(%x: tensor<1x3x8xf32>, %w: tensor<8x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
    %u0: tensor<2048x8xf32> {tp.parameter = "u0"}, %d0: tensor<8x2048xf32> {tp.parameter = "d0"},
    %u1: tensor<2048x8xf32> {tp.parameter = "u1"}, %d1: tensor<8x2048xf32> {tp.parameter = "d1"}) -> tensor<1x3x8xf32> {
  %a = tp.linear %x, %w : (tensor<1x3x8xf32>, tensor<8x8xf32>) -> tensor<1x3x8xf32>
  %b = func.call @mlp(%a, %u0, %d0) : (tensor<1x3x8xf32>, tensor<2048x8xf32>, tensor<8x2048xf32>) -> tensor<1x3x8xf32>
  %c = func.call @mlp(%b, %u1, %d1) : (tensor<1x3x8xf32>, tensor<2048x8xf32>, tensor<8x2048xf32>) -> tensor<1x3x8xf32>
  return %c : tensor<1x3x8xf32>
}
