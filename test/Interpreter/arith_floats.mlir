// arith on tensors of floats; a rounding to bf16 goes to even.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [2, 2, -0.75]
// CHECK-NEXT{LITERAL}: result 1 = [1, -6, 1.25]
// CHECK-NEXT{LITERAL}: result 2 = [0.75, -8, -0.25]
// CHECK-NEXT{LITERAL}: result 3 = [3, -0.5, -0.25]
// CHECK-NEXT{LITERAL}: result 4 = [1.5, 4, 0.25]
// CHECK-NEXT{LITERAL}: result 5 = [0.5, -2, -1]
// CHECK-NEXT{LITERAL}: result 6 = [-1.5, 2, -0.25]
// CHECK-NEXT{LITERAL}: result 7 = [1.5, -2, 0.25]
// CHECK-NEXT{LITERAL}: result 8 = [1.5, -2, 0.25]
// CHECK-NEXT{LITERAL}: result 9 = [1, 0, 1]
// CHECK-NEXT{LITERAL}: result 10 = [1.5, 4, 0.25]
// CHECK-NEXT{LITERAL}: result 11 = [256, 260, 1]
func.func @main() -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xbf16>, tensor<3xf32>, tensor<3xi1>, tensor<3xf32>, tensor<3xbf16>) {
  %a = arith.constant dense<[1.5, -2.0, 0.25]> : tensor<3xf32>
  %b = arith.constant dense<[0.5, 4.0, -1.0]> : tensor<3xf32>
  %0 = arith.addf %a, %b : tensor<3xf32>
  %1 = arith.subf %a, %b : tensor<3xf32>
  %2 = arith.mulf %a, %b : tensor<3xf32>
  %3 = arith.divf %a, %b : tensor<3xf32>
  %4 = arith.maximumf %a, %b : tensor<3xf32>
  %5 = arith.minimumf %a, %b : tensor<3xf32>
  %6 = arith.negf %a : tensor<3xf32>
  %7 = arith.truncf %a : tensor<3xf32> to tensor<3xbf16>
  %8 = arith.extf %7 : tensor<3xbf16> to tensor<3xf32>
  %9 = arith.cmpf ogt, %a, %b : tensor<3xf32>
  %10 = arith.select %9, %a, %b : tensor<3xi1>, tensor<3xf32>
  %big = arith.constant dense<[257.0, 259.0, 1.00390625]> : tensor<3xf32>
  %11 = arith.truncf %big : tensor<3xf32> to tensor<3xbf16>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xbf16>, tensor<3xf32>, tensor<3xi1>, tensor<3xf32>, tensor<3xbf16>
}
