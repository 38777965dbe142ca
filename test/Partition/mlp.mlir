// Column split, then row split: the hidden units stay on their device, and the layer ends in one sum.
// RUN: tp-opt %s --split-input-file --tp-partition-pipeline=strategy=megatron | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-apply-strategy --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 4]>
// CHECK: module attributes {tp.partitioned}
// CHECK-LABEL: func.func @gated
// CHECK-SAME: %arg1: tensor<2x4xf32> {tp.global_type = tensor<8x4xf32>
// CHECK-SAME: %arg3: tensor<4x2xf32> {tp.global_type = tensor<4x8xf32>
// CHECK-NOT: tp.{{all|reduce}}_
// CHECK: %[[Y:.*]] = tp.linear {{.*}} (tensor<1x3x2xf32>, tensor<4x2xf32>) -> tensor<1x3x4xf32>
// CHECK-NEXT: %[[S:.*]] = tp.all_reduce sum %[[Y]] over ["tp"] on @mesh {origin = "gated: tp.linear result"}
// CHECK-NEXT: return %[[S]]
func.func @gated(%x: tensor<1x3x4xf32>, %g: tensor<8x4xf32>, %u: tensor<8x4xf32>, %d: tensor<4x8xf32>) -> tensor<1x3x4xf32> {
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x3x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// -----

// 7 hidden units over 2: 4 and 3.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @uneven
// CHECK-SAME: %arg1: tensor<4x4xf32> {tp.global_type = tensor<7x4xf32>
// CHECK-COUNT-1: tp.all_reduce
// CHECK-NOT: tp.all_
func.func @uneven(%x: tensor<1x3x4xf32>, %g: tensor<7x4xf32>, %u: tensor<7x4xf32>, %d: tensor<4x7xf32>) -> tensor<1x3x4xf32> {
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<gelu>}
      : (tensor<1x3x4xf32>, tensor<7x4xf32>, tensor<7x4xf32>, tensor<4x7xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// -----

// Fewer hidden units than devices.
tp.mesh @mesh <["tp" = 5]>
// CHECK-LABEL: func.func @fewer_units_than_devices
// CHECK-SAME: %arg1: tensor<1x4xf32> {tp.global_type = tensor<3x4xf32>
func.func @fewer_units_than_devices(%x: tensor<1x3x4xf32>, %u: tensor<3x4xf32>, %d: tensor<4x3xf32>) -> tensor<1x3x4xf32> {
  %y = tp.mlp %x up(%u) down(%d) {activation = #tp.activation_kind<relu>} : (tensor<1x3x4xf32>, tensor<3x4xf32>, tensor<4x3xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
