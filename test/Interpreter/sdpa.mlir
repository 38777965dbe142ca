// tp.sdpa: causal masks, groups, positions, windows, head offsets.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// Causal, 4 query heads on 2 key heads; no position: query row s sees keys 0 to s.
// CHECK{LITERAL}: result 0 = [[[[0.39, -1.44, 0.49], [0.39, -1.44, 0.49], [-0.57, 1.43, 0.16], [-0.57, 1.43, 0.16]], [[1.209, -0.8367, 0.009807], [1.055, -0.9499, 0.09993], [-0.1303, 1.243, 0.3672], [-0.05433, 1.211, 0.403]]]]
func.func @main() -> (tensor<1x2x4x3xf32>) {
  %q = arith.constant dense<[[[[1.5, -0.28], [0.11, 1.44], [1.5, -0.21], [0.33, 0.74]], [[-0.19, -1.78], [0.65, 0.89], [0.42, -0.92], [-0.2, -0.59]]]]> : tensor<1x2x4x2xf32>
  %k = arith.constant dense<[[[[-0.3, 1.3], [1.53, 0.67]], [[0.55, 0.68], [-0.01, -0.08]], [[-0.67, -0.06], [2.26, 0.87]], [[-0.34, -0.47], [-0.86, 0.37]]]]> : tensor<1x4x2x2xf32>
  %v = arith.constant dense<[[[[0.39, -1.44, 0.49], [-0.57, 1.43, 0.16]], [[1.72, -0.46, -0.29], [0.3, 1.06, 0.57]], [[-1.23, 0.18, 0.02], [-0.43, -0.65, 1.75]], [[-0.39, -0.85, 0.64], [0.13, -0.08, 0.78]]]]> : tensor<1x4x2x3xf32>
  %y = tp.sdpa %q, %k, %v {causal, group = 2, scale = 0.5 : f64} : (tensor<1x2x4x2xf32>, tensor<1x4x2x2xf32>, tensor<1x4x2x3xf32>) -> tensor<1x2x4x3xf32>
  return %y : tensor<1x2x4x3xf32>
}

// -----

// Positions of each sequence.
// CHECK{LITERAL}: result 0 = [[[[0.48, 1.11]]], [[[-0.9127, -0.09344]]]]
func.func @main() -> (tensor<2x1x1x2xf32>) {
  %q = arith.constant dense<[[[[-0.28, -1.54]]], [[[0.01, -1.79]]]]> : tensor<2x1x1x2xf32>
  %k = arith.constant dense<[[[[-0.19, 0.7]], [[1.09, 1.71]], [[-1.56, 0.76]]], [[[1.21, 0.98]], [[-0.93, 0.41]], [[1.86, -1.5]]]]> : tensor<2x3x1x2xf32>
  %v = arith.constant dense<[[[[0.48, 1.11]], [[-0.7, 0.58]], [[-1.07, -0.81]]], [[[-0.82, 0.19]], [[-0.09, 0.95]], [[-0.94, -0.13]]]]> : tensor<2x3x1x2xf32>
  %pos = arith.constant dense<[0, 2]> : tensor<2xi32>
  %y = tp.sdpa %q, %k, %v at %pos {causal, group = 1, scale = 1.0 : f64} : (tensor<2x1x1x2xf32>, tensor<2x3x1x2xf32>, tensor<2x3x1x2xf32>, tensor<2xi32>) -> tensor<2x1x1x2xf32>
  return %y : tensor<2x1x1x2xf32>
}

// -----

// A window of 2: keys p - 1 and p.
// CHECK{LITERAL}: result 0 = [[[[0.8126, -0.2631, -0.1946], [0.6746, -0.2332, -0.1801], [-0.3077, -0.3634, 1.552], [-0.192, -0.09243, 1.365]], [[-0.7406, -0.4201, 0.3812], [-0.8258, -0.3156, 0.3183], [-0.2086, -0.4247, 1.367], [-0.08678, -0.3006, 1.155]]]]
func.func @main() -> (tensor<1x2x4x3xf32>) {
  %q = arith.constant dense<[[[[1.5, -0.28], [0.11, 1.44], [1.5, -0.21], [0.33, 0.74]], [[-0.19, -1.78], [0.65, 0.89], [0.42, -0.92], [-0.2, -0.59]]]]> : tensor<1x2x4x2xf32>
  %k = arith.constant dense<[[[[-0.3, 1.3], [1.53, 0.67]], [[0.55, 0.68], [-0.01, -0.08]], [[-0.67, -0.06], [2.26, 0.87]], [[-0.34, -0.47], [-0.86, 0.37]]]]> : tensor<1x4x2x2xf32>
  %v = arith.constant dense<[[[[0.39, -1.44, 0.49], [-0.57, 1.43, 0.16]], [[1.72, -0.46, -0.29], [0.3, 1.06, 0.57]], [[-1.23, 0.18, 0.02], [-0.43, -0.65, 1.75]], [[-0.39, -0.85, 0.64], [0.13, -0.08, 0.78]]]]> : tensor<1x4x2x3xf32>
  %pos = arith.constant dense<[2]> : tensor<1xi32>
  %y = tp.sdpa %q, %k, %v at %pos {causal, group = 2, scale = 0.5 : f64, window = 2 : i64} : (tensor<1x2x4x2xf32>, tensor<1x4x2x2xf32>, tensor<1x4x2x3xf32>, tensor<1xi32>) -> tensor<1x2x4x3xf32>
  return %y : tensor<1x2x4x3xf32>
}

// -----

// Not causal: all keys.
// CHECK{LITERAL}: result 0 = [[[[0.4454, -0.6282, 0.1351], [0.4237, -0.8282, 0.2077], [-0.366, 0.2112, 1.077], [-0.2459, 0.3568, 0.9077]], [[-0.2765, -0.5193, 0.2928], [0.4568, -0.7482, 0.1694], [-0.1667, 0.4673, 0.832], [-0.06989, 0.4857, 0.764]]]]
func.func @main() -> (tensor<1x2x4x3xf32>) {
  %q = arith.constant dense<[[[[1.5, -0.28], [0.11, 1.44], [1.5, -0.21], [0.33, 0.74]], [[-0.19, -1.78], [0.65, 0.89], [0.42, -0.92], [-0.2, -0.59]]]]> : tensor<1x2x4x2xf32>
  %k = arith.constant dense<[[[[-0.3, 1.3], [1.53, 0.67]], [[0.55, 0.68], [-0.01, -0.08]], [[-0.67, -0.06], [2.26, 0.87]], [[-0.34, -0.47], [-0.86, 0.37]]]]> : tensor<1x4x2x2xf32>
  %v = arith.constant dense<[[[[0.39, -1.44, 0.49], [-0.57, 1.43, 0.16]], [[1.72, -0.46, -0.29], [0.3, 1.06, 0.57]], [[-1.23, 0.18, 0.02], [-0.43, -0.65, 1.75]], [[-0.39, -0.85, 0.64], [0.13, -0.08, 0.78]]]]> : tensor<1x4x2x3xf32>
  %y = tp.sdpa %q, %k, %v {group = 2, scale = 0.5 : f64} : (tensor<1x2x4x2xf32>, tensor<1x4x2x2xf32>, tensor<1x4x2x3xf32>) -> tensor<1x2x4x3xf32>
  return %y : tensor<1x2x4x3xf32>
}

// -----

// Query heads 4, 5, 6 of a model with groups of 3, on a device that holds key heads 1 and 2: heads 4 and 5 read the first, 6 the second.
// CHECK{LITERAL}: result 0 = [[[[-0.9409, 0.06006], [-0.995, -0.04321], [-0.4163, -0.9888]]]]
func.func @main() -> (tensor<1x1x3x2xf32>) {
  %q = arith.constant dense<[[[[0.49, 0.36], [0.96, 0.28], [-0.62, -0.36]]]]> : tensor<1x1x3x2xf32>
  %k = arith.constant dense<[[[[-0.52, 0.21], [-1.08, -1.83]], [[0.09, -1.34], [-1.95, 0.37]]]]> : tensor<1x2x2x2xf32>
  %v = arith.constant dense<[[[[-0.71, 0.5], [-0.53, -1.12]], [[-1.24, -0.51], [-0.27, -0.82]]]]> : tensor<1x2x2x2xf32>
  %off = arith.constant dense<4> : tensor<i32>
  %y = tp.sdpa %q, %k, %v head_offset %off {group = 3, scale = 1.0 : f64} : (tensor<1x1x3x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<i32>) -> tensor<1x1x3x2xf32>
  return %y : tensor<1x1x3x2xf32>
}

// -----

// Lengths: no query sees the keys from there on, and one that sees none gives zeros.
// CHECK{LITERAL}: result 0 = [[[[1.5]], [[1.5]]], [[[0]], [[0]]], [[[2]], [[2]]]]
func.func @main() -> (tensor<3x2x1x1xf32>) {
  %q = arith.constant dense<0.0> : tensor<3x2x1x1xf32>
  %k = arith.constant dense<1.0> : tensor<3x3x1x1xf32>
  %v = arith.constant dense<[[[[1.0]], [[2.0]], [[3.0]]], [[[1.0]], [[2.0]], [[3.0]]], [[[1.0]], [[2.0]], [[3.0]]]]> : tensor<3x3x1x1xf32>
  %n = arith.constant dense<[2, 0, 7]> : tensor<3xi32>
  %y = tp.sdpa %q, %k, %v length %n {group = 1, scale = 1.0 : f64} : (tensor<3x2x1x1xf32>, tensor<3x3x1x1xf32>, tensor<3x3x1x1xf32>, tensor<3xi32>) -> tensor<3x2x1x1xf32>
  return %y : tensor<3x2x1x1xf32>
}

// -----

// Scores 0 and 100, bent to 0 and 2: weights 1 and e^2.
// CHECK{LITERAL}: result 0 = [[[[0.8808]]]]
func.func @main() -> (tensor<1x1x1x1xf32>) {
  %q = arith.constant dense<100.0> : tensor<1x1x1x1xf32>
  %k = arith.constant dense<[[[[0.0]], [[1.0]]]]> : tensor<1x2x1x1xf32>
  %y = tp.sdpa %q, %k, %k {group = 1, scale = 1.0 : f64, softcap = 2.0 : f64} : (tensor<1x1x1x1xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x1x1xf32>
  return %y : tensor<1x1x1x1xf32>
}
