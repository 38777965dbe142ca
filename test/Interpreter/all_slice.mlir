// tp.all_slice on simulated ranks.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// 9 elements over 2 devices; the last has one element of padding.
// CHECK{LITERAL}: rank 0: result 0 = [1, 2, 3, 4, 5]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [6, 7, 8, 9, 0]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main() -> tensor<5xf32> {
    %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]> : tensor<9xf32>
    %y = tp.all_slice %x dim 0 of 9 split <{"tp"}> on @mesh : tensor<9xf32> -> tensor<5xf32>
    return %y : tensor<5xf32>
  }
}

// -----

// 9 elements over 4 devices; the last has none.
// CHECK{LITERAL}: rank 0: result 0 = [1, 2, 3]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [4, 5, 6]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [7, 8, 9]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [0, 0, 0]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 4]>
  func.func @main() -> tensor<3xf32> {
    %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]> : tensor<9xf32>
    %y = tp.all_slice %x dim 0 of 9 split <{"tp"}> on @mesh : tensor<9xf32> -> tensor<3xf32>
    return %y : tensor<3xf32>
  }
}

// -----

// 3 heads of 2 elements that 9 query heads read, over 2 devices.
// CHECK{LITERAL}: rank 0: result 0 = [1, 2, 3, 4]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [3, 4, 5, 6]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main() -> tensor<4xf32> {
    %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
    %y = tp.all_slice %x dim 0 of 6 split <{"tp", unit = 2, repeat = 3}> on @mesh : tensor<6xf32> -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
}

// -----

// 5 heads read 2 times each over 3 devices: 4 query heads each; heads 0-1, 2-3, 4.
// CHECK{LITERAL}: rank 0: result 0 = [1, 2]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [3, 4]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [5, 0]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 3]>
  func.func @main() -> tensor<2xf32> {
    %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
    %y = tp.all_slice %x dim 0 of 5 split <{"tp", repeat = 2}> on @mesh : tensor<5xf32> -> tensor<2xf32>
    return %y : tensor<2xf32>
  }
}

// -----

// 3 heads read 3 times each over 4 devices: query heads 0-2, 3-5, 6-8 and none.
// CHECK{LITERAL}: rank 0: result 0 = [1]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [2]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [3]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [0]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 4]>
  func.func @main() -> tensor<1xf32> {
    %x = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
    %y = tp.all_slice %x dim 0 of 3 split <{"tp", repeat = 3}> on @mesh : tensor<3xf32> -> tensor<1xf32>
    return %y : tensor<1xf32>
  }
}

// -----

// The middle dimension, and an axis that is not the last.
// CHECK{LITERAL}: rank 0: result 0 = [[[0, 1, 2]]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[[0, 1, 2]]]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [[[3, 4, 5]]]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [[[3, 4, 5]]]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["dp" = 2, "tp" = 2]>
  func.func @main() -> tensor<1x1x3xf32> {
    %x = arith.constant dense<[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]> : tensor<1x2x3xf32>
    %y = tp.all_slice %x dim 1 of 2 split <{"dp"}> on @mesh : tensor<1x2x3xf32> -> tensor<1x1x3xf32>
    return %y : tensor<1x1x3xf32>
  }
}
