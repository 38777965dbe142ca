// The frame's callbacks, by their place in tp_cuda_frame: 32 launches, 40 is a GEMM, 48 a collective, 56 a record, 64 a
// wait. Half B's GEMM stands between half A's sum and the wait for it.
// RUN: tp-opt %s --tp-overlap-collectives=mode=on --tp-lower-to-cuda | FileCheck %s
// CHECK: cuda.events = 3
// CHECK-LABEL: llvm.func @tp_f_1
// Half A: its GEMM; the communication stream waits for it, sums, and says so.
// CHECK: getelementptr %arg0[40]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[56]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[64]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[48]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[56]
// CHECK: llvm.call
// Half B.
// CHECK: getelementptr %arg0[40]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[56]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[64]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[48]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[56]
// CHECK: llvm.call
// Each half's product behind its own sum.
// CHECK: getelementptr %arg0[64]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[32]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[64]
// CHECK: llvm.call
// CHECK: getelementptr %arg0[32]
// CHECK: llvm.call
// CHECK-NOT: llvm.call
// CHECK: llvm.return
module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 2]>
func.func @f(%x: tensor<1x16x8xf32> {tp.input = "x"}, %w: tensor<4x8xf32> {tp.parameter = "w"}) -> (tensor<1x16x4xf32> {tp.output = "y"})
    attributes {tp.entry = "f"} {
  %0 = tp.linear %x, %w : (tensor<1x16x8xf32>, tensor<4x8xf32>) -> tensor<1x16x4xf32>
  %1 = tp.all_reduce sum %0 over ["tp"] on @mesh : tensor<1x16x4xf32>
  %2 = arith.mulf %1, %1 : tensor<1x16x4xf32>
  return %2 : tensor<1x16x4xf32>
}
}
