// The rows of a chunk behind the largest `last` are padding: nothing is computed for them, and what lies there (NaN, here) reaches neither the cache
// nor the rows before. The second chunk begins where the first one's real rows end.
// RUN: tp-cpu-check %s --tolerance 2e-5
// RUN: tp-cpu-check %s --tolerance 2e-5 --cpu x86-64-v3
// RUN: tp-gpu-check %s --tolerance 2e-5
// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels --tp-plan-memory --tp-lower-kernels=cpu=x86-64-v3 | FileCheck %s
// RUN: tp-opt %s --tp-assign-layouts --tp-outline-kernels --tp-plan-memory --tp-lower-kernels=cpu=x86-64-v3 | FileCheck %s --check-prefix=ROUTE
// RUN: tp-opt %s --tp-assign-layouts=target=cuda --tp-outline-kernels=target=cuda --tp-plan-memory=align=256 --tp-lower-kernels-to-gpu | FileCheck %s --check-prefix=GPU

// CHECK-LABEL: func private @kernel_linear_in_memory
// CHECK-SAME: (%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[ROWS:[a-z0-9]*]]: index
// CHECK: arith.cmpi slt, %{{.*}}, %[[ROWS]]
// CHECK-LABEL: func private @kernel_rms_norm_in_memory
// CHECK-SAME: (%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[ROWS:[a-z0-9]*]]: index
// CHECK: arith.cmpi slt, %{{.*}}, %[[ROWS]]
// CHECK-LABEL: func private @kernel_kv_update_in_memory
// CHECK-SAME: (%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[ROWS:[a-z0-9]*]]: index
// CHECK: arith.cmpi slt, %{{.*}}, %[[ROWS]]
// CHECK-LABEL: func private @kernel_sdpa_in_memory
// CHECK-SAME: (%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[ROWS:[a-z0-9]*]]: index
// CHECK: arith.cmpi slt, %{{.*}}, %[[ROWS]]
// GPU-LABEL: gpu.func @kernel_sdpa(
// GPU-SAME: %[[LAST:[a-z0-9]*]]: memref<2xi32>) workgroup
// GPU: memref.load %[[LAST]]
// ROUTE: func private @kernel_route_in_memory(%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[ROWS:[a-z0-9]*]]: index
// ROUTE: arith.cmpi slt, %{{.*}}, %[[ROWS]]
module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func private @layer(%x: tensor<2x20x32xf32>, %p: tensor<2xi32>, %kc: tensor<2x80x2x16xf32>, %vc: tensor<2x80x2x16xf32>, %w: tensor<32x32xf32>, %n: tensor<32xf32>, %h: tensor<16xf32>)
    -> (tensor<2x20x32xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>) {
  %0 = tp.linear %x, %w : (tensor<2x20x32xf32>, tensor<32x32xf32>) -> tensor<2x20x32xf32>
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [2, 20, 2, 16] : tensor<2x20x32xf32> into tensor<2x20x2x16xf32>
  %q = tp.rms_norm %1, %h {eps = 1.0e-05 : f64} : (tensor<2x20x2x16xf32>, tensor<16xf32>) -> tensor<2x20x2x16xf32>
  %2 = tp.kv_update %kc, %1 at %p : (tensor<2x80x2x16xf32>, tensor<2x20x2x16xf32>, tensor<2xi32>) -> tensor<2x80x2x16xf32>
  %3 = tp.kv_update %vc, %1 at %p : (tensor<2x80x2x16xf32>, tensor<2x20x2x16xf32>, tensor<2xi32>) -> tensor<2x80x2x16xf32>
  %4 = tp.sdpa %q, %2, %3 at %p {causal, group = 1, scale = 0.25 : f64} : (tensor<2x20x2x16xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>, tensor<2xi32>) -> tensor<2x20x2x16xf32>
  %5 = tensor.collapse_shape %4 [[0], [1], [2, 3]] : tensor<2x20x2x16xf32> into tensor<2x20x32xf32>
  %6 = tp.linear %5, %w : (tensor<2x20x32xf32>, tensor<32x32xf32>) -> tensor<2x20x32xf32>
  %7 = tp.rms_norm %6, %n {eps = 1.0e-05 : f64} : (tensor<2x20x32xf32>, tensor<32xf32>) -> tensor<2x20x32xf32>
  return %7, %2, %3 : tensor<2x20x32xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>
}
func.func @first(%t: tensor<2x20xi32> {tp.input = "tokens", tp.low = 0, tp.high = 8}, %p: tensor<2xi32> {tp.input = "position", tp.low = 0, tp.high = 0}, %l: tensor<2xi32> {tp.input = "last", tp.low = 2, tp.high = 9},
    %e: tensor<9x32xf32> {tp.parameter = "e"}, %w: tensor<32x32xf32> {tp.parameter = "w"}, %n: tensor<32xf32> {tp.parameter = "n"}, %h: tensor<16xf32> {tp.parameter = "h"}, %kc: tensor<2x80x2x16xf32> {tp.state = "k"}, %vc: tensor<2x80x2x16xf32> {tp.state = "v"})
    -> (tensor<2x1x32xf32> {tp.output = "y"}, tensor<2x80x2x16xf32> {tp.state = "k"}, tensor<2x80x2x16xf32> {tp.state = "v"}) attributes {tp.entry = "first"} {
  %x = tp.embedding %t, %e : (tensor<2x20xi32>, tensor<9x32xf32>) -> tensor<2x20x32xf32>
  %y:3 = call @layer(%x, %p, %kc, %vc, %w, %n, %h) : (tensor<2x20x32xf32>, tensor<2xi32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>, tensor<32x32xf32>, tensor<32xf32>, tensor<16xf32>) -> (tensor<2x20x32xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>)
  %z:3 = call @layer(%y#0, %p, %y#1, %y#2, %w, %n, %h) : (tensor<2x20x32xf32>, tensor<2xi32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>, tensor<32x32xf32>, tensor<32xf32>, tensor<16xf32>) -> (tensor<2x20x32xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>)
  %r = tp.take_row %z#0, %l : (tensor<2x20x32xf32>, tensor<2xi32>) -> tensor<2x1x32xf32>
  return %r, %z#1, %z#2 : tensor<2x1x32xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>
}
func.func @second(%t: tensor<2x20xi32> {tp.input = "tokens", tp.low = 0, tp.high = 8}, %p: tensor<2xi32> {tp.input = "position", tp.low = 3, tp.high = 3}, %l: tensor<2xi32> {tp.input = "last", tp.low = 0, tp.high = 1},
    %e: tensor<9x32xf32> {tp.parameter = "e"}, %w: tensor<32x32xf32> {tp.parameter = "w"}, %n: tensor<32xf32> {tp.parameter = "n"}, %h: tensor<16xf32> {tp.parameter = "h"}, %kc: tensor<2x80x2x16xf32> {tp.state = "k"}, %vc: tensor<2x80x2x16xf32> {tp.state = "v"})
    -> (tensor<2x1x32xf32> {tp.output = "y"}, tensor<2x80x2x16xf32> {tp.state = "k"}, tensor<2x80x2x16xf32> {tp.state = "v"}) attributes {tp.entry = "second"} {
  %x = tp.embedding %t, %e : (tensor<2x20xi32>, tensor<9x32xf32>) -> tensor<2x20x32xf32>
  %y:3 = call @layer(%x, %p, %kc, %vc, %w, %n, %h) : (tensor<2x20x32xf32>, tensor<2xi32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>, tensor<32x32xf32>, tensor<32xf32>, tensor<16xf32>) -> (tensor<2x20x32xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>)
  %r = tp.take_row %y#0, %l : (tensor<2x20x32xf32>, tensor<2xi32>) -> tensor<2x1x32xf32>
  return %r, %y#1, %y#2 : tensor<2x1x32xf32>, tensor<2x80x2x16xf32>, tensor<2x80x2x16xf32>
}
// A row of padding chooses no expert.
func.func @experts(%t: tensor<2x20xi32> {tp.input = "tokens", tp.low = 0, tp.high = 8}, %l: tensor<2xi32> {tp.input = "last", tp.low = 0, tp.high = 5}, %e: tensor<9x32xf32> {tp.parameter = "e"},
    %r: tensor<5x32xf32> {tp.parameter = "r"}, %wu: tensor<5x37x32xf32> {tp.parameter = "up"}, %wd: tensor<5x32x37xf32> {tp.parameter = "down"})
    -> (tensor<2x1x32xf32> {tp.output = "y"}) attributes {tp.entry = "experts"} {
  %x = tp.embedding %t, %e : (tensor<2x20xi32>, tensor<9x32xf32>) -> tensor<2x20x32xf32>
  %0 = tp.linear %x, %r : (tensor<2x20x32xf32>, tensor<5x32xf32>) -> tensor<2x20x5xf32>
  %g = tp.route %0 {top_k = 2, normalised} : (tensor<2x20x5xf32>) -> tensor<2x20x5xf32>
  %h = tp.expert_up silu %x, %g up(%wu) : (tensor<2x20x32xf32>, tensor<2x20x5xf32>, tensor<5x37x32xf32>) -> tensor<2x20x5x37xf32>
  %y = tp.expert_down %h, %g down(%wd) : (tensor<2x20x5x37xf32>, tensor<2x20x5xf32>, tensor<5x32x37xf32>) -> tensor<2x20x32xf32>
  %z = tp.take_row %y, %l : (tensor<2x20x32xf32>, tensor<2xi32>) -> tensor<2x1x32xf32>
  return %z : tensor<2x1x32xf32>
}
}
