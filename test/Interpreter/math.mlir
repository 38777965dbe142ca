// math on tensors.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [1.284, 2.718, 54.6]
// CHECK-NEXT{LITERAL}: result 1 = [-1.386, 0, 1.386]
// CHECK-NEXT{LITERAL}: result 2 = [0.5, 1, 2]
// CHECK-NEXT{LITERAL}: result 3 = [2, 1, 0.5]
// CHECK-NEXT{LITERAL}: result 4 = [0.2449, 0.7616, 0.9993]
// CHECK-NEXT{LITERAL}: result 5 = [0.2763, 0.8427, 1]
func.func @main() -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %a = arith.constant dense<[0.25, 1.0, 4.0]> : tensor<3xf32>
  %0 = math.exp %a : tensor<3xf32>
  %1 = math.log %a : tensor<3xf32>
  %2 = math.sqrt %a : tensor<3xf32>
  %3 = math.rsqrt %a : tensor<3xf32>
  %4 = math.tanh %a : tensor<3xf32>
  %5 = math.erf %a : tensor<3xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
