// RUN: tp-opt %s --split-input-file --verify-diagnostics

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C1) mesh @nowhere does not exist}}
  %y = tp.all_reduce sum %x over ["tp"] on @nowhere : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C1) expected at least one axis}}
  %y = tp.all_reduce sum %x over [] on @mesh : tensor<4x6xf32>
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C1) axis "pp" is not in mesh @mesh}}
  %y = tp.all_reduce sum %x over ["pp"] on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) axis "tp" is used twice}}
  %y = tp.all_reduce sum %x over ["tp", "tp"] on @mesh : tensor<4x6xf32>
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C1) axis "pp" is not in mesh @mesh}}
  %y = tp.as_partial %x over ["pp"] on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) expected 3 sources, found 2}}
  %y = tp.permute %x over ["tp"] from [1, 0] on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) expected each source once, from -1 to 2, found 3}}
  %y = tp.permute %x over ["tp"] from [1, 0, 3] on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) expected each source once, from -1 to 2, found 1}}
  %y = tp.permute %x over ["tp"] from [1, 0, 1] on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C1) expected at least one axis}}
  %y = tp.permute %x over [] from [0] on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2xi32>) {
  // expected-error @+1 {{(C1) expected at least one axis}}
  %y = tp.shift_index plus %x size 8 split <{}> on @mesh : tensor<2xi32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2xi32>) {
  // expected-error @+1 {{(C1) mesh @nowhere does not exist}}
  %y = tp.shift_index minus %x size 8 split <{"tp"}> on @nowhere : tensor<2xi32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) expected 9 elements in dimension 1 when whole and 3 in a shard, found 9 and 6}}
  %y = tp.mask_padding %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) expected dim to be a dimension of both types, found 2}}
  %y = tp.mask_padding %x dim 2 of 9 split <{"tp"}> on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) expected dim to be a dimension of both types, found -1}}
  %y = tp.mask_padding %x dim -1 of 9 split <{"tp"}> on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) unit 2 does not divide}}
  %y = tp.mask_padding %x dim 1 of 9 split <{"tp", unit = 2}> on @mesh : tensor<4x6xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(C1) mesh @nowhere does not exist}}
  %y = tp.all_gather %x dim 1 of 9 split <{"tp"}> on @nowhere : tensor<4x3xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(C1) expected at least one axis}}
  %y = tp.all_gather %x dim 1 of 9 split <{}> on @mesh : tensor<4x3xf32> -> tensor<4x9xf32>
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(C1) axis "pp" is not in mesh @mesh}}
  %y = tp.all_gather %x dim 1 of 9 split <{"pp"}> on @mesh : tensor<4x3xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(C2) expected 8 elements in dimension 1 when whole and 3 in a shard, found 9 and 3}}
  %y = tp.all_gather %x dim 1 of 8 split <{"tp"}> on @mesh : tensor<4x3xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(C2) expected 9 elements in dimension 1 when whole and 5 in a shard, found 9 and 3}}
  %y = tp.all_gather %x dim 1 of 9 split <{"dp"}> on @mesh : tensor<4x3xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(C2) expected dim to be a dimension of both types, found 5}}
  %y = tp.all_gather %x dim 5 of 9 split <{"tp"}> on @mesh : tensor<4x3xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(C2) expected dim to be a dimension of both types, found -1}}
  %y = tp.all_gather %x dim -1 of 9 split <{"tp"}> on @mesh : tensor<4x3xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<5x3xf32>) {
  // expected-error @+1 {{(C3) expected equal types but for the dimensions that change}}
  %y = tp.all_gather %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<5x3xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x3xbf16>) {
  // expected-error @+1 {{(C3) expected equal types but for the dimensions that change}}
  %y = tp.all_gather %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<4x3xbf16> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C1) mesh @nowhere does not exist}}
  %y = tp.all_slice %x dim 1 of 9 split <{"tp"}> on @nowhere : tensor<4x9xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C1) expected at least one axis}}
  %y = tp.all_slice %x dim 1 of 9 split <{}> on @mesh : tensor<4x9xf32> -> tensor<4x3xf32>
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C1) axis "pp" is not in mesh @mesh}}
  %y = tp.all_slice %x dim 1 of 9 split <{"pp"}> on @mesh : tensor<4x9xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C2) expected 8 elements in dimension 1 when whole and 3 in a shard, found 9 and 3}}
  %y = tp.all_slice %x dim 1 of 8 split <{"tp"}> on @mesh : tensor<4x9xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C2) expected 9 elements in dimension 1 when whole and 5 in a shard, found 9 and 3}}
  %y = tp.all_slice %x dim 1 of 9 split <{"dp"}> on @mesh : tensor<4x9xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C2) expected dim to be a dimension of both types, found 5}}
  %y = tp.all_slice %x dim 5 of 9 split <{"tp"}> on @mesh : tensor<4x9xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C2) expected dim to be a dimension of both types, found -1}}
  %y = tp.all_slice %x dim -1 of 9 split <{"tp"}> on @mesh : tensor<4x9xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<5x9xf32>) {
  // expected-error @+1 {{(C3) expected equal types but for the dimensions that change}}
  %y = tp.all_slice %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<5x9xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xbf16>) {
  // expected-error @+1 {{(C3) expected equal types but for the dimensions that change}}
  %y = tp.all_slice %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<4x9xbf16> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C2) expected 9 elements in dimension 1 when whole and 3 in a shard, found 9 and 4}}
  %y = tp.reduce_scatter sum %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<4x9xf32> -> tensor<4x4xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C1) expected at least one axis}}
  %y = tp.reduce_scatter sum %x dim 1 of 9 split <{}> on @mesh : tensor<4x9xf32> -> tensor<4x9xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{(C3) expected equal types but for the dimensions that change}}
  %y = tp.reduce_scatter max %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<4x9xf32> -> tensor<2x3xf32>
  return
}

// -----

// expected-note @+1 {{mesh @mesh is declared here}}
tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{(C1) axis "pp" is not in mesh @mesh}}
  %y = tp.all_to_all %x from 0 of 4 split <{"pp"}> to 1 of 6 split <{"pp"}> on @mesh : tensor<2x6xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{(C2) expected both splits to have the same axes}}
  %y = tp.all_to_all %x from 0 of 4 split <{"dp"}> to 1 of 6 split <{"tp"}> on @mesh : tensor<2x6xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{expected 5 elements in dimension 0 when whole}}
  %y = tp.all_to_all %x from 0 of 5 split <{"dp"}> to 1 of 6 split <{"dp"}> on @mesh : tensor<2x6xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{expected 7 elements in dimension 1 when whole}}
  %y = tp.all_to_all %x from 0 of 4 split <{"dp"}> to 1 of 7 split <{"dp"}> on @mesh : tensor<2x6xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2x6x2xf32>) {
  // expected-error @+1 {{expected equal types but for the dimensions that change}}
  %y = tp.all_to_all %x from 0 of 4 split <{"dp"}> to 1 of 6 split <{"dp"}> on @mesh : tensor<2x6x2xf32> -> tensor<4x3x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{expected dim to be a dimension of both types}}
  %y = tp.all_to_all %x from 0 of 4 split <{"dp"}> to 2 of 6 split <{"dp"}> on @mesh : tensor<2x6xf32> -> tensor<4x3xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C5) expected as many results as inputs, at least one, found 0 and 0}}
  "tp.all_reduce"() {axes = ["tp"], kind = #tp.reduce<sum>, mesh = @mesh} : () -> ()
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>) {
  // expected-error @+1 {{(C5) expected as many results as inputs, at least one, found 1 and 2}}
  %y = tp.all_gather %x, %x dim 1 of 16 split <{"tp"}> on @mesh : tensor<4x6xf32>, tensor<4x6xf32> -> tensor<4x16xf32>
  return
}

// -----

tp.mesh @mesh <["dp" = 2, "tp" = 3]>
func.func @f(%x: tensor<4x6xf32>, %z: tensor<4x9xf32>) {
  // expected-error @+1 {{(C2) expected 6 elements in dimension 1 when whole and 2 in a shard, found 9 and 2}}
  %y:2 = tp.reduce_scatter sum %x, %z dim 1 of 6 split <{"tp"}> on @mesh : tensor<4x6xf32>, tensor<4x9xf32> -> tensor<4x2xf32>, tensor<4x2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x9xf32>) {
  // expected-error @+1 {{(C3) expected [B, V] and [B, P, 2], found 'tensor<2x9xf32>' and 'tensor<2x4x3xi32>'}}
  %p = tp.top_pairs %x : tensor<2x9xf32> -> tensor<2x4x3xi32>
  return
}

// -----

func.func @f(%p: tensor<2x4x2xi32>) {
  // expected-error @+1 {{(C1) expected [B, P, 2] and [B], found 'tensor<2x4x2xi32>' and 'tensor<3xi32>'}}
  %t = tp.best_index %p : tensor<2x4x2xi32> -> tensor<3xi32>
  return
}

// -----

func.func @f(%x: tensor<2x9xf32>, %s: tensor<2x3xi32>) {
  // expected-error @+1 {{(C1) expected [B, V], [B, 4] and [B], found 'tensor<2x9xf32>', 'tensor<2x3xi32>' and 'tensor<2xi32>'}}
  %t = tp.sample %x with %s : tensor<2x9xf32>, tensor<2x3xi32> -> tensor<2xi32>
  return
}
