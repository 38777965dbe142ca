// Arguments that are no tensors are not annotated; they are no crash.
// RUN: tp-opt %s --tp-apply-strategy | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func private @f(%arg0: f32, %arg1: tensor<1x2x3xf32> {tp.sharding
func.func private @f(%s: f32, %x: tensor<1x2x3xf32>) -> f32 {
  return %s : f32
}
