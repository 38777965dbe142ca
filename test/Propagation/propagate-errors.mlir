// RUN: tp-opt %s --split-input-file --verify-diagnostics --tp-propagate-shardings

// expected-error @+1 {{expected one tp.mesh in the module, found 2}}
module {
  tp.mesh @a <["tp" = 2]>
  tp.mesh @b <["tp" = 2]>
}

// -----

// expected-error @+1 {{expected one tp.mesh in the module, found 0}}
module {
}

// -----

tp.mesh @mesh <["tp" = 2]>
// expected-note @+1 {{the other annotation is here}}
func.func @a(%w: tensor<4x4xf32> {tp.parameter = "w", tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) {
  return
}
// expected-error @+1 {{a parameter or state is annotated with different shardings in different functions}}
func.func @b(%w: tensor<4x4xf32> {tp.parameter = "w", tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) {
  return
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func private @outside(tensor<4xf32>) -> tensor<4xf32>
func.func @external(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected a function with a body, found outside}}
  %y = call @outside(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @dynamic(%x: tensor<?x4xf32>) { // expected-error {{argument 0: expected a tensor with a static shape, found 'tensor<?x4xf32>'}}
  return
}

// -----

tp.mesh @mesh <["tp" = 2]>
// expected-error @+1 {{argument 0: expected at most 2^46 elements}}
func.func @huge(%x: tensor<4294967296x4294967296xf32>) {
  return
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @reassociation(%x: tensor<1x5xf32>) -> tensor<5xf32> {
  // expected-error @+1 {{reassociation: expected dimension 0, found}}
  %y = tensor.collapse_shape %x [[4294967296, 1]] : tensor<1x5xf32> into tensor<5xf32>
  return %y : tensor<5xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func private @a(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = call @b(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
// expected-note @below {{in a call of @}}
func.func private @b(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected functions that do not call themselves}}
  %y = call @b(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @local(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected a whole program: this op is for a partitioned one}}
  %y = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<4xf32>
  return %y : tensor<4xf32>
}
