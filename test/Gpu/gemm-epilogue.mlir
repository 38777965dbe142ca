// Bias, and an activation that the GEMM library has, are the GEMM's; one that it has not is a kernel, as is one whose
// input somebody else reads. All agree with the interpreter.
// RUN: tp-gpu-check %s --tolerance 1e-4
// RUN: tp-opt %s --tp-lower-to-cuda | FileCheck %s
// CHECK: cuda.gemms = [
// CHECK-SAME: bias = "f32", epilogue = "gelu_tanh"
// CHECK-SAME: bias = "", epilogue = "relu"
// CHECK-SAME: bias = "f32", epilogue = "none"

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @f(%x: tensor<1x12x24xf32> {tp.input = "x"}, %w: tensor<40x24xf32> {tp.parameter = "w"}, %b: tensor<40xf32> {tp.parameter = "b"})
    -> (tensor<1x12x40xf32> {tp.output = "tanh"}, tensor<1x12x40xf32> {tp.output = "relu"}, tensor<1x12x40xf32> {tp.output = "erf"},
        tensor<1x12x40xf32> {tp.output = "kept"}, tensor<1x12x40xf32> {tp.output = "read"}) attributes {tp.entry = "f"} {
  %0 = tp.linear %x, %w bias %b : (tensor<1x12x24xf32>, tensor<40x24xf32>, tensor<40xf32>) -> tensor<1x12x40xf32>
  %1 = tp.activation gelu_tanh %0 : (tensor<1x12x40xf32>) -> tensor<1x12x40xf32>
  %2 = tp.linear %x, %w : (tensor<1x12x24xf32>, tensor<40x24xf32>) -> tensor<1x12x40xf32>
  %3 = tp.activation relu %2 : (tensor<1x12x40xf32>) -> tensor<1x12x40xf32>
  %4 = tp.linear %x, %w bias %b : (tensor<1x12x24xf32>, tensor<40x24xf32>, tensor<40xf32>) -> tensor<1x12x40xf32>
  %5 = tp.activation gelu %4 : (tensor<1x12x40xf32>) -> tensor<1x12x40xf32>
  %6 = tp.linear %x, %w bias %b : (tensor<1x12x24xf32>, tensor<40x24xf32>, tensor<40xf32>) -> tensor<1x12x40xf32>
  %7 = tp.activation relu %6 : (tensor<1x12x40xf32>) -> tensor<1x12x40xf32>
  return %1, %3, %5, %6, %7 : tensor<1x12x40xf32>, tensor<1x12x40xf32>, tensor<1x12x40xf32>, tensor<1x12x40xf32>, tensor<1x12x40xf32>
}
}
