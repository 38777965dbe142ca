// Partial sums of bf16 weights stay f32 until they are complete: rounding each device's part drifts with the number of devices.
// RUN: tp-opt %s --tp-decompose-layers --tp-propagate-shardings --tp-partition | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 4]>
// CHECK-LABEL: func.func @mlp
// CHECK: %[[Y:.*]] = tp.linear %{{.*}} : (tensor<1x2x2xbf16>, tensor<4x2xbf16>) -> tensor<1x2x4xf32>
// CHECK: tp.all_reduce sum %[[Y]] over ["tp"] {{.*}} : tensor<1x2x4xf32>
func.func @mlp(%x: tensor<1x2x4xf32>, %g: tensor<8x4xbf16> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %u: tensor<8x4xbf16>, %d: tensor<4x8xbf16>)
    -> tensor<1x2x4xf32> {
  %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
      : (tensor<1x2x4xf32>, tensor<8x4xbf16>, tensor<8x4xbf16>, tensor<4x8xbf16>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}
