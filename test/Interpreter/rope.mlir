// tp.rope: positions, pairing, partial rotation, scaling.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// Row s of sequence b is at position[b] + s.
// CHECK{LITERAL}: result 0 = [[[[-0.74, 1.07, -1.65, 0.54]], [[-0.1033, -0.8025, -2.382, 1.387]]], [[[1.308, -0.2033, -1.459, -0.3162]], [[0.0695, 0.3974, -1.801, -1.909]]]]
func.func @main() -> (tensor<2x2x1x4xf32>) {
  %x = arith.constant dense<[[[[-0.74, 1.07, -1.65, 0.54]], [[-2.06, -0.66, -1.2, 1.46]]], [[[1.77, -0.33, 0.84, -0.18]], [[0.57, -0.75, -1.71, -1.8]]]]> : tensor<2x2x1x4xf32>
  %pos = arith.constant dense<[0, 5]> : tensor<2xi32>
  %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 100.0>} : (tensor<2x2x1x4xf32>, tensor<2xi32>) -> tensor<2x2x1x4xf32>
  return %y : tensor<2x2x1x4xf32>
}

// -----

// Without positions row s is at s; pairs are neighbours.
// CHECK{LITERAL}: result 0 = [[[[-0.74, 1.07, -1.65, 0.54]], [[-0.5577, -2.09, -1.34, 1.333]]], [[[1.77, -0.33, 0.84, -0.18]], [[0.9391, 0.07441, -1.522, -1.962]]]]
func.func @main() -> (tensor<2x2x1x4xf32>) {
  %x = arith.constant dense<[[[[-0.74, 1.07, -1.65, 0.54]], [[-2.06, -0.66, -1.2, 1.46]]], [[[1.77, -0.33, 0.84, -0.18]], [[0.57, -0.75, -1.71, -1.8]]]]> : tensor<2x2x1x4xf32>
  %y = tp.rope %x {rotary = #tp.rotary<base = 100.0, interleaved>} : (tensor<2x2x1x4xf32>) -> tensor<2x2x1x4xf32>
  return %y : tensor<2x2x1x4xf32>
}

// -----

// Only the first 4 of 6 elements rotate.
// CHECK{LITERAL}: result 0 = [[[[-0.4143, 2.303, -0.2137, 0.1681, 1.91, 0.24], [-0.08065, 0.3304, 0.1428, -0.2223, -1.43, 0.5]], [[-0.2212, 1.84, 0.31, -1.296, -0.1, 1.7], [-0.6522, -0.4109, 1.065, -1.314, -0.3, -1.18]]]]
func.func @main() -> (tensor<1x2x2x6xf32>) {
  %x = arith.constant dense<[[[[0.38, 2.25, 0.27, -0.52, 1.91, 0.24], [0.1, 0.25, -0.13, -0.31, -1.43, 0.5]], [[-0.09, 1.19, -0.37, -1.91, -0.1, 1.7], [-0.38, -0.89, -1.19, -1.05, -0.3, -1.18]]]]> : tensor<1x2x2x6xf32>
  %pos = arith.constant dense<[3]> : tensor<1xi32>
  %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 100.0, dim = 4>} : (tensor<1x2x2x6xf32>, tensor<1xi32>) -> tensor<1x2x2x6xf32>
  return %y : tensor<1x2x2x6xf32>
}

// -----

// Linear scaling divides positions by 4.
// CHECK{LITERAL}: result 0 = [[[[-0.74, 1.07, -1.65, 0.54]], [[-1.699, -0.6963, -1.672, 1.443]]], [[[-0.239, -0.305, 1.945, -0.2197]], [[1.746, -0.4726, 0.4476, -1.892]]]]
func.func @main() -> (tensor<2x2x1x4xf32>) {
  %x = arith.constant dense<[[[[-0.74, 1.07, -1.65, 0.54]], [[-2.06, -0.66, -1.2, 1.46]]], [[[1.77, -0.33, 0.84, -0.18]], [[0.57, -0.75, -1.71, -1.8]]]]> : tensor<2x2x1x4xf32>
  %pos = arith.constant dense<[0, 5]> : tensor<2xi32>
  %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 100.0, linear, factor = 4.0>} : (tensor<2x2x1x4xf32>, tensor<2xi32>) -> tensor<2x2x1x4xf32>
  return %y : tensor<2x2x1x4xf32>
}

// -----

// Llama 3 scaling: the high frequency stays, the low one is divided.
// CHECK{LITERAL}: result 0 = [[[[-0.74, 1.07, -1.65, 0.54]], [[-0.1033, -0.6782, -2.382, 1.452]]], [[[1.308, -0.3181, -1.459, -0.2003]], [[0.0695, -0.613, -1.801, -1.851]]]]
func.func @main() -> (tensor<2x2x1x4xf32>) {
  %x = arith.constant dense<[[[[-0.74, 1.07, -1.65, 0.54]], [[-2.06, -0.66, -1.2, 1.46]]], [[[1.77, -0.33, 0.84, -0.18]], [[0.57, -0.75, -1.71, -1.8]]]]> : tensor<2x2x1x4xf32>
  %pos = arith.constant dense<[0, 5]> : tensor<2xi32>
  %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 100.0, llama3, factor = 8.0, low = 1.0, high = 4.0, context = 32>} : (tensor<2x2x1x4xf32>, tensor<2xi32>) -> tensor<2x2x1x4xf32>
  return %y : tensor<2x2x1x4xf32>
}


// -----

// YaRN: the first pair stays, the second lies halfway to a quarter.
// CHECK{LITERAL}: result 0 = [[[[-0.74, 1.07, -1.65, 0.54]], [[-0.1033, -0.7499, -2.382, 1.416]]], [[[1.308, -0.2587, -1.459, -0.2727]], [[0.0695, -0.03859, -1.801, -1.95]]]]
func.func @main() -> (tensor<2x2x1x4xf32>) {
  %x = arith.constant dense<[[[[-0.74, 1.07, -1.65, 0.54]], [[-2.06, -0.66, -1.2, 1.46]]], [[[1.77, -0.33, 0.84, -0.18]], [[0.57, -0.75, -1.71, -1.8]]]]> : tensor<2x2x1x4xf32>
  %pos = arith.constant dense<[0, 5]> : tensor<2xi32>
  %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 100.0, yarn, factor = 4.0, low = 0.5, high = 2.0, context = 32>} : (tensor<2x2x1x4xf32>, tensor<2xi32>) -> tensor<2x2x1x4xf32>
  return %y : tensor<2x2x1x4xf32>
}
