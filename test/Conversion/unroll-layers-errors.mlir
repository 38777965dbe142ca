// RUN: tp-opt %s --tp-unroll-layers --split-input-file --verify-diagnostics

func.func @f(%n: index, %x: tensor<3xf32>) -> tensor<3xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{'scf.for' op expected constant bounds and a positive step: a loop over layers becomes as many calls}}
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%h = %x) -> tensor<3xf32> {
    %next = arith.addf %h, %x : tensor<3xf32>
    scf.yield %next : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}

// -----

func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %many = arith.constant 4000000000 : index
  // expected-error @+1 {{'scf.for' op expected a loop that becomes at most 1048576 ops, found 4000000000 passes of 2}}
  %y = scf.for %i = %c0 to %many step %c1 iter_args(%h = %x) -> tensor<3xf32> {
    %next = arith.addf %h, %x : tensor<3xf32>
    scf.yield %next : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}

// -----

func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c0 = arith.constant -9000000000000000000 : index
  %c1 = arith.constant 1 : index
  %many = arith.constant 9000000000000000000 : index
  // expected-error @+1 {{'scf.for' op expected a loop that becomes at most 1048576 ops, found 9223372036854775807 passes of 2}}
  %y = scf.for %i = %c0 to %many step %c1 iter_args(%h = %x) -> tensor<3xf32> {
    %next = arith.addf %h, %x : tensor<3xf32>
    scf.yield %next : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}

// -----

module attributes {tp.partitioned} {
tp.mesh @mesh <["pp" = 2]>
// expected-error @+1 {{'func.func' op stack 'w.{0..1}': expected every device to have all 2 layers, found 1}}
func.func @f(%w: tensor<1x3xf32> {tp.parameter = "w.{0..1}", tp.sharding = #tp.sharding<@mesh, [{"pp"}, {}]>}) {
  return
}
}

// -----

func.func @f(%w: tensor<2x3xf32> {tp.parameter = "w.{0..1}"}) -> tensor<2x3xf32> {
  // expected-error @+1 {{'arith.addf' op expected to read or write one layer of argument 0, a stack}}
  %0 = arith.addf %w, %w : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// Half a layer.
func.func @f(%w: tensor<2x4xf32> {tp.parameter = "w.{0..1}"}) -> tensor<2xf32> {
  // expected-error @+1 {{'tensor.extract_slice' op expected to read or write one layer of argument 0, a stack}}
  %0 = tensor.extract_slice %w[1, 0] [1, 2] [1, 1] : tensor<2x4xf32> to tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @f(%s: tensor<2x4xf32> {tp.state = "s.{0..1}"}) -> (tensor<2x4xf32> {tp.state = "s.{0..1}"}) {
  %0 = arith.addf %s, %s : tensor<2x4xf32>
  // expected-error @+1 {{'func.return' op operand 0: expected a stack whose layers are written one by one, found another value}}
  return %0 : tensor<2x4xf32>
}
