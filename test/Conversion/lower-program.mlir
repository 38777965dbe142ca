// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels=fuse=false --tp-plan-memory --tp-lower-kernels=cpu=x86-64-v3 --tp-lower-program --canonicalize | FileCheck %s

// The two linears read the input and write apart: no barrier between them; one before the sum, none before the collective, which has its own.
// CHECK-LABEL: func @tp_f_1(%{{.*}}: !llvm.ptr, %{{.*}}: i64)
// CHECK-NOT: llvm.call %{{.*}}(%{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, i64) -> ()
// CHECK: call @kernel_linear_in_memory
// CHECK-NOT: llvm.call
// CHECK: call @kernel_linear_in_memory
// CHECK: llvm.call %{{.*}}(%{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, i64) -> ()
// CHECK: call @kernel_addf_in_memory
// CHECK: llvm.call %{{.*}}(%{{.*}}) : !llvm.ptr, (!llvm.ptr, i64, i64, !llvm.ptr, !llvm.ptr) -> ()
// CHECK-NOT: llvm.call
// CHECK: call @kernel_activation_in_memory
// CHECK: return
module {
tp.mesh @mesh <["tp" = 2]>
func.func @f(%x: tensor<4x16xf32> {tp.input = "x"}, %a: tensor<16x16xf32> {tp.parameter = "a"}, %b: tensor<16x16xf32> {tp.parameter = "b"})
    -> (tensor<4x16xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  %0 = tp.linear %x, %a : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %1 = tp.linear %x, %b : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %2 = arith.addf %0, %1 : tensor<4x16xf32>
  %3 = tp.all_reduce sum %2 over ["tp"] on @mesh : tensor<4x16xf32>
  %4 = tp.activation relu %3 : (tensor<4x16xf32>) -> tensor<4x16xf32>
  return %4 : tensor<4x16xf32>
}
}
