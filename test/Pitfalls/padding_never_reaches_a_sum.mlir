// 7 hidden units over 2 devices: one device has a unit of padding. What an op makes of padding (bias, exp, 1 / sqrt(eps)) must not be summed.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @exponential
func.func @exponential(%x: tensor<1x2x4xf32>, %up: tensor<7x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}, %down: tensor<4x7xf32>) -> tensor<1x2x4xf32> {
  %h = tp.linear %x, %up : (tensor<1x2x4xf32>, tensor<7x4xf32>) -> tensor<1x2x7xf32>
  %c = arith.constant dense<3.0> : tensor<1x2x7xf32>
  %e = arith.addf %h, %c : tensor<1x2x7xf32>
  %y = tp.linear %e, %down : (tensor<1x2x7xf32>, tensor<4x7xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// Neither operand of the contraction has zeros: the second is computed too.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @computed_weight
// CHECK: tp.mask_padding
func.func @computed_weight(%x: tensor<1x2x7xf32>, %w: tensor<4x7xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<1x2x4xf32> {
  %one = arith.constant dense<1.0> : tensor<1x2x7xf32>
  %a = arith.addf %x, %one : tensor<1x2x7xf32>
  %two = arith.constant dense<2.0> : tensor<4x7xf32>
  %v = arith.addf %w, %two : tensor<4x7xf32>
  %y = tp.linear %a, %v : (tensor<1x2x7xf32>, tensor<4x7xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// The value is scattered over the sequence (padding of another dimension) on its way.
tp.mesh @mesh <["tp" = 3]>
// CHECK-LABEL: func.func @padded_rows
func.func @padded_rows(%x: tensor<1x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}, {}]>}, %w: tensor<4xf32>,
                       %u: tensor<5x4xf32>) -> (tensor<1x4x5xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %n = tp.rms_norm %x, %w {eps = 0.0 : f64} : (tensor<1x4x4xf32>, tensor<4xf32>) -> tensor<1x4x4xf32>
  %y = tp.linear %n, %u : (tensor<1x4x4xf32>, tensor<5x4xf32>) -> tensor<1x4x5xf32>
  return %y : tensor<1x4x5xf32>
}
