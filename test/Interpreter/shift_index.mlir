// tp.shift_index: global indices to local ones and back; repeats count virtual elements.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// 10 over 3 are 4, 4, 2; 12 in units of 2 are 4 each; 3 read 3 times are 3 query heads each.
// CHECK{LITERAL}: rank 0: result 0 = [0, 1]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [104, 105]
// CHECK-NEXT{LITERAL}: rank 2: result 0 = [208, 209]
// CHECK-NEXT{LITERAL}: rank 0: result 1 = [0, 1]
// CHECK-NEXT{LITERAL}: rank 1: result 1 = [96, 97]
// CHECK-NEXT{LITERAL}: rank 2: result 1 = [192, 193]
// CHECK-NEXT{LITERAL}: rank 0: result 2 = [0, 1]
// CHECK-NEXT{LITERAL}: rank 1: result 2 = [104, 105]
// CHECK-NEXT{LITERAL}: rank 2: result 2 = [208, 209]
// CHECK-NEXT{LITERAL}: rank 0: result 3 = [0, 1]
// CHECK-NEXT{LITERAL}: rank 1: result 3 = [103, 104]
// CHECK-NEXT{LITERAL}: rank 2: result 3 = [206, 207]
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 3]>
  func.func @main(%x: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) {
    %a = tp.shift_index plus %x size 10 split <{"tp"}> on @mesh : tensor<2xi32>
    %b = tp.shift_index minus %x size 10 split <{"tp"}> on @mesh : tensor<2xi32>
    %c = tp.shift_index plus %x size 12 split <{"tp", unit = 2}> on @mesh : tensor<2xi32>
    %d = tp.shift_index plus %x size 3 split <{"tp", repeat = 3}> on @mesh : tensor<2xi32>
    return %a, %b, %c, %d : tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>
  }
}
