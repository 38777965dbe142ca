// tp.mask_padding: zeros beyond the dimension's end.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// 9 over 2.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 2, 3, 4]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[100, 101, 102, 103, 0]]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<1x5xf32>) -> (tensor<1x5xf32>) {
    %y = tp.mask_padding %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<1x5xf32>
    return %y : tensor<1x5xf32>
  }
}

// -----

// 9 over 4: the last device holds padding alone.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 2], [3, 4, 5]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[100, 101, 102], [103, 104, 105]]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [[200, 201, 202], [203, 204, 205]]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [[0, 0, 0], [0, 0, 0]]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 4]>
  func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    %y = tp.mask_padding %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x3xf32>
    return %y : tensor<2x3xf32>
  }
}
