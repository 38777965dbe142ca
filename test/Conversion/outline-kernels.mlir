// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels | FileCheck %s
// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels=fuse=false | FileCheck %s --check-prefix=PLAIN

// One row: each thread makes the norm for itself, gate and up end in their product; equal kernels are one function.
// CHECK-LABEL: func @step
// CHECK-NEXT: %[[M:.*]] = call @[[GATED:.*]](%arg0, %arg1, %arg2, %arg3)
// CHECK-NEXT: %[[Y:.*]] = call @[[DOWN:.*]](%[[M]], %arg4, %arg0)
// CHECK-NEXT: %[[M2:.*]] = call @[[GATED]](%[[Y]], %arg1, %arg2, %arg3)
// CHECK-NEXT: %[[Z:.*]] = call @[[DOWN]](%[[M2]], %arg4, %[[Y]])
// CHECK-NEXT: return %[[Z]]
// PLAIN-LABEL: func @step
// PLAIN: call @kernel_rms_norm
// PLAIN-NEXT: call @[[L:kernel_linear]](
// PLAIN-NEXT: call @[[L]](
// PLAIN-NEXT: call @kernel_elementwise
func.func @step(%x: tensor<1x8xf32> {tp.input = "x"}, %n: tensor<8xf32> {tp.parameter = "n"}, %g: tensor<20x8xf32> {tp.parameter = "g"}, %u: tensor<20x8xf32> {tp.parameter = "u"},
    %d: tensor<8x20xf32> {tp.parameter = "d"}) -> (tensor<1x8xf32> {tp.output = "y"}) attributes {tp.entry = "step"} {
  %0 = tp.rms_norm %x, %n {eps = 1.0e-5 : f64} : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
  %1 = tp.linear %0, %g : (tensor<1x8xf32>, tensor<20x8xf32>) -> tensor<1x20xf32>
  %2 = tp.activation silu %1 : (tensor<1x20xf32>) -> tensor<1x20xf32>
  %3 = tp.linear %0, %u : (tensor<1x8xf32>, tensor<20x8xf32>) -> tensor<1x20xf32>
  %4 = arith.mulf %2, %3 : tensor<1x20xf32>
  %5 = tp.linear %4, %d : (tensor<1x20xf32>, tensor<8x20xf32>) -> tensor<1x8xf32>
  %6 = arith.addf %x, %5 : tensor<1x8xf32>
  %7 = tp.rms_norm %6, %n {eps = 1.0e-5 : f64} : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
  %8 = tp.linear %7, %g : (tensor<1x8xf32>, tensor<20x8xf32>) -> tensor<1x20xf32>
  %9 = tp.activation silu %8 : (tensor<1x20xf32>) -> tensor<1x20xf32>
  %10 = tp.linear %7, %u : (tensor<1x8xf32>, tensor<20x8xf32>) -> tensor<1x20xf32>
  %11 = arith.mulf %9, %10 : tensor<1x20xf32>
  %12 = tp.linear %11, %d : (tensor<1x20xf32>, tensor<8x20xf32>) -> tensor<1x8xf32>
  %13 = arith.addf %6, %12 : tensor<1x8xf32>
  return %13 : tensor<1x8xf32>
}

// A computed weight is packed; an argument that is returned is copied.
// CHECK-LABEL: func @packs
// CHECK-DAG: %[[P:.*]] = call @kernel_pack_panel(%arg1)
// CHECK-DAG: %[[C:.*]] = call @kernel_copy(%arg0)
// CHECK-DAG: %[[R:.*]] = call @{{.*}}(%arg0, %[[P]])
// CHECK: return %[[R]], %[[C]]
func.func @packs(%x: tensor<2x8xf32> {tp.input = "x"}, %w: tensor<20x8xf32> {tp.input = "w"}) -> (tensor<2x20xf32> {tp.output = "y"}, tensor<2x8xf32> {tp.output = "x"}) attributes {tp.entry = "packs"} {
  %0 = tp.linear %x, %w : (tensor<2x8xf32>, tensor<20x8xf32>) -> tensor<2x20xf32>
  return %0, %x : tensor<2x20xf32>, tensor<2x8xf32>
}
// CHECK: func private @[[GATED]](
// CHECK-SAME: attributes {tp.kernel}
// CHECK-COUNT-1: tp.rms_norm
// CHECK-COUNT-2: tp.linear
// CHECK: arith.mulf
