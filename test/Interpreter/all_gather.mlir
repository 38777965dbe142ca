// tp.all_gather on simulated ranks; device r holds 100 r + i.
// RUN: tp-opt %s --split-input-file --tp-interpret=collectives -o /dev/null | FileCheck %s --match-full-lines

// 9 elements over 2 devices: 5 and 4.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 2, 3, 4, 100, 101, 102, 103], [5, 6, 7, 8, 9, 105, 106, 107, 108]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[0, 1, 2, 3, 4, 100, 101, 102, 103], [5, 6, 7, 8, 9, 105, 106, 107, 108]]
// CHECK-NEXT: all_gather: 1 times, 36 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<2x5xf32>) -> (tensor<2x9xf32>) {
    %y = tp.all_gather %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x5xf32> -> tensor<2x9xf32>
    return %y : tensor<2x9xf32>
  }
}

// -----

// 9 elements over 4 devices: 3, 3, 3 and none.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 2, 100, 101, 102, 200, 201, 202], [3, 4, 5, 103, 104, 105, 203, 204, 205]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[0, 1, 2, 100, 101, 102, 200, 201, 202], [3, 4, 5, 103, 104, 105, 203, 204, 205]]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [[0, 1, 2, 100, 101, 102, 200, 201, 202], [3, 4, 5, 103, 104, 105, 203, 204, 205]]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [[0, 1, 2, 100, 101, 102, 200, 201, 202], [3, 4, 5, 103, 104, 105, 203, 204, 205]]
// CHECK-NEXT: all_gather: 1 times, 54 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 4]>
  func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x9xf32>) {
    %y = tp.all_gather %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x3xf32> -> tensor<2x9xf32>
    return %y : tensor<2x9xf32>
  }
}

// -----

// Units of 2: devices hold 2 units and 1.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 2, 3, 100, 101], [4, 5, 6, 7, 104, 105]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[0, 1, 2, 3, 100, 101], [4, 5, 6, 7, 104, 105]]
// CHECK-NEXT: all_gather: 1 times, 24 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<2x4xf32>) -> (tensor<2x6xf32>) {
    %y = tp.all_gather %x dim 1 of 6 split <{"tp", unit = 2}> on @mesh : tensor<2x4xf32> -> tensor<2x6xf32>
    return %y : tensor<2x6xf32>
  }
}

// -----

// 3 heads of 2 elements that 9 query heads read, over 2 devices: heads 0-1 and 1-2. The second device gives head 1.
// CHECK{LITERAL}: rank 0: result 0 = [[0, 1, 100, 101, 102, 103], [4, 5, 104, 105, 106, 107]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[0, 1, 100, 101, 102, 103], [4, 5, 104, 105, 106, 107]]
// CHECK-NEXT: all_gather: 1 times, 24 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<2x4xf32>) -> (tensor<2x6xf32>) {
    %y = tp.all_gather %x dim 1 of 6 split <{"tp", unit = 2, repeat = 3}> on @mesh : tensor<2x4xf32> -> tensor<2x6xf32>
    return %y : tensor<2x6xf32>
  }
}

// -----

// 1 head of 2 elements read by all: every device holds it, the last gives it.
// CHECK{LITERAL}: rank 0: result 0 = [[200, 201], [202, 203]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[200, 201], [202, 203]]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [[200, 201], [202, 203]]
// CHECK-NEXT: all_gather: 1 times, 11 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 3]>
  func.func @main(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>) {
    %y = tp.all_gather %x dim 1 of 2 split <{"tp", unit = 2, repeat = 3}> on @mesh : tensor<2x2xf32> -> tensor<2x2xf32>
    return %y : tensor<2x2xf32>
  }
}

// -----

// Two axes: the first one named is outermost.
// CHECK{LITERAL}: rank 0: result 0 = [0, 100, 200, 300]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [0, 100, 200, 300]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [0, 100, 200, 300]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [0, 100, 200, 300]
// CHECK-NEXT{LITERAL}: rank 0: result 1 = [0, 200, 100, 300]
// CHECK-NEXT{LITERAL}: rank 1: result 1 = [0, 200, 100, 300]
// CHECK-NEXT{LITERAL}: rank 2: result 1 = [0, 200, 100, 300]
// CHECK-NEXT{LITERAL}: rank 3: result 1 = [0, 200, 100, 300]
// CHECK-NEXT{LITERAL}: rank 0: result 2 = [0, 200]
// CHECK-NEXT{LITERAL}: rank 1: result 2 = [100, 300]
// CHECK-NEXT{LITERAL}: rank 2: result 2 = [0, 200]
// CHECK-NEXT{LITERAL}: rank 3: result 2 = [100, 300]
// CHECK-NEXT: all_gather: 3 times, 28 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["dp" = 2, "tp" = 2]>
  func.func @main(%x: tensor<1xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2xf32>) {
    %a = tp.all_gather %x dim 0 of 4 split <{"dp", "tp"}> on @mesh : tensor<1xf32> -> tensor<4xf32>
    %b = tp.all_gather %x dim 0 of 4 split <{"tp", "dp"}> on @mesh : tensor<1xf32> -> tensor<4xf32>
    %c = tp.all_gather %x dim 0 of 2 split <{"dp"}> on @mesh : tensor<1xf32> -> tensor<2xf32>
    return %a, %b, %c : tensor<4xf32>, tensor<4xf32>, tensor<2xf32>
  }
}
