// Between two stated shardings: the cheapest steps.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-partition | FileCheck %s
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @gather
// CHECK: tp.all_gather %arg0 dim 0 of 5 split <{"tp"}> {{.*}} tensor<3x4xf32> -> tensor<5x4xf32>
func.func @gather(%x: tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> (tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  return %x : tensor<5x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @slice
// CHECK: tp.all_slice %arg0 dim 0 of 5 split <{"tp"}> {{.*}} tensor<5x4xf32> -> tensor<3x4xf32>
func.func @slice(%x: tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) -> (tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) {
  return %x : tensor<5x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @exchange
// CHECK: tp.all_to_all %arg0 from 0 of 5 split <{"tp"}> to 1 of 4 split <{"tp"}> {{.*}} tensor<3x4xf32> -> tensor<5x2xf32>
func.func @exchange(%x: tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> (tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) {
  return %x : tensor<5x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @scatter
// CHECK: tp.reduce_scatter sum %arg0 dim 0 of 5 split <{"tp"}> {{.*}} tensor<5x4xf32> -> tensor<3x4xf32>
func.func @scatter(%x: tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = sum {"tp"}>})
    -> (tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) {
  return %x : tensor<5x4xf32>
}

// -----

tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @maximum
// CHECK: tp.all_reduce max %arg0 over ["tp"]
func.func @maximum(%x: tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = max {"tp"}>})
    -> (tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  return %x : tensor<5x4xf32>
}

// -----

// A further axis on a split that divides is a slice of what is there.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @further_axis
// CHECK: tp.all_slice %arg0 dim 0 of 4 split <{"b"}> {{.*}} tensor<4x4xf32> -> tensor<2x4xf32>
func.func @further_axis(%x: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}) -> (tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", "b"}, {}]>}) {
  return %x : tensor<8x4xf32>
}

// -----

// One that does not divide goes by way of the other dimension: 39 bytes, by the whole it were 40.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @further_axis_uneven
// CHECK: tp.all_to_all %arg0 from 0 of 5 split <{"a"}> to 1 of 4 split <{"a"}>
// CHECK: tp.all_slice {{.*}} dim 1 of 2 split <{"b"}>
// CHECK: tp.all_to_all {{.*}} from 1 of 4 split <{"a", "b"}> to 0 of 5 split <{"a", "b"}>
func.func @further_axis_uneven(%x: tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}) -> (tensor<5x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", "b"}, {}]>}) {
  return %x : tensor<5x4xf32>
}

// -----

// No divisor of 5: there is no other way than the whole.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @further_axis_alone
// CHECK: tp.all_gather %arg0 dim 0 of 5 split <{"a"}>
// CHECK: tp.all_slice {{.*}} dim 0 of 5 split <{"a", "b"}>
func.func @further_axis_alone(%x: tensor<5xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}]>}) -> (tensor<5xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", "b"}]>}) {
  return %x : tensor<5xf32>
}

// -----

// The same blocks on other devices.
tp.mesh @mesh <["a" = 2, "b" = 3]>
// CHECK-LABEL: func.func @order_of_axes
// CHECK-NEXT: tp.permute %arg0 over ["a", "b"] from [0, 2, 4, 1, 3, 5] {{.*}} : tensor<2x4xf32>
// CHECK-NEXT: {{^ *}}return
func.func @order_of_axes(%x: tensor<12x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a", "b"}, {}]>}) -> (tensor<12x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"b", "a"}, {}]>}) {
  return %x : tensor<12x4xf32>
}

// -----

tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @other_axis
// CHECK-NEXT: tp.permute %arg0 over ["a", "b"] from [0, 2, 1, 3] {{.*}} : tensor<3x4xf32>
// CHECK-NEXT: {{^ *}}return
func.func @other_axis(%x: tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}) -> (tensor<6x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"b"}, {}]>}) {
  return %x : tensor<6x4xf32>
}

// -----

// A sum is scattered over what the target splits, and is sliced before.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @sum_to_two_axes
// CHECK-NEXT: tp.all_slice %arg0 dim 1 of 4 split <{"b"}>
// CHECK-NEXT: tp.reduce_scatter sum {{.*}} dim 0 of 8 split <{"a"}>
// CHECK-NEXT: {{^ *}}return
func.func @sum_to_two_axes(%x: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = sum {"a"}>}) -> (tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {"b"}]>}) {
  return %x : tensor<8x4xf32>
}

// -----

// Half of the sum is scattered, the other half reduced everywhere.
tp.mesh @mesh <["a" = 2, "b" = 2]>
// CHECK-LABEL: func.func @sum_over_two_axes
// CHECK-NEXT: tp.reduce_scatter sum %arg0 dim 0 of 8 split <{"a"}>
// CHECK-NEXT: tp.all_reduce sum {{.*}} over ["b"]
// CHECK-NEXT: {{^ *}}return
func.func @sum_over_two_axes(%x: tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = sum {"a", "b"}>}) -> (tensor<8x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}]>}) {
  return %x : tensor<8x4xf32>
}

// -----

// A value that several uses need in another sharding is brought there once.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @made_once
// CHECK-COUNT-1: tp.all_gather
// CHECK-NOT: tp.all_gather
func.func @made_once(%x: tensor<1x3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>}, %w: tensor<4xf32>) -> (tensor<1x3x4xf32>, tensor<1x3x4xf32>) {
  %a = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<1x3x4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  %b = tp.rms_norm %x, %w {eps = 1.0e-2 : f64} : (tensor<1x3x4xf32>, tensor<4xf32>) -> tensor<1x3x4xf32>
  return %a, %b : tensor<1x3x4xf32>, tensor<1x3x4xf32>
}

// -----

// Overlapping shards are gathered from disjoint parts.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @overlapping
// CHECK: tp.all_gather %arg0 dim 0 of 3 split <{"tp", repeat = 3}> {{.*}} tensor<2x4xf32> -> tensor<3x4xf32>
func.func @overlapping(%x: tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp", repeat = 3}, {}]>}) -> (tensor<3x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) {
  return %x : tensor<3x4xf32>
}

// -----

// A contraction over overlapping shards would count the shared part twice.
tp.mesh @mesh <["tp" = 2]>
// CHECK-LABEL: func.func @contraction_over_overlapping
// CHECK: tp.linear {{.*}} (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
func.func @contraction_over_overlapping(%x: tensor<2x3xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp", repeat = 3}]>}, %w: tensor<4x3xf32>) -> tensor<2x4xf32> {
  %y = tp.linear %x, %w : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
