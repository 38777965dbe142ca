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
