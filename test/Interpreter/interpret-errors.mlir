// Programs that the interpreter cannot run get a diagnostic at the op.
// RUN: tp-opt %s --split-input-file --verify-diagnostics --tp-interpret

func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{the interpreter has no kernel for 'math.cbrt'}}
  %0 = math.cbrt %x : tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @main(%x: tensor<3xf32>) -> index {
  // expected-error @+1 {{the interpreter has no values of type 'vector<4xf32>'}}
  %0 = arith.constant dense<0.0> : vector<4xf32>
  %1 = arith.constant 0 : index
  return %1 : index
}

// -----

// expected-error @+1 {{argument 0: the interpreter has no values of type tensor<?xf32>}}
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error @+1 {{calls are nested more than 256 deep}}
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = call @main(%x) : (tensor<3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// expected-error @+1 {{the interpreter runs functions with one block, and @main is not one}}
func.func @main(%c: i1) {
  cf.br ^bb1
^bb1:
  return
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<2xf32> {
  %i = arith.constant 3 : index
  // expected-error @+1 {{the slice leaves dimension 0 of size 4}}
  %0 = tensor.extract_slice %x[%i] [2] [1] : tensor<4xf32> to tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> f32 {
  %i = arith.constant 4 : index
  // expected-error @+1 {{index 4 leaves dimension 0 of size 4}}
  %0 = tensor.extract %x[%i] : tensor<4xf32>
  return %0 : f32
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.map ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) (%a: f32, %o: f32) {
    // expected-error @+1 {{the interpreter has no kernel for 'math.cbrt' on scalars}}
    %y = math.cbrt %a : f32
    linalg.yield %y : f32
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{expected a loop with a positive step and at most 1048576 passes, found bounds 0 and 1 with step 0}}
  %0 = scf.for %i = %c0 to %c1 step %c0 iter_args(%a = %x) -> tensor<4xf32> {
    scf.yield %a : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// Bounds that are further apart than a number reaches.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant -9000000000000000000 : index
  %c1 = arith.constant 9000000000000000000 : index
  %step = arith.constant 1 : index
  // expected-error @+1 {{at most 1048576 passes, found bounds -9000000000000000000 and 9000000000000000000 with step 1}}
  %0 = scf.for %i = %c0 to %c1 step %step iter_args(%a = %x) -> tensor<4xf32> {
    scf.yield %a : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// A window of what is empty, which the verifier lets pass.
func.func @main(%s: tensor<0xf32>, %k: tensor<2xf32>, %z: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{an indexing map leaves its operand}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i + k)>, affine_map<(i, k) -> (k)>, affine_map<(i, k) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%s, %k : tensor<0xf32>, tensor<2xf32>) outs(%z : tensor<3xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %y = arith.addf %acc, %p : f32
    linalg.yield %y : f32
  } -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// Ranks that run a loop differently would not meet at its collectives.
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%x: tensor<4xf32>, %n: index) -> tensor<4xf32> {
    %c1 = arith.constant 1 : index
    // expected-error @+1 {{expected the loop's upper bound to be the same on all ranks, found 0 and 100}}
    %0 = scf.for %i = %c1 to %n step %c1 iter_args(%a = %x) -> tensor<4xf32> {
      scf.yield %a : tensor<4xf32>
    }
    return %0 : tensor<4xf32>
  }
}

// -----

// expected-error @+1 {{expected a function @main to run, the module has none}}
module {
  func.func @other() {
    return
  }
}

// -----

// expected-error @+1 {{a partitioned module has no tp.mesh that says how many devices run it}}
module attributes {tp.partitioned} {
  func.func @main() {
    return
  }
}

// -----

// A whole program runs on one device: its collectives have nobody to meet.
tp.mesh @mesh <["tp" = 2]>
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{expected a mesh of the 1 ranks that the program runs on, found @mesh}}
  %0 = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<3xf32>
  return %0 : tensor<3xf32>
}
