// What has no CPU lowering is an error that names it.
// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels --tp-plan-memory --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2x3xf32> {tp.input = "x"}) -> (tensor<2x3xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  // expected-error @+1 {{no CPU lowering for op 'arith.negf'}}
  %0 = arith.negf %x : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// expected-error @+1 {{no CPU lowering for type 'tensor<2x3xf16>': expected a tensor of f32, bf16 or i32 with a static shape}}
func.func @f(%x: tensor<2x3xf16> {tp.input = "x"}) -> (tensor<2x3xf16> {tp.output = "y"}) attributes {tp.entry = "f"} {
  return %x : tensor<2x3xf16>
}

// -----

func.func @f(%c: tensor<1x4x1x8xf32> {tp.input = "c"}, %r: tensor<1x2x1x8xf32> {tp.input = "r"}, %p: tensor<1xi32> {tp.input = "p"}) -> (tensor<1x4x1x8xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  // expected-error @+1 {{no CPU lowering for op 'tp.kv_update' on a value that is not a state}}
  %0 = tp.kv_update %c, %r at %p : (tensor<1x4x1x8xf32>, tensor<1x2x1x8xf32>, tensor<1xi32>) -> tensor<1x4x1x8xf32>
  return %0 : tensor<1x4x1x8xf32>
}

// -----

func.func @f(%c: tensor<1x4x1x8xf32> {tp.state = "c"}, %r: tensor<1x2x1x8xf32> {tp.input = "r"}, %p: tensor<1xi32> {tp.input = "p"})
    -> (tensor<1x2x1x8xf32> {tp.output = "y"}, tensor<1x4x1x8xf32> {tp.state = "c"}) attributes {tp.entry = "f"} {
  // expected-note @+1 {{updated in place here}}
  %0 = tp.kv_update %c, %r at %p : (tensor<1x4x1x8xf32>, tensor<1x2x1x8xf32>, tensor<1xi32>) -> tensor<1x4x1x8xf32>
  // expected-error @+1 {{no CPU lowering for a state that is used after it was updated}}
  %1 = tp.sdpa %r, %c, %0 at %p {causal, group = 1, scale = 0.35 : f64} : (tensor<1x2x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1xi32>) -> tensor<1x2x1x8xf32>
  return %1, %0 : tensor<1x2x1x8xf32>, tensor<1x4x1x8xf32>
}

// -----

// expected-error @+1 {{no CPU lowering for function 'g', which calls itself}}
func.func private @g(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = call @g(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// expected-error @+1 {{argument 0 of an entry: expected tp.input, tp.parameter or tp.state}}
func.func @f(%x: tensor<2xf32>) -> (tensor<2xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  return %x : tensor<2xf32>
}

// -----

func.func @f(%q: tensor<1x2x1x8xf32> {tp.input = "q"}, %k: tensor<1x4x1x8xf32> {tp.input = "k"}, %v: tensor<1x4x1x6xf32> {tp.input = "v"})
    -> (tensor<1x2x1x6xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  // expected-error @+1 {{no CPU lowering for values of another type than the keys'}}
  %0 = tp.sdpa %q, %k, %v {group = 1, scale = 0.35 : f64} : (tensor<1x2x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x6xf32>) -> tensor<1x2x1x6xf32>
  return %0 : tensor<1x2x1x6xf32>
}

// -----

func.func @f(%x: tensor<2x3xf32> {tp.input = "x"}) -> (tensor<2x3xf32> {tp.state = "s"}) attributes {tp.entry = "f"} {
  %0 = arith.addf %x, %x : tensor<2x3xf32>
  // expected-error @+1 {{result 0 is a state that does not come from an argument of 'f'}}
  return %0 : tensor<2x3xf32>
}

// -----

func.func @f(%a: tensor<2xf32> {tp.state = "a"}, %b: tensor<2xf32> {tp.state = "b"}) -> (tensor<2xf32> {tp.state = "b"}, tensor<2xf32> {tp.state = "a"}) attributes {tp.entry = "f"} {
  // expected-error @+1 {{result 0: state "b" is returned for another one: no CPU lowering}}
  return %a, %b : tensor<2xf32>, tensor<2xf32>
}

// -----

// expected-error @+1 {{argument 0 is both a weight and a state}}
func.func private @g(%w: tensor<4x4xf32>) -> tensor<4x4xf32> {
  return %w : tensor<4x4xf32>
}
func.func @f(%s: tensor<4x4xf32> {tp.state = "s"}, %w: tensor<4x4xf32> {tp.parameter = "w"}) -> (tensor<4x4xf32> {tp.state = "s"}, tensor<4x4xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  %0 = call @g(%s) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = call @g(%w) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// expected-error @+1 {{result 0 of an entry: expected tp.output or tp.state}}
func.func @f(%x: tensor<2xf32> {tp.input = "x"}) -> tensor<2xf32> attributes {tp.entry = "f"} {
  %0 = arith.addf %x, %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// expected-error @+1 {{no CPU lowering for empty type 'tensor<0xf32>'}}
func.func @f(%x: tensor<0xf32> {tp.input = "x"}) -> (tensor<0xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  return %x : tensor<0xf32>
}

// -----

func.func @f(%x: tensor<2xf32> {tp.input = "x"}, %w: tensor<2xf32> {tp.parameter = "w"}) -> (tensor<2xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  %0 = arith.addf %x, %w : tensor<2xf32>
  return %0 : tensor<2xf32>
}
// expected-error @+1 {{tp.parameter "w": expected 'tensor<2xf32>' as in another entry, found 'tensor<3xf32>'}}
func.func @g(%x: tensor<3xf32> {tp.input = "x"}, %w: tensor<3xf32> {tp.parameter = "w"}) -> (tensor<3xf32> {tp.output = "y"}) attributes {tp.entry = "g"} {
  %0 = arith.addf %x, %w : tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @f(%q: tensor<1x1x1x2048xf32> {tp.input = "q"}, %k: tensor<1x4x1x2048xf32> {tp.input = "k"}) -> (tensor<1x1x1x2048xf32> {tp.output = "y"}) attributes {tp.entry = "f"} {
  // expected-error @+1 {{no CPU lowering for heads of 2048 elements: expected at most 1024}}
  %0 = tp.sdpa %q, %k, %k {group = 1, scale = 1.0 : f64} : (tensor<1x1x1x2048xf32>, tensor<1x4x1x2048xf32>, tensor<1x4x1x2048xf32>) -> tensor<1x1x1x2048xf32>
  return %0 : tensor<1x1x1x2048xf32>
}
