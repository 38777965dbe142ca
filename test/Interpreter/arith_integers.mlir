// arith on tensors of i32, which wraps, and on scalars.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [9, 2, -2147483648]
// CHECK-NEXT{LITERAL}: result 1 = [5, -8, 2147483646]
// CHECK-NEXT{LITERAL}: result 2 = [14, -15, 2147483647]
// CHECK-NEXT{LITERAL}: result 3 = [3, 0, 2147483647]
// CHECK-NEXT{LITERAL}: result 4 = [1, -3, 0]
// CHECK-NEXT{LITERAL}: result 5 = [7, 5, 2147483647]
// CHECK-NEXT{LITERAL}: result 6 = [2, -3, 1]
// CHECK-NEXT{LITERAL}: result 7 = [0, 1, 0]
// CHECK-NEXT{LITERAL}: result 8 = [2, 5, 1]
// CHECK-NEXT{LITERAL}: result 9 = 4
func.func @main() -> (tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi1>, tensor<3xf32>, i32) {
  %a = arith.constant dense<[7, -3, 2147483647]> : tensor<3xi32>
  %b = arith.constant dense<[2, 5, 1]> : tensor<3xi32>
  %0 = arith.addi %a, %b : tensor<3xi32>
  %1 = arith.subi %a, %b : tensor<3xi32>
  %2 = arith.muli %a, %b : tensor<3xi32>
  %3 = arith.divsi %a, %b : tensor<3xi32>
  %4 = arith.remsi %a, %b : tensor<3xi32>
  %5 = arith.maxsi %a, %b : tensor<3xi32>
  %6 = arith.minsi %a, %b : tensor<3xi32>
  %7 = arith.cmpi slt, %a, %b : tensor<3xi32>
  %8 = arith.sitofp %b : tensor<3xi32> to tensor<3xf32>
  %s = arith.constant 2 : i32
  %9 = arith.addi %s, %s : i32
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi1>, tensor<3xf32>, i32
}
