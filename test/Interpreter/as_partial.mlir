// tp.as_partial: the first device of a group keeps the value.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// Over tp, and over both axes.
// CHECK{LITERAL}: rank 0: result 0 = [0, 1]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [0, 0]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [200, 201]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [0, 0]
// CHECK-NEXT{LITERAL}: rank 0: result 1 = [0, 1]
// CHECK-NEXT{LITERAL}: rank 1: result 1 = [0, 0]
// CHECK-NEXT{LITERAL}: rank 2: result 1 = [0, 0]
// CHECK-NEXT{LITERAL}: rank 3: result 1 = [0, 0]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["dp" = 2, "tp" = 2]>
  func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
    %a = tp.as_partial %x over ["tp"] on @mesh : tensor<2xf32>
    %b = tp.as_partial %x over ["dp", "tp"] on @mesh : tensor<2xf32>
    return %a, %b : tensor<2xf32>, tensor<2xf32>
  }
}
