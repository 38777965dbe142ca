// RUN: tp-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{sharding names mesh @nowhere, which does not exist}}
func.func @f(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@nowhere, [{}]>}) {
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{axis "pp" is not in mesh @mesh}}
func.func @f(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{"pp"}]>}) {
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{axis "pp" is not in mesh @mesh}}
func.func @f(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}], partial = sum {"pp"}>}) {
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{axis "pp" is not in mesh @mesh}}
func.func @f(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}], replicated = {"pp"}>}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{sharding has 2 dimensions, the tensor has 1}}
func.func @f(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{unit 3 does not divide dimension 0 of size 4}}
func.func @f(%x: tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 3}]>}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{sections of 3 elements in all do not divide dimension 0 of size 4}}
func.func @f(%x: tensor<8xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", outer = 2, sections = [2, 1]}]>}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{unit 2 does not divide dimension 0 of size 3}}
func.func @f(%x: tensor<9xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", unit = 2, sections = [2, 1]}]>}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{expected a tensor with a static shape}}
func.func @f(%x: tensor<?xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{expected a tensor with a static shape}}
func.func @f(%x: f32 {tp.sharding = #tp.sharding<@mesh, []>}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{tp.sharding: expected a #tp.sharding, found 3 : i64}}
func.func @f(%x: tensor<4xf32> {tp.sharding = 3}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{sharding has 2 dimensions, the tensor has 1}}
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  return %x : tensor<4xf32>
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{tp.parameter: expected a string, found 3 : i64}}
func.func @f(%x: tensor<4xf32> {tp.parameter = 3}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{tp.state: expected a string}}
func.func @f(%x: tensor<4xf32> {tp.state = unit}) {
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
// expected-error @+1 {{tp.output: expected a string}}
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {tp.output = 1}) {
  return %x : tensor<4xf32>
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{tp.shardings: expected an array of 1 shardings, one for each result}}
  %y = tp.activation silu %x {tp.shardings = []} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{tp.shardings: expected an array of 1 shardings, one for each result}}
  %y = tp.activation silu %x {tp.shardings = 3} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{tp.shardings: expected a #tp.sharding, found 3 : i64}}
  %y = tp.activation silu %x {tp.shardings = [3]} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{tp.shardings: sharding has 2 dimensions, the tensor has 1}}
  %y = tp.activation silu %x {tp.shardings = [#tp.sharding<@mesh, [{}, {}]>]} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{sharding names mesh @nowhere, which does not exist}}
  %y = tp.sharding_constraint %x <@nowhere, [{}]> : tensor<4xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{sharding has 0 dimensions, the tensor has 1}}
  %y = tp.sharding_constraint %x <@mesh, []> : tensor<4xf32>
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{axis "pp" is not in mesh @mesh}}
  %y = tp.sharding_constraint %x <@mesh, [{"pp"}]> : tensor<4xf32>
  return
}

// -----

// expected-error @+1 {{tp.parameter: expected one range such as {0..3} in the name, found "w.{3..1}"}}
func.func @f(%w: tensor<2x3xf32> {tp.parameter = "w.{3..1}"}) { return }

// -----

// expected-error @+1 {{tp.state: expected one range such as {0..3} in the name, found "{0..1}.s.{0..1}"}}
func.func @f(%s: tensor<2x3xf32> {tp.state = "{0..1}.s.{0..1}"}) { return }

// -----

// expected-error @+1 {{tp.parameter: "w.{0..2}" names 3 tensors: expected a dimension 0 of that size, found 'tensor<2x3xf32>'}}
func.func @f(%w: tensor<2x3xf32> {tp.parameter = "w.{0..2}"}) { return }
