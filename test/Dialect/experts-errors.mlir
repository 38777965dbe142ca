// RUN: tp-opt %s --split-input-file --verify-diagnostics

func.func @C1(%x: tensor<1x3x4xf32>, %r: tensor<6x4xf32>, %g: tensor<5x7x4xf32>, %u: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) {
  // expected-error @+1 {{(C1) router: expected shape [5, 4]}}
  %y = tp.moe %x router(%r) gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2} : (tensor<1x3x4xf32>, tensor<6x4xf32>, tensor<5x7x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @C3(%x: tensor<1x3x4xf32>, %r: tensor<5x4xf32>, %g: tensor<5x7x4xf32>, %u: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) {
  // expected-error @+1 {{(C3) expected top_k to be at most the number of experts, 5, found 6}}
  %y = tp.moe %x router(%r) gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 6} : (tensor<1x3x4xf32>, tensor<5x4xf32>, tensor<5x7x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @C2(%x: tensor<1x3x4xf32>, %r: tensor<5x4xf32>, %g: tensor<5x7x4xf32>, %u: tensor<5x7x4xf32>, %d: tensor<5x4x7xf32>) {
  // expected-error @+1 {{(C2) result: expected shape [1, 3, 4]}}
  %y = tp.moe %x router(%r) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2} : (tensor<1x3x4xf32>, tensor<5x4xf32>, tensor<5x7x4xf32>, tensor<5x4x7xf32>) -> tensor<1x4x3xf32>
  return
}

// -----

func.func @route_C1(%l: tensor<3x5xf32>) {
  // expected-error @+1 {{(C1) result: expected shape [3, 5]}}
  %y = tp.route %l {top_k = 2} : (tensor<3x5xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @route_C2(%l: tensor<3x5xf32>) {
  // expected-error @+1 {{(C2) expected top_k to be at most the number of experts, 5, found 7}}
  %y = tp.route %l {top_k = 7} : (tensor<3x5xf32>) -> tensor<3x5xf32>
  return
}

// -----

func.func @up_C1(%x: tensor<3x4xf32>, %g: tensor<3x6xf32>, %u: tensor<5x7x4xf32>) {
  // expected-error @+1 {{(C1) gates: expected shape [3, 5]}}
  %y = tp.expert_up silu %x, %g up(%u) : (tensor<3x4xf32>, tensor<3x6xf32>, tensor<5x7x4xf32>) -> tensor<3x5x7xf32>
  return
}

// -----

func.func @down_C1(%h: tensor<3x5x7xf32>, %g: tensor<3x5xf32>, %d: tensor<5x4x6xf32>) {
  // expected-error @+1 {{(C1) down: expected shape [5, 4, 7]}}
  %y = tp.expert_down %h, %g down(%d) : (tensor<3x5x7xf32>, tensor<3x5xf32>, tensor<5x4x6xf32>) -> tensor<3x4xf32>
  return
}
