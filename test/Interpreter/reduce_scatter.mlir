// tp.reduce_scatter on simulated ranks.
// RUN: tp-opt %s --split-input-file --tp-interpret=collectives -o /dev/null | FileCheck %s --match-full-lines

// 5 elements over 2 devices: 3 and 2, padded with a zero.
// CHECK{LITERAL}: rank 0: result 0 = [[100, 102, 104], [110, 112, 114]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[106, 108, 0], [116, 118, 0]]
// CHECK-NEXT: reduce_scatter: 1 times, 20 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<2x5xf32>) -> (tensor<2x3xf32>) {
    %y = tp.reduce_scatter sum %x dim 1 of 5 split <{"tp"}> on @mesh : tensor<2x5xf32> -> tensor<2x3xf32>
    return %y : tensor<2x3xf32>
  }
}

// -----

// 3 over 3.
// CHECK{LITERAL}: rank 0: result 0 = [[300], [309]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[303], [312]]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [[306], [315]]
// CHECK-NEXT: reduce_scatter: 1 times, 16 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 3]>
  func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x1xf32>) {
    %y = tp.reduce_scatter sum %x dim 1 of 3 split <{"tp"}> on @mesh : tensor<2x3xf32> -> tensor<2x1xf32>
    return %y : tensor<2x1xf32>
  }
}

// -----

// Over the outer axis of two.
// CHECK{LITERAL}: rank 0: result 0 = [200]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [400]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [202]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [402]
// CHECK-NEXT: reduce_scatter: 1 times, 4 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["dp" = 2, "tp" = 2]>
  func.func @main(%x: tensor<2xf32>) -> (tensor<1xf32>) {
    %y = tp.reduce_scatter sum %x dim 0 of 2 split <{"dp"}> on @mesh : tensor<2xf32> -> tensor<1xf32>
    return %y : tensor<1xf32>
  }
}
