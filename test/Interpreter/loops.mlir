// scf.for runs its body with values from outside and carried ones; with collectives in a partitioned program.
// RUN: tp-opt %s --split-input-file --tp-interpret=collectives=true -o /dev/null | FileCheck %s --match-full-lines

// Rows of a stack of weights, one a pass; a loop that never runs gives its first values.
// CHECK{LITERAL}: result 0 = [6, 10]
// CHECK-NEXT{LITERAL}: result 1 = [6, 10]
// CHECK-NEXT{LITERAL}: result 2 = 3
// CHECK-NEXT{LITERAL}: result 3 = [0, 1, 5]
func.func @main(%w: tensor<3x2xf32>, %x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, index, tensor<3xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %sum, %count = scf.for %i = %c0 to %c3 step %c1 iter_args(%acc = %x, %n = %c0) -> (tensor<2xf32>, index) {
    %row = tensor.extract_slice %w[%i, 0] [1, 2] [1, 1] : tensor<3x2xf32> to tensor<2xf32>
    %next = arith.addf %acc, %row : tensor<2xf32>
    %m = arith.addi %n, %c1 : index
    scf.yield %next, %m : tensor<2xf32>, index
  }
  %none = scf.for %i = %c3 to %c0 step %c1 iter_args(%acc = %sum) -> (tensor<2xf32>) {
    %twice = arith.addf %acc, %acc : tensor<2xf32>
    scf.yield %twice : tensor<2xf32>
  }
  %start = arith.constant dense<0> : tensor<3xi32>
  // nested, both loops' numbers used
  %numbers = scf.for %i = %c0 to %c3 step %c1 iter_args(%outer = %start) -> (tensor<3xi32>) {
    %done = scf.for %j = %c0 to %i step %c1 iter_args(%inner = %outer) -> (tensor<3xi32>) {
      %k = arith.addi %i, %j : index
      %v = arith.index_cast %k : index to i32
      %old = tensor.extract %inner[%i] : tensor<3xi32>
      %new = arith.addi %old, %v : i32
      %written = tensor.insert %new into %inner[%i] : tensor<3xi32>
      scf.yield %written : tensor<3xi32>
    }
    scf.yield %done : tensor<3xi32>
  }
  return %sum, %none, %count, %numbers : tensor<2xf32>, tensor<2xf32>, index, tensor<3xi32>
}

// -----

// CHECK{LITERAL}: rank 0: result 0 = [400, 408]
// CHECK-NEXT{LITERAL}: rank 1: result 0 = [400, 408]
// CHECK-NEXT{LITERAL}: all_reduce: 3 times, 24 bytes
// CHECK-NEXT{LITERAL}: all collectives: 24 bytes per device
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%acc = %x) -> (tensor<2xf32>) {
      %sum = tp.all_reduce sum %acc over ["tp"] on @mesh : tensor<2xf32>
      scf.yield %sum : tensor<2xf32>
    }
    return %y : tensor<2xf32>
  }
}
