// RUN: tp-opt %s --split-input-file --verify-diagnostics --tp-partition

tp.mesh @mesh <["tp" = 2]>
// expected-error @+1 {{argument 0 has no sharding: run --tp-propagate-shardings first}}
func.func @no_sharding(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @no_sharding_on_op(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) -> (tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) {
  // expected-error @+1 {{no sharding for the results of tp.activation: run --tp-propagate-shardings first}}
  %y = tp.activation silu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-error @+1 {{the module is partitioned already}}
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
}

// -----

// expected-error @+1 {{expected one tp.mesh in the module, found 0}}
module {
}

// -----

tp.mesh @mesh <["tp" = 2]>
// expected-error @+1 {{argument 0: expected a tensor or a number, found 'vector<4xf32>'}}
func.func @vector(%x: vector<4xf32>) {
  return
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @recursion(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) -> (tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) {
  // expected-error @+1 {{expected functions that do not call themselves, found a call of @recursion within it}}
  %y = call @recursion(%x) {tp.shardings = [#tp.sharding<@mesh, [{}]>]} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// expected-error @+1 {{expected a function with a body of one block}}
func.func private @external(tensor<4xf32>)
