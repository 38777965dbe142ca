// Each rewrite, and where it must not fire.
// RUN: tp-opt %s --tp-optimize-collectives | FileCheck %s

module attributes {tp.partitioned} {
tp.mesh @mesh <["a" = 2, "b" = 2]>

// CHECK-LABEL: func.func @reduce_then_slice
// CHECK: %[[Y:.*]] = tp.reduce_scatter sum %arg0 dim 0 of 4 split <{"a"}> on @mesh {origin = "why"} : tensor<4x4xf32> -> tensor<2x4xf32>
// CHECK-NEXT: return %[[Y]]
func.func @reduce_then_slice(%x: tensor<4x4xf32>) -> tensor<2x4xf32> {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh {origin = "why"} : tensor<4x4xf32>
  %1 = tp.all_slice %0 dim 0 of 4 split <{"a"}> on @mesh : tensor<4x4xf32> -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// The kind is kept.
// CHECK-LABEL: func.func @maximum_then_slice
// CHECK: tp.reduce_scatter max
func.func @maximum_then_slice(%x: tensor<5x4xf32>) -> tensor<3x4xf32> {
  %0 = tp.all_reduce max %x over ["a"] on @mesh : tensor<5x4xf32>
  %1 = tp.all_slice %0 dim 0 of 5 split <{"a"}> on @mesh : tensor<5x4xf32> -> tensor<3x4xf32>
  return %1 : tensor<3x4xf32>
}

// The whole sum is used too.
// CHECK-LABEL: func.func @reduce_with_a_second_use
// CHECK: tp.all_reduce
// CHECK: tp.all_slice
// CHECK-NOT: tp.reduce_scatter
func.func @reduce_with_a_second_use(%x: tensor<4x4xf32>) -> (tensor<2x4xf32>, tensor<4x4xf32>) {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh : tensor<4x4xf32>
  %1 = tp.all_slice %0 dim 0 of 4 split <{"a"}> on @mesh : tensor<4x4xf32> -> tensor<2x4xf32>
  return %1, %0 : tensor<2x4xf32>, tensor<4x4xf32>
}

// Another group.
// CHECK-LABEL: func.func @reduce_and_slice_over_other_axes
// CHECK: tp.all_reduce
// CHECK: tp.all_slice
func.func @reduce_and_slice_over_other_axes(%x: tensor<4x4xf32>) -> tensor<2x4xf32> {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh : tensor<4x4xf32>
  %1 = tp.all_slice %0 dim 0 of 4 split <{"b"}> on @mesh : tensor<4x4xf32> -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// The group in another order puts the parts elsewhere.
// CHECK-LABEL: func.func @axes_in_another_order
// CHECK: tp.{{all_reduce sum %arg0 over \["a", "b"\]|reduce_scatter sum %arg0 dim 0 of 4 split <\{"b", "a"\}>}}
func.func @axes_in_another_order(%x: tensor<4x4xf32>) -> tensor<1x4xf32> {
  %0 = tp.all_reduce sum %x over ["a", "b"] on @mesh : tensor<4x4xf32>
  %1 = tp.all_slice %0 dim 0 of 4 split <{"b", "a"}> on @mesh : tensor<4x4xf32> -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// Overlapping shards: no scatter.
// CHECK-LABEL: func.func @slice_of_overlapping_shards
// CHECK: tp.all_reduce
func.func @slice_of_overlapping_shards(%x: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh : tensor<3x4xf32>
  %1 = tp.all_slice %0 dim 0 of 3 split <{"a", repeat = 3}> on @mesh : tensor<3x4xf32> -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @gather_then_slice
// CHECK-NEXT: return %arg0
func.func @gather_then_slice(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = tp.all_gather %x dim 0 of 4 split <{"a"}> on @mesh : tensor<2x4xf32> -> tensor<4x4xf32>
  %1 = tp.all_slice %0 dim 0 of 4 split <{"a"}> on @mesh : tensor<4x4xf32> -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @slice_then_gather
// CHECK-NEXT: return %arg0
func.func @slice_then_gather(%x: tensor<5x4xf32>) -> tensor<5x4xf32> {
  %0 = tp.all_slice %x dim 0 of 5 split <{"a"}> on @mesh : tensor<5x4xf32> -> tensor<3x4xf32>
  %1 = tp.all_gather %0 dim 0 of 5 split <{"a"}> on @mesh : tensor<3x4xf32> -> tensor<5x4xf32>
  return %1 : tensor<5x4xf32>
}

// Other axes, another dimension, another grain: both stay.
// CHECK-LABEL: func.func @gather_then_slice_elsewhere
// CHECK-COUNT-3: tp.all_slice
func.func @gather_then_slice_elsewhere(%x: tensor<2x4xf32>, %h: tensor<4x3xf32>) -> (tensor<2x4xf32>, tensor<4x2xf32>, tensor<4x4xf32>) {
  %0 = tp.all_gather %x dim 0 of 4 split <{"a"}> on @mesh : tensor<2x4xf32> -> tensor<4x4xf32>
  %1 = tp.all_slice %0 dim 0 of 4 split <{"b"}> on @mesh : tensor<4x4xf32> -> tensor<2x4xf32>
  %2 = tp.all_slice %0 dim 1 of 4 split <{"a"}> on @mesh : tensor<4x4xf32> -> tensor<4x2xf32>
  %3 = tp.all_gather %h dim 1 of 6 split <{"a"}> on @mesh : tensor<4x3xf32> -> tensor<4x6xf32>
  %4 = tp.all_slice %3 dim 1 of 6 split <{"a", unit = 2}> on @mesh : tensor<4x6xf32> -> tensor<4x4xf32>
  return %1, %2, %4 : tensor<2x4xf32>, tensor<4x2xf32>, tensor<4x4xf32>
}

// CHECK-LABEL: func.func @same_twice
// CHECK-COUNT-1: tp.all_gather
// CHECK-NOT: tp.all_gather
func.func @same_twice(%x: tensor<2x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %0 = tp.all_gather %x dim 0 of 4 split <{"a"}> on @mesh : tensor<2x4xf32> -> tensor<4x4xf32>
  %1 = tp.all_gather %x dim 0 of 4 split <{"a"}> on @mesh : tensor<2x4xf32> -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// The same collective asked for by two ops.
// CHECK-LABEL: func.func @same_twice_with_other_origins
// CHECK-COUNT-1: tp.all_gather
// CHECK-NOT: tp.all_gather
func.func @same_twice_with_other_origins(%x: tensor<2x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %0 = tp.all_gather %x dim 0 of 4 split <{"a"}> on @mesh {origin = "f: tp.linear operand 0"} : tensor<2x4xf32> -> tensor<4x4xf32>
  %1 = tp.all_gather %x dim 0 of 4 split <{"a"}> on @mesh {origin = "f: tp.sdpa operand 0"} : tensor<2x4xf32> -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// CHECK-LABEL: func.func @sum_of_reduces
// CHECK: %[[S:.*]] = arith.addf %arg0, %arg1
// CHECK: tp.all_reduce sum %[[S]] over ["a"]
// CHECK-NOT: tp.all_reduce
func.func @sum_of_reduces(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh : tensor<4xf32>
  %1 = tp.all_reduce sum %y over ["a"] on @mesh : tensor<4xf32>
  %2 = arith.addf %0, %1 : tensor<4xf32>
  return %2 : tensor<4xf32>
}

// Other axes, a maximum, a second use: not of the sum, but six reductions are three meetings.
// CHECK-LABEL: func.func @sum_of_reduces_that_differ
// CHECK-COUNT-3: tp.all_reduce
// CHECK-NOT: tp.all_reduce
// CHECK: return
func.func @sum_of_reduces_that_differ(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh : tensor<4xf32>
  %1 = tp.all_reduce sum %y over ["b"] on @mesh : tensor<4xf32>
  %2 = arith.addf %0, %1 : tensor<4xf32>
  %3 = tp.all_reduce max %x over ["a"] on @mesh : tensor<4xf32>
  %4 = tp.all_reduce max %y over ["a"] on @mesh : tensor<4xf32>
  %5 = arith.addf %3, %4 : tensor<4xf32>
  %6 = tp.all_reduce sum %x over ["b"] on @mesh : tensor<4xf32>
  %7 = tp.all_reduce sum %y over ["a"] on @mesh : tensor<4xf32>
  %8 = arith.subf %6, %7 : tensor<4xf32>
  return %2, %5, %8, %6 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// The first waits for the second, whose operand is made in between.
// CHECK-LABEL: func.func @neighbours_wait
// CHECK: %[[K:.*]] = tp.activation relu %arg1
// CHECK: %[[R:.*]]:2 = tp.all_reduce sum %arg0, %[[K]] over ["a"] on @mesh {origin = "f: tp.linear result; f: tp.sdpa result"} : tensor<4xf32>, tensor<5x2xf32>
// CHECK: tp.activation relu %[[R]]#0
// CHECK: tp.activation relu %[[R]]#1
func.func @neighbours_wait(%x: tensor<4xf32>, %y: tensor<5x2xf32>) -> (tensor<4xf32>, tensor<5x2xf32>) {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh {origin = "f: tp.linear result"} : tensor<4xf32>
  %1 = tp.activation relu %y : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %2 = tp.all_reduce sum %1 over ["a"] on @mesh {origin = "f: tp.sdpa result"} : tensor<5x2xf32>
  %3 = tp.activation relu %0 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = tp.activation relu %2 : (tensor<5x2xf32>) -> tensor<5x2xf32>
  return %3, %4 : tensor<4xf32>, tensor<5x2xf32>
}

// The second and the third come forward, for their operands are there; each form is one op.
// CHECK-LABEL: func.func @neighbours_come
// CHECK: %[[G:.*]]:3 = tp.all_gather %arg0, %arg1, %arg0 dim 0 of 3 split <{"a"}> on @mesh : tensor<2x4xf32>, tensor<2xbf16>, tensor<2x4xf32> -> tensor<3x4xf32>, tensor<3xbf16>, tensor<3x4xf32>
// CHECK: tp.activation relu %[[G]]#0
// CHECK: %[[S:.*]]:2 = tp.reduce_scatter sum {{.*}} dim 0 of 3 split <{"a"}> on @mesh : tensor<3x4xf32>, tensor<3xbf16> -> tensor<2x4xf32>, tensor<2xbf16>
// CHECK: return %[[S]]#0, %[[S]]#1
func.func @neighbours_come(%x: tensor<2x4xf32>, %y: tensor<2xbf16>) -> (tensor<2x4xf32>, tensor<2xbf16>, tensor<3x4xf32>) {
  %0 = tp.all_gather %x dim 0 of 3 split <{"a"}> on @mesh : tensor<2x4xf32> -> tensor<3x4xf32>
  %1 = tp.activation relu %0 : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %2:2 = tp.all_gather %y, %x dim 0 of 3 split <{"a"}> on @mesh : tensor<2xbf16>, tensor<2x4xf32> -> tensor<3xbf16>, tensor<3x4xf32>
  %3 = tp.reduce_scatter sum %1 dim 0 of 3 split <{"a"}> on @mesh : tensor<3x4xf32> -> tensor<2x4xf32>
  %4 = tp.reduce_scatter sum %2#0 dim 0 of 3 split <{"a"}> on @mesh : tensor<3xbf16> -> tensor<2xbf16>
  return %3, %4, %2#1 : tensor<2x4xf32>, tensor<2xbf16>, tensor<3x4xf32>
}

// One after the other, read in between, other dimensions, kinds or axes.
// CHECK-LABEL: func.func @not_neighbours
// CHECK-COUNT-4: tp.all_reduce
// CHECK-COUNT-2: tp.all_gather
// CHECK: return
func.func @not_neighbours(%x: tensor<4xf32>, %y: tensor<4x4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<8x4xf32>, tensor<4x8xf32>) {
  %0 = tp.all_reduce sum %x over ["a"] on @mesh : tensor<4xf32>
  %1 = tp.activation relu %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = tp.all_reduce sum %1 over ["a"] on @mesh : tensor<4xf32>
  %3 = tp.all_reduce max %x over ["a"] on @mesh : tensor<4xf32>
  %4 = tp.all_reduce sum %3 over ["b"] on @mesh : tensor<4xf32>
  %5 = tp.all_gather %y dim 0 of 8 split <{"a"}> on @mesh : tensor<4x4xf32> -> tensor<8x4xf32>
  %6 = tp.all_gather %y dim 1 of 8 split <{"a"}> on @mesh : tensor<4x4xf32> -> tensor<4x8xf32>
  return %2, %4, %5, %6 : tensor<4xf32>, tensor<4xf32>, tensor<8x4xf32>, tensor<4x8xf32>
}
}
