// tp.all_reduce on simulated ranks.
// RUN: tp-opt %s --split-input-file --tp-interpret=collectives -o /dev/null | FileCheck %s --match-full-lines

// Sum and maximum over 3 devices. A device sends 2 * 2/3 of 16 bytes, twice.
// CHECK{LITERAL}: rank 0: result 0 = [[300, 303], [306, 309]]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [[300, 303], [306, 309]]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [[300, 303], [306, 309]]
// CHECK-NEXT{LITERAL}: rank 0: result 1 = [[200, 201], [202, 203]]
// CHECK-NEXT{LITERAL}: rank 1: result 1 = [[200, 201], [202, 203]]
// CHECK-NEXT{LITERAL}: rank 2: result 1 = [[200, 201], [202, 203]]
// CHECK-NEXT: all_reduce: 2 times, 43 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 3]>
  func.func @main(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
    %s = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<2x2xf32>
    %m = tp.all_reduce max %x over ["tp"] on @mesh : tensor<2x2xf32>
    return %s, %m : tensor<2x2xf32>, tensor<2x2xf32>
  }
}

// -----

// Two axes: tp are neighbours, dp two apart.
// CHECK{LITERAL}: rank 0: result 0 = [100, 102]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [100, 102]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [500, 502]
// CHECK-NEXT{LITERAL}: rank 3: result 0 = [500, 502]
// CHECK-NEXT{LITERAL}: rank 0: result 1 = [200, 202]
// CHECK-NEXT{LITERAL}: rank 1: result 1 = [400, 402]
// CHECK-NEXT{LITERAL}: rank 2: result 1 = [200, 202]
// CHECK-NEXT{LITERAL}: rank 3: result 1 = [400, 402]
// CHECK-NEXT{LITERAL}: rank 0: result 2 = [600, 604]
// CHECK-NEXT{LITERAL}: rank 1: result 2 = [600, 604]
// CHECK-NEXT{LITERAL}: rank 2: result 2 = [600, 604]
// CHECK-NEXT{LITERAL}: rank 3: result 2 = [600, 604]
// CHECK-NEXT: all_reduce: 3 times, 28 bytes
module attributes {tp.partitioned} {
  tp.mesh @mesh <["dp" = 2, "tp" = 2]>
  func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
    %a = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<2xf32>
    %b = tp.all_reduce sum %x over ["dp"] on @mesh : tensor<2xf32>
    %c = tp.all_reduce sum %x over ["tp", "dp"] on @mesh : tensor<2xf32>
    return %a, %b, %c : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  }
}

// -----

// A sum of bf16 is rounded once: 256 + 1 + 1.
// CHECK: rank 0: result 0 = [258]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 3]>
  func.func @main() -> tensor<1xbf16> {
    %v = arith.constant dense<[256.0, 1.0, 1.0]> : tensor<3xbf16>
    %x = tp.all_slice %v dim 0 of 3 split <{"tp"}> on @mesh : tensor<3xbf16> -> tensor<1xbf16>
    %y = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<1xbf16>
    return %y : tensor<1xbf16>
  }
}
