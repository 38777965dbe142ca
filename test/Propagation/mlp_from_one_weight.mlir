// Any one of an MLP's weights tells the sharding of the others.
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @gate_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK: arith.mulf {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}]>]
func.func @gate_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %g: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>},
    %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @up_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK: arith.mulf {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}]>]
func.func @up_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %g: tensor<8x4xf32>,
    %u: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>}, %d: tensor<4x8xf32>) -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @down_alone
// CHECK-SAME: %arg1: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg2: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}
// CHECK-SAME: %arg3: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}
// CHECK: arith.mulf {{.*}}tp.shardings = [#tp.sharding<@mesh, [{}, {}, {"tp"}]>]
func.func @down_alone(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}, %g: tensor<8x4xf32>,
    %u: tensor<8x4xf32>, %d: tensor<4x8xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp"}]>}) -> (tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
