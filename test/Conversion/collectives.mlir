// One value and several at once, on one rank: what goes in comes out, each in its place. (test/runtime/comm has more ranks.)
// RUN: tp-cpu-check %s --tolerance 1e-6
// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels --tp-plan-memory --tp-lower-kernels=cpu=x86-64-v3 --tp-lower-program | FileCheck %s

// CHECK: llvm.alloca {{.*}} x i64
// CHECK-COUNT-2: llvm.alloca {{.*}} x !llvm.ptr
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, i64, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @main(%x: tensor<3x5xf32> {tp.input = "x"}, %y: tensor<7xf32> {tp.input = "y"}, %z: tensor<4x2xbf16> {tp.input = "z"})
    -> (tensor<3x5xf32> {tp.output = "a"}, tensor<7xf32> {tp.output = "b"}, tensor<4x2xbf16> {tp.output = "c"}, tensor<7xf32> {tp.output = "d"}) attributes {tp.entry = "main"} {
  %0 = tp.activation relu %x : (tensor<3x5xf32>) -> tensor<3x5xf32>
  %1 = tp.activation silu %y : (tensor<7xf32>) -> tensor<7xf32>
  %2:3 = tp.all_reduce sum %0, %1, %z over ["tp"] on @mesh : tensor<3x5xf32>, tensor<7xf32>, tensor<4x2xbf16>
  %3:2 = tp.all_gather %2#1, %y dim 0 of 7 split <{"tp"}> on @mesh : tensor<7xf32>, tensor<7xf32> -> tensor<7xf32>, tensor<7xf32>
  %4 = arith.addf %3#0, %3#1 : tensor<7xf32>
  %5 = tp.reduce_scatter sum %4 dim 0 of 7 split <{"tp"}> on @mesh : tensor<7xf32> -> tensor<7xf32>
  return %2#0, %2#1, %2#2, %5 : tensor<3x5xf32>, tensor<7xf32>, tensor<4x2xbf16>, tensor<7xf32>
}
}
