// Experts are divided over ep and their hidden units over tp, unevenly too; all that they say is added up once.
// RUN: tp-opt %s --split-input-file --tp-partition-pipeline=strategy=megatron | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-apply-strategy --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-apply-strategy=strategy=sequence --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

// 7 hidden units are 3 on a device, all experts are everywhere.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @moe
// CHECK-SAME: %arg3: tensor<5x3x4xf32>
// CHECK-SAME: %arg4: tensor<5x4x3xf32>
// CHECK-NOT: tp.all_{{gather|reduce}}
// CHECK: tp.expert_down
// CHECK-NEXT: %[[S:.*]] = tp.all_reduce sum %{{.*}} over ["tp"] on @mesh
// CHECK-NEXT: return %[[S]]
func.func @moe(%x: tensor<1x3x4xf32>, %r: tensor<5x4xf32>, %g: tensor<5x7x4xf32>, %u: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) -> tensor<1x3x4xf32> {
  %y = tp.moe %x router(%r) gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2, normalised}
      : (tensor<1x3x4xf32>, tensor<5x4xf32>, tensor<5x7x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// -----

// 5 experts are 3 and 2; a device takes the gates of its own.
tp.mesh @mesh <["ep" = 2]>
// CHECK-LABEL: func.func @moe
// CHECK-SAME: %arg3: tensor<3x7x4xf32>
// CHECK-SAME: %arg4: tensor<3x4x7xf32>
// CHECK: tp.route {{.*}} tensor<1x3x5xf32>
// CHECK: tp.all_slice {{.*}} -> tensor<1x3x3xf32>
// CHECK-NOT: tp.all_{{gather|reduce}}
// CHECK: tp.expert_down
// CHECK-NEXT: %[[S:.*]] = tp.all_reduce sum %{{.*}} over ["ep"] on @mesh
// CHECK-NEXT: return %[[S]]
func.func @moe(%x: tensor<1x3x4xf32>, %r: tensor<5x4xf32>, %g: tensor<5x7x4xf32>, %u: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) -> tensor<1x3x4xf32> {
  %y = tp.moe %x router(%r) gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2, normalised}
      : (tensor<1x3x4xf32>, tensor<5x4xf32>, tensor<5x7x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}

// -----

// More devices than experts: two have none.
tp.mesh @mesh <["ep" = 7, "tp" = 2]>
// CHECK-LABEL: func.func @moe
// CHECK-SAME: %arg3: tensor<1x4x4xf32>
// CHECK-NOT: tp.all_{{gather|reduce}}
// CHECK: tp.expert_down
// CHECK-NEXT: %[[S:.*]] = tp.all_reduce sum %{{.*}} over ["ep", "tp"] on @mesh
// CHECK-NEXT: return %[[S]]
func.func @moe(%x: tensor<1x3x4xf32>, %r: tensor<5x4xf32>, %g: tensor<5x7x4xf32>, %u: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) -> tensor<1x3x4xf32> {
  %y = tp.moe %x router(%r) gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2, normalised}
      : (tensor<1x3x4xf32>, tensor<5x4xf32>, tensor<5x7x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  return %y : tensor<1x3x4xf32>
}
