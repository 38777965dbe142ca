// Functions call functions; arguments are filled with 0, 1, 2, ...
// RUN: tp-opt %s --tp-interpret -o /dev/null | FileCheck %s --match-full-lines
// RUN: tp-opt %s --tp-interpret=function=twice -o /dev/null | FileCheck %s --match-full-lines --check-prefix=TWICE

// CHECK{LITERAL}: result 0 = [0, 4, 8]
// CHECK-NEXT{LITERAL}: result 1 = [0, 2, 4]
// TWICE: result 0 = [0, 2, 4]
func.func private @double(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = arith.addf %x, %x : tensor<3xf32>
  return %0 : tensor<3xf32>
}
func.func @twice(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = call @double(%x) : (tensor<3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}
func.func @main(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %0 = call @double(%x) : (tensor<3xf32>) -> tensor<3xf32>
  %1 = call @twice(%0) : (tensor<3xf32>) -> tensor<3xf32>
  return %1, %0 : tensor<3xf32>, tensor<3xf32>
}
