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
func.func private @itself(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected functions that do not call themselves, found a call of @itself within it}}
  %y = call @itself(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func private @outer(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = call @a(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @a(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-note @+1 {{@a calls @b here}}
  %y = call @b(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @b(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-note @+1 {{@b calls @c here}}
  %y = call @c(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @c(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected functions that do not call themselves, found a call of @a within it}}
  %y = call @a(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @local(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected a whole program: this op is for a partitioned one}}
  %y = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// expected-error @+1 {{expected a body of one block, found 2}}
func.func @two_blocks(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}) -> tensor<4xf32> {
  // expected-note @+1 {{the first block ends here}}
  cf.br ^next(%x : tensor<4xf32>)
^next(%y: tensor<4xf32>):
  return %y : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @branch(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}, %c: i1) -> tensor<4xf32> {
  // expected-note @+1 {{which has no sharding rule for what its regions hold}}
  %r = scf.if %c -> tensor<4xf32> {
    // expected-error @+1 {{expected to stand in a function or in a loop (scf.for), found it in scf.if}}
    %y = tp.activation silu %x : (tensor<4xf32>) -> tensor<4xf32>
    scf.yield %y : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
func.func @body(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // expected-note @+1 {{which has no sharding rule for what its regions hold}}
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    // expected-error @+1 {{expected to stand in a function or in a loop (scf.for), found it in linalg.generic}}
    %c = tp.activation silu %x : (tensor<4xf32>) -> tensor<4xf32>
    linalg.yield %a : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// expected-note @+1 {{its type is stated here}}
func.func @first(%w: tensor<4x4xf32> {tp.parameter = "w"}) {
  return
}
// expected-error @+1 {{tp.parameter "w": expected 'tensor<4x4xf32>', found 'tensor<4x6xf32>'}}
func.func @second(%w: tensor<4x6xf32> {tp.parameter = "w"}) {
  return
}
