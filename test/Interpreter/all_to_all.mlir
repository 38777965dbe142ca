// tp.all_to_all on simulated ranks.
// RUN: tp-opt %s --split-input-file --tp-interpret=collectives -o /dev/null | FileCheck %s --match-full-lines

// Even: 4 rows in halves to 6 columns in halves. Half of 48 bytes leaves a device.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 2], [6, 7, 8], [100, 101, 102], [106, 107, 108]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[3, 4, 5], [9, 10, 11], [103, 104, 105], [109, 110, 111]]
// CHECK-NEXT: all_to_all: 1 times, 24 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<2x6xf32>) -> (tensor<4x3xf32>) {
    %y = tp.all_to_all %x from 0 of 4 split <{"tp"}> to 1 of 6 split <{"tp"}> on @mesh : tensor<2x6xf32> -> tensor<4x3xf32>
    return %y : tensor<4x3xf32>
  }
}

// -----

// Uneven in both: 3 rows as 2 and 1, 5 columns as 3 and 2.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 2], [5, 6, 7], [100, 101, 102]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[3, 4, 0], [8, 9, 0], [103, 104, 0]]
// CHECK-NEXT: all_to_all: 1 times, 14 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<2x5xf32>) -> (tensor<3x3xf32>) {
    %y = tp.all_to_all %x from 0 of 3 split <{"tp"}> to 1 of 5 split <{"tp"}> on @mesh : tensor<2x5xf32> -> tensor<3x3xf32>
    return %y : tensor<3x3xf32>
  }
}
