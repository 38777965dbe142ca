// tp.activation: silu, gelu, gelu_tanh, relu.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// CHECK{LITERAL}: result 0 = [-0.1423, -0.1888, 0, 0.1405, 1.762]
// CHECK-NEXT{LITERAL}: result 1 = [-0.00405, -0.1543, 0, 0.1497, 1.954]
// CHECK-NEXT{LITERAL}: result 2 = [-0.003637, -0.1543, 0, 0.1497, 1.955]
// CHECK-NEXT{LITERAL}: result 3 = [0, 0, 0, 0.25, 2]
func.func @main() -> (tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>) {
  %x = arith.constant dense<[-3.0, -0.5, 0.0, 0.25, 2.0]> : tensor<5xf32>
  %0 = tp.activation silu %x : (tensor<5xf32>) -> tensor<5xf32>
  %1 = tp.activation gelu %x : (tensor<5xf32>) -> tensor<5xf32>
  %2 = tp.activation gelu_tanh %x : (tensor<5xf32>) -> tensor<5xf32>
  %3 = tp.activation relu %x : (tensor<5xf32>) -> tensor<5xf32>
  return %0, %1, %2, %3 : tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>
}
