// tp.attention, directly and expanded.
// RUN: tp-opt %s --split-input-file --tp-interpret -o /dev/null | FileCheck %s --match-full-lines
// RUN: tp-opt %s --split-input-file --tp-decompose-layers --tp-interpret -o /dev/null | FileCheck %s --match-full-lines

// Two query heads on one kv head, with a cache in which one token stands; the scale is 1 / sqrt(2).
// CHECK{LITERAL}: result 0 = [[[-4.707, 1.438, -3.14, -0.825], [-0.8163, -0.9149, 0.7603, 1.192]]]
// CHECK-NEXT{LITERAL}: result 1 = [[[[-0.17, -0.23]], [[-0.38, 3.066]], [[-1.963, 0.6218]], [[-0.47, -1]]]]
// CHECK-NEXT{LITERAL}: result 2 = [[[[-0.02, 0.63]], [[-2.362, -2.593]], [[1.347, -1.728]], [[1.46, 0.06]]]]
func.func @main() -> (tensor<1x2x4xf32>, tensor<1x4x1x2xf32>, tensor<1x4x1x2xf32>) {
  %x = arith.constant dense<[[[-2.05, 2.06, -1.91, 0.64], [0.94, 0.15, -1.68, 1.02]]]> : tensor<1x2x4xf32>
  %wq = arith.constant dense<[[-1.44, -1.34, -0.36, 0.79], [0.3, 0.81, -0.44, -0.17], [-1.14, -0.32, 0.59, -0.3], [0.48, -0.57, -0.59, 0.04]]> : tensor<4x4xf32>
  %wk = arith.constant dense<[[-0.19, 0.59, 0.18, 1.74], [-0.22, -0.23, -1.04, 0.02]]> : tensor<2x4xf32>
  %wv = arith.constant dense<[[0.68, -0.74, -0.05, 0.72], [-0.13, -0.52, 0.97, 0.1]]> : tensor<2x4xf32>
  %wo = arith.constant dense<[[0.4, 1.17, 1.15, -0.35], [-0.53, 0.28, -0.13, -1.9], [1.28, 0.02, 0.74, -1.17], [1.29, -0.59, -0.11, -1.4]]> : tensor<4x4xf32>
  %k = arith.constant dense<[[[[-0.17, -0.23]], [[-0.19, 0.44]], [[0.06, 0.98]], [[-0.47, -1.0]]]]> : tensor<1x4x1x2xf32>
  %v = arith.constant dense<[[[[-0.02, 0.63]], [[1.24, 0.81]], [[-1.77, 0.38]], [[1.46, 0.06]]]]> : tensor<1x4x1x2xf32>
  %p = arith.constant dense<[1]> : tensor<1xi32>
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %p)
      {heads = 2, kv_heads = 1, head_size = 2, causal, rotary = #tp.rotary<base = 100.0>}
      : (tensor<1x2x4xf32>, tensor<4x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<4x4xf32>, tensor<1x4x1x2xf32>, tensor<1x4x1x2xf32>, tensor<1xi32>) -> (tensor<1x2x4xf32>, tensor<1x4x1x2xf32>, tensor<1x4x1x2xf32>)
  return %y, %k1, %v1 : tensor<1x2x4xf32>, tensor<1x4x1x2xf32>, tensor<1x4x1x2xf32>
}

// -----

// Biases, norms of heads, a window of 1 and no cache or rotation: each query sees itself.
// CHECK{LITERAL}: result 0 = [[[-5.003, 7.537, -0.521, 3.966], [1.455, 3.687, 5.975, 6.62]]]
func.func @main() -> (tensor<1x2x4xf32>) {
  %x = arith.constant dense<[[[-2.05, 2.06, -1.91, 0.64], [0.94, 0.15, -1.68, 1.02]]]> : tensor<1x2x4xf32>
  %wq = arith.constant dense<[[-1.44, -1.34, -0.36, 0.79], [0.3, 0.81, -0.44, -0.17], [-1.14, -0.32, 0.59, -0.3], [0.48, -0.57, -0.59, 0.04]]> : tensor<4x4xf32>
  %wk = arith.constant dense<[[-0.19, 0.59, 0.18, 1.74], [-0.22, -0.23, -1.04, 0.02]]> : tensor<2x4xf32>
  %wv = arith.constant dense<[[0.68, -0.74, -0.05, 0.72], [-0.13, -0.52, 0.97, 0.1]]> : tensor<2x4xf32>
  %wo = arith.constant dense<[[0.4, 1.17, 1.15, -0.35], [-0.53, 0.28, -0.13, -1.9], [1.28, 0.02, 0.74, -1.17], [1.29, -0.59, -0.11, -1.4]]> : tensor<4x4xf32>
  %bq = arith.constant dense<[-0.52, 0.31, -0.5, 0.64]> : tensor<4xf32>
  %bk = arith.constant dense<[-0.01, 1.39]> : tensor<2xf32>
  %bv = arith.constant dense<[0.5, -0.72]> : tensor<2xf32>
  %bo = arith.constant dense<[0.6, 0.94, -0.57, -0.43]> : tensor<4xf32>
  %qn = arith.constant dense<[-2.31, 0.9]> : tensor<2xf32>
  %kn = arith.constant dense<[-0.59, -2.12]> : tensor<2xf32>
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) bq(%bq) bk(%bk) bv(%bv) bo(%bo) norms(%qn, %kn)
      {heads = 2, kv_heads = 1, head_size = 2, causal, window = 1 : i64, scale = 0.3 : f64, norm_eps = 1.0e-3 : f64}
      : (tensor<1x2x4xf32>, tensor<4x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<4x4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// An encoder: not causal, norms of heads, rotation from position 0.
// CHECK{LITERAL}: result 0 = [[[-4.017, 4.725, -0.1983, 2.827], [-2.033, 3.596, 1.283, 2.901]]]
func.func @main() -> (tensor<1x2x4xf32>) {
  %x = arith.constant dense<[[[-2.05, 2.06, -1.91, 0.64], [0.94, 0.15, -1.68, 1.02]]]> : tensor<1x2x4xf32>
  %wq = arith.constant dense<[[-1.44, -1.34, -0.36, 0.79], [0.3, 0.81, -0.44, -0.17], [-1.14, -0.32, 0.59, -0.3], [0.48, -0.57, -0.59, 0.04]]> : tensor<4x4xf32>
  %wk = arith.constant dense<[[-0.19, 0.59, 0.18, 1.74], [-0.22, -0.23, -1.04, 0.02]]> : tensor<2x4xf32>
  %wv = arith.constant dense<[[0.68, -0.74, -0.05, 0.72], [-0.13, -0.52, 0.97, 0.1]]> : tensor<2x4xf32>
  %wo = arith.constant dense<[[0.4, 1.17, 1.15, -0.35], [-0.53, 0.28, -0.13, -1.9], [1.28, 0.02, 0.74, -1.17], [1.29, -0.59, -0.11, -1.4]]> : tensor<4x4xf32>
  %qn = arith.constant dense<[-2.31, 0.9]> : tensor<2xf32>
  %kn = arith.constant dense<[-0.59, -2.12]> : tensor<2xf32>
  %y = tp.attention %x weights(%wq, %wk, %wv, %wo) norms(%qn, %kn)
      {heads = 2, kv_heads = 1, head_size = 2, rotary = #tp.rotary<base = 100.0>, scale = 0.3 : f64, norm_eps = 1.0e-3 : f64}
      : (tensor<1x2x4xf32>, tensor<4x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}
