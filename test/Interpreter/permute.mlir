// tp.permute on simulated ranks.
// RUN: tp-opt %s --split-input-file --tp-interpret=collectives -o /dev/null | FileCheck %s --match-full-lines

// A ring, and a device that receives nothing.
// CHECK{LITERAL}: rank 0: result 0 = [200, 201]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [0, 1]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [100, 101]
// CHECK-NEXT{LITERAL}: rank 0: result 1 = [100, 101]
// CHECK-NEXT{LITERAL}: rank 1: result 1 = [0, 0]
// CHECK-NEXT{LITERAL}: rank 2: result 1 = [0, 1]
// CHECK-NEXT: permute: 2 times, 13 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 3]>
  func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
    %a = tp.permute %x over ["tp"] from [2, 0, 1] on @mesh : tensor<2xf32>
    %b = tp.permute %x over ["tp"] from [1, -1, 0] on @mesh : tensor<2xf32>
    return %a, %b : tensor<2xf32>, tensor<2xf32>
  }
}

// -----

// Along the outer axis.
// CHECK{LITERAL}: rank 0: result 0 = [200]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [300]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [0]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [100]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["dp" = 2, "tp" = 2]>
  func.func @main(%x: tensor<1xf32>) -> (tensor<1xf32>) {
    %a = tp.permute %x over ["dp"] from [1, 0] on @mesh : tensor<1xf32>
    return %a : tensor<1xf32>
  }
}
