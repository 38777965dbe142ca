// RUN: tp-opt %s --tp-overlap-collectives=mode=on | FileCheck %s
// RUN: tp-opt %s --tp-overlap-collectives=explain=true | FileCheck %s --check-prefix=AUTO

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 2]>

// Half A's sum stands before half B's linear; the next stage's A before what reads B's sum. The residual's rows are parts
// of the argument.
// CHECK-LABEL: func.func @two_stages
// CHECK: %[[XA:.*]] = tensor.extract_slice %arg0[0, 0, 0] [1, 8, 8]
// CHECK-NEXT: %[[A0:.*]] = tp.linear %[[XA]], %arg1
// CHECK-NEXT: %[[A1:.*]] = tp.all_reduce sum %[[A0]] over ["tp"] on @mesh {origin = "why", tp.overlapped} : tensor<1x8x4xf32>
// CHECK-NEXT: %[[XB:.*]] = tensor.extract_slice %arg0[0, 8, 0] [1, 8, 8]
// CHECK-NEXT: %[[B0:.*]] = tp.linear %[[XB]], %arg1
// CHECK-NEXT: %[[B1:.*]] = tp.all_reduce sum %[[B0]]
// CHECK: tensor.extract_slice %arg2[0, 0, 0] [1, 8, 4]
// CHECK: arith.addf %{{.*}}, %[[A1]]
// CHECK: %[[A2:.*]] = tp.linear
// CHECK-NEXT: %[[A3:.*]] = tp.all_reduce sum %[[A2]]
// CHECK: arith.addf %{{.*}}, %[[B1]]
// CHECK: %[[B2:.*]] = tp.linear
// CHECK-NEXT: %[[B3:.*]] = tp.all_reduce sum %[[B2]]
// CHECK-NEXT: %[[Y:.*]] = tensor.concat dim(1) %[[A3]], %[[B3]]
// CHECK-NEXT: return %[[Y]]
func.func @two_stages(%x: tensor<1x16x8xf32>, %w: tensor<4x8xf32>, %r: tensor<1x16x4xf32>, %v: tensor<4x4xf32>) -> tensor<1x16x4xf32> {
  %0 = tp.linear %x, %w : (tensor<1x16x8xf32>, tensor<4x8xf32>) -> tensor<1x16x4xf32>
  %1 = tp.all_reduce sum %0 over ["tp"] on @mesh {origin = "why"} : tensor<1x16x4xf32>
  %2 = arith.addf %r, %1 : tensor<1x16x4xf32>
  %3 = tp.linear %2, %v : (tensor<1x16x4xf32>, tensor<4x4xf32>) -> tensor<1x16x4xf32>
  %4 = tp.all_reduce sum %3 over ["tp"] on @mesh : tensor<1x16x4xf32>
  return %4 : tensor<1x16x4xf32>
}

// The batch is cut where there is more than one sequence; a constant is made smaller.
// CHECK-LABEL: func.func @batch
// CHECK: tensor.extract_slice %arg0[0, 0, 0] [2, 8, 8]
// CHECK: arith.constant dense<2.000000e+00> : tensor<2x8x4xf32>
// CHECK: tensor.extract_slice %arg0[2, 0, 0] [1, 8, 8]
// CHECK: tensor.concat dim(0)
// CHECK-SAME: (tensor<2x8x4xf32>, tensor<1x8x4xf32>) -> tensor<3x8x4xf32>
func.func @batch(%x: tensor<3x8x8xf32>, %w: tensor<4x8xf32>) -> tensor<3x8x4xf32> {
  %c = arith.constant dense<2.0> : tensor<3x8x4xf32>
  %0 = tp.linear %x, %w : (tensor<3x8x8xf32>, tensor<4x8xf32>) -> tensor<3x8x4xf32>
  %1 = arith.mulf %0, %c : tensor<3x8x4xf32>
  %2 = tp.all_reduce sum %1 over ["tp"] on @mesh : tensor<3x8x4xf32>
  return %2 : tensor<3x8x4xf32>
}

// A user of a chain's value that stood before the chain's end comes behind it.
// CHECK-LABEL: func.func @user_between
// CHECK: %[[Y:.*]] = tensor.concat
// CHECK: tensor.collapse_shape %[[Y]]
func.func @user_between(%x: tensor<1x16x8xf32>, %w: tensor<4x8xf32>, %v: tensor<4x4xf32>) -> (tensor<16x4xf32>, tensor<1x16x4xf32>) {
  %0 = tp.linear %x, %w : (tensor<1x16x8xf32>, tensor<4x8xf32>) -> tensor<1x16x4xf32>
  %1 = tp.all_reduce sum %0 over ["tp"] on @mesh : tensor<1x16x4xf32>
  %2 = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<1x16x4xf32> into tensor<16x4xf32>
  %3 = tp.linear %1, %v : (tensor<1x16x4xf32>, tensor<4x4xf32>) -> tensor<1x16x4xf32>
  return %2, %3 : tensor<16x4xf32>, tensor<1x16x4xf32>
}

// One row, as in decoding, and rows too few for two halves stay.
// CHECK-LABEL: func.func @few_rows
// CHECK-NOT: extract_slice
// AUTO-LABEL: func.func @few_rows
// AUTO: tp.overlap = "no: 1 row"
// AUTO: tp.overlap = "no: 12 rows, too few for halves"
func.func @few_rows(%x: tensor<1x1x8xf32>, %y: tensor<1x12x8xf32>, %w: tensor<4x8xf32>) -> (tensor<1x1x4xf32>, tensor<1x12x4xf32>) {
  %0 = tp.linear %x, %w : (tensor<1x1x8xf32>, tensor<4x8xf32>) -> tensor<1x1x4xf32>
  %1 = tp.all_reduce sum %0 over ["tp"] on @mesh : tensor<1x1x4xf32>
  %2 = tp.linear %y, %w : (tensor<1x12x8xf32>, tensor<4x8xf32>) -> tensor<1x12x4xf32>
  %3 = tp.all_reduce sum %2 over ["tp"] on @mesh : tensor<1x12x4xf32>
  return %1, %3 : tensor<1x1x4xf32>, tensor<1x12x4xf32>
}

// A collective along the rows' own dimension mixes them; one without a linear has nothing to run beside.
// CHECK-LABEL: func.func @other_reasons
// CHECK-NOT: extract_slice
// AUTO-LABEL: func.func @other_reasons
// AUTO: tp.reduce_scatter {{.*}}tp.overlap = "no: mixes rows"
// AUTO: tp.all_reduce {{.*}}tp.overlap = "no: no linear beside it"
func.func @other_reasons(%x: tensor<1x16x8xf32>) -> (tensor<1x8x8xf32>, tensor<1x16x8xf32>) {
  %0 = tp.reduce_scatter sum %x dim 1 of 16 split <{"tp"}> on @mesh : tensor<1x16x8xf32> -> tensor<1x8x8xf32>
  %1 = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<1x16x8xf32>
  return %0, %1 : tensor<1x8x8xf32>, tensor<1x16x8xf32>
}

// Half of a small product takes as long as all of it; halves of a large one hide their sums.
// CHECK-LABEL: func.func @small
// AUTO-LABEL: func.func @small
// AUTO-NOT: extract_slice
// AUTO: tp.all_reduce {{.*}}tp.overlap = "no: {{[0-9]+}} us in halves, {{[0-9]+}} us in whole"
func.func @small(%x: tensor<1x128x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<1x128x64xf32> {
  %0 = tp.linear %x, %w : (tensor<1x128x64xbf16>, tensor<64x64xbf16>) -> tensor<1x128x64xf32>
  %1 = tp.all_reduce sum %0 over ["tp"] on @mesh : tensor<1x128x64xf32>
  return %1 : tensor<1x128x64xf32>
}
// AUTO-LABEL: func.func @large
// AUTO: tensor.extract_slice %arg0[0, 0, 0] [32, 128, 7168]
// AUTO: tp.all_reduce {{.*}}tp.overlap = "yes: {{[0-9]+}} us in halves, {{[0-9]+}} us in whole"
func.func @large(%x: tensor<64x128x7168xbf16>, %w: tensor<4096x7168xbf16>) -> tensor<64x128x4096xf32> {
  %0 = tp.linear %x, %w : (tensor<64x128x7168xbf16>, tensor<4096x7168xbf16>) -> tensor<64x128x4096xf32>
  %1 = tp.all_reduce sum %0 over ["tp"] on @mesh : tensor<64x128x4096xf32>
  return %1 : tensor<64x128x4096xf32>
}
}
