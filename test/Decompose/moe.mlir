// RUN: tp-opt %s --tp-decompose-layers | FileCheck %s
// RUN: tp-opt %s --tp-interpret=function=gated -o /dev/null > %t.layer
// RUN: tp-opt %s --tp-decompose-layers --tp-interpret=function=gated -o /dev/null > %t.ops
// RUN: FileCheck %s --check-prefix=NUMBERS < %t.layer
// RUN: diff %t.layer %t.ops
// NUMBERS: result 0 = {{.*}}.

// CHECK-LABEL: func.func @gated
// CHECK: %[[X:.*]] = arith.mulf
// CHECK: %[[L:.*]] = tp.linear %[[X]], %arg1
// CHECK: %[[G:.*]] = tp.route %[[L]] {normalised, top_k = 2 : i64}
// CHECK: %[[H:.*]] = tp.expert_up silu %[[X]], %[[G]] gate(%arg2) up(%arg3)
// CHECK: tp.expert_down %[[H]], %[[G]] down(%arg4)
func.func @gated(%x0: tensor<1x3x4xf32>, %r: tensor<5x4xf32>, %g: tensor<5x7x4xf32>, %u: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) -> tensor<1x3x4xf32> {
  %s = arith.constant dense<0.01> : tensor<1x3x4xf32>
  %x = arith.mulf %x0, %s : tensor<1x3x4xf32>
  %y = tp.moe %x router(%r) gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2, normalised}
      : (tensor<1x3x4xf32>, tensor<5x4xf32>, tensor<5x7x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// What experts read is rounded to their type; gates and sums are f32.
// CHECK-LABEL: func.func @bf16
// CHECK: tp.route {{.*}} tensor<3x5xf32>
// CHECK: tp.expert_up relu {{.*}} (tensor<3x4xbf16>, tensor<3x5xf32>, tensor<5x7x4xbf16>) -> tensor<3x5x7xbf16>
// CHECK: tp.expert_down {{.*}} -> tensor<3x4xf32>
func.func @bf16(%x: tensor<3x4xf32>, %r: tensor<5x4xbf16>, %u: tensor<5x7x4xbf16>, %d: tensor<5x4x7xbf16>) -> tensor<3x4xf32> {
  %y = tp.moe %x router(%r) up(%u) down(%d) {activation = #tp.activation_kind<relu>, top_k = 1}
      : (tensor<3x4xf32>, tensor<5x4xbf16>, tensor<5x7x4xbf16>, tensor<5x4x7xbf16>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
